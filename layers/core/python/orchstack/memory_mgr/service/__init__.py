"""The use cases of the memory manager."""

from __future__ import annotations

from orchstack.memory_mgr.service.exporting import SessionExporter
from orchstack.memory_mgr.service.hot import HotHistory
from orchstack.memory_mgr.service.memory import SessionMemory
from orchstack.memory_mgr.service.sessions import SessionDirectory

__all__ = ["HotHistory", "SessionDirectory", "SessionExporter", "SessionMemory"]
