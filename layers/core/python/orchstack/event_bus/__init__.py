"""Event bus: takes what services announce to EventBridge and to whoever listens.

Functions: relay_outbox, list_events, list_audit, open_socket, close_socket, receive_message,
push_events.
Events out: none of its own; it relays every service's.
Events in: all of them, for the WebSocket clients.
"""
