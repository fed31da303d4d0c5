"""Where sessions are kept: PostgreSQL, or this process."""
