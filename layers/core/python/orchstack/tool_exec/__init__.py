"""The tools an agent may call: their specifications, and calling them within time and size.

Functions: none of its own in this cut; `agent_runtime` calls it in process through `wiring.tools`.
Events in and out: none.
"""
