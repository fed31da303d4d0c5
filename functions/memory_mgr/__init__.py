"""Lambda handlers of the memory manager."""
