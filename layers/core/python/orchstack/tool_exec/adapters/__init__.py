"""The built-in tools; all of them only read."""
