"""Memory manager: what an agent remembers; so far the session tier, what was said before.

Functions: create_session, list_sessions, get_session, rename_session, delete_session,
list_messages, export_session; `agent_runtime` recalls and remembers in process, joined by
`wiring.memory_mgr`.
Events out: SessionDeleted.
Events in: none.
"""
