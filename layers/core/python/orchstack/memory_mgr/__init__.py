"""Memory manager: what an agent remembers; so far the session tier, what was said before.

Functions: none of its own; `agent_runtime` calls it in process, joined by `wiring.memory_mgr`.
Events out and in: none.
"""
