"""The use cases of the agent runtime."""

from __future__ import annotations

from orchstack.agent_runtime.service.outcomes import OutcomeTracker
from orchstack.agent_runtime.service.running import AgentRuntime
from orchstack.agent_runtime.service.showing import RunRecords

__all__ = ["AgentRuntime", "OutcomeTracker", "RunRecords"]
