"""Tool executor: the tools an agent may call, described to models and called within bounds.

Functions: none of its own; `agent_runtime` calls it in process, joined by `wiring.tool_exec`.
Events out and in: none.
"""
