"""What the tool executor speaks of: calls in context, results, and how a tool fails."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class CallContext:
    """Whose call it is, its key for exactly-once effects, and until when (Unix seconds)."""

    tenant_id: UUID
    idempotency_key: str
    deadline: float


@dataclass(frozen=True)
class ToolResult:
    """What the model is told; untrusted text, to be carried in a message of the role `tool`."""

    content: str
    is_error: bool = False


class ToolFault(Exception):
    """A tool could not do what it was asked; the sentence tells the model what to do next."""
