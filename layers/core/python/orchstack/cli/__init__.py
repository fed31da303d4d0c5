"""The `orchstack` command; libraries are imported where they are needed, so help comes at once."""
