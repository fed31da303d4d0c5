"""The rules of canaries: which version a session meets, and when a new one is worse than chance."""
