"""Where sessions are kept: PostgreSQL, Valkey for those in use, or this process."""
