"""What may go in and out: limits on size, and personal data and secrets redacted.

Functions: none of its own in this cut; `agent_runtime` calls it in process through `wiring.guards`.
Events in and out: none.
"""
