"""The Python client of OrchStack.

from orchstack.sdk import OrchStack

with OrchStack() as client:
    for event in client.runs.stream("assistant", "What is 17 * 23?"):
        print(event.name, event.data)
"""

from __future__ import annotations

from orchstack.sdk.client import OrchStack
from orchstack.sdk.contexts import Context, ContextPart, LeftOut
from orchstack.sdk.errors import (
    ApiError,
    Conflict,
    ConnectionFailed,
    Forbidden,
    Gone,
    InvalidDocument,
    InvalidRequest,
    NotConfigured,
    NotFound,
    OrchStackError,
    Problem,
    RateLimited,
    ServerError,
    StreamBroken,
    Unauthenticated,
)
from orchstack.sdk.models import (
    Agent,
    AgentDetail,
    AgentVersion,
    Alias,
    ApiKey,
    AuditEntry,
    Event,
    Fault,
    IssuedKey,
    IssuedTenant,
    Published,
    Run,
    RunDetail,
    RunEvent,
    Tenant,
    Usage,
)
from orchstack.sdk.outcomes import (
    AgentStats,
    Comparison,
    Estimate,
    Outcome,
    OutcomeDetail,
    Percentiles,
    Review,
    Trace,
    UsageReport,
    VersionStats,
)
from orchstack.sdk.records import Fork, Replay, RunDiff, Step
from orchstack.sdk.retry import Retries
from orchstack.sdk.sessions import (
    DeletedSession,
    Session,
    SessionDetail,
    SessionExport,
    SessionMessage,
)
from orchstack.sdk.transport import (
    HttpRequest,
    HttpResponse,
    HttpTransport,
    MockTransport,
    Transport,
)

__all__ = [
    "Agent",
    "AgentDetail",
    "AgentStats",
    "AgentVersion",
    "Alias",
    "ApiError",
    "ApiKey",
    "AuditEntry",
    "Comparison",
    "Conflict",
    "ConnectionFailed",
    "Context",
    "ContextPart",
    "DeletedSession",
    "Estimate",
    "Event",
    "Fault",
    "Forbidden",
    "Fork",
    "Gone",
    "HttpRequest",
    "HttpResponse",
    "HttpTransport",
    "InvalidDocument",
    "InvalidRequest",
    "IssuedKey",
    "IssuedTenant",
    "LeftOut",
    "MockTransport",
    "NotConfigured",
    "NotFound",
    "OrchStack",
    "OrchStackError",
    "Outcome",
    "OutcomeDetail",
    "Percentiles",
    "Problem",
    "Published",
    "RateLimited",
    "Replay",
    "Retries",
    "Review",
    "Run",
    "RunDetail",
    "RunDiff",
    "RunEvent",
    "ServerError",
    "Session",
    "SessionDetail",
    "SessionExport",
    "SessionMessage",
    "Step",
    "StreamBroken",
    "Tenant",
    "Trace",
    "Transport",
    "Unauthenticated",
    "Usage",
    "UsageReport",
    "VersionStats",
]
