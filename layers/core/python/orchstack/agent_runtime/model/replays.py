"""What a replay found: each decision of a run, made anew from its journal."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from orchstack.kernel.frozen import Frozen
from orchstack.kernel.plain import JsonObject

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Decision(Frozen):
    """A decision as it was made anew: the step it plans, and the SHA-256 of its canonical JSON."""

    seq: int
    kind: Literal["model", "tool", "wait", "handoff", "finish"]
    digest: Digest


class Difference(Frozen):
    """Where a replay parts from the record: what is written down, and what is decided today.

    None: no such step is written down, or none is decided.
    """

    seq: int
    recorded: JsonObject | None
    decided: JsonObject | None


class ReplayReport(Frozen):
    """The decisions of a run up to the first that differs, and the SHA-256 over their digests."""

    identical: bool
    decisions: tuple[Decision, ...]
    digest: Digest
    first_difference: Difference | None
