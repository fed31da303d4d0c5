"""Guard system: what may go in and out; limits on size, personal data and secrets redacted.

Functions: none of its own; `agent_runtime` calls it in process, joined by `wiring.guard_sys`.
Events out and in: none.
"""
