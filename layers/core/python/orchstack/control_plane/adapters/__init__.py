"""What the ports are joined to: PostgreSQL, Valkey, and their likeness in memory."""
