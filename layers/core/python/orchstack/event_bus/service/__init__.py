"""The use cases of the event bus: relay what was announced, list it, push it to listeners."""

from __future__ import annotations

from orchstack.event_bus.service.listening import Listening, Opening, Pushing
from orchstack.event_bus.service.listing import Listing
from orchstack.event_bus.service.relay import Relay

__all__ = ["Listening", "Listing", "Opening", "Pushing", "Relay"]
