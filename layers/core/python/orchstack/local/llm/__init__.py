"""Which model answers on a laptop: hosted, Ollama, a small one of our own, or the built-in one."""
