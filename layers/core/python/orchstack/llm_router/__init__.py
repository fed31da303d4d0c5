"""LLM router: which model answers, over which provider, at what price; the only way to a model.

Functions: none of its own; `agent_runtime` calls it in process, joined by `wiring.llm_router`.
Events out and in: none.
"""
