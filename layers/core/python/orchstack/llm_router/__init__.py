"""Which model answers, over which provider, at what price; the only way to a model.

Functions: none of its own in this cut; `agent_runtime` calls it in process through `wiring.models`.
Events in and out: none.
"""
