"""The only place that joins services and adapters."""
