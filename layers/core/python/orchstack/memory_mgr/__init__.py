"""What an agent remembers; in this cut the session tier: the messages of one conversation.

Functions: none of its own in this cut; `agent_runtime` calls it in process through `wiring.memory`.
Events in and out: none.
"""
