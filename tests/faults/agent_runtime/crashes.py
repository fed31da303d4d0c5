"""A process that dies at a chosen point: before and after each commit and each call outside."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from uuid import UUID

from orchstack.agent_runtime.driver.hands import HANDS
from orchstack.agent_runtime.model.runs import Run
from orchstack.agent_runtime.ports import Durable, Journal, Models, ToolResult, Tools
from orchstack.kernel.blobs import Blobs
from orchstack.kernel.chat import ChatEvent, ChatRequest, MicroDollars, ToolCall, ToolSpec
from tests.contract.agent_runtime.worlds import Stage


class Killed(BaseException):
    """The process is gone; not even its clean-up runs."""


# A point by its name, and what it is about.
Place = tuple[str, str]
ANYWHERE: Place = ("", "")
# What is passed while a transaction is open.
INSIDE = ("before commit", "before keep", "after keep")
NEVER = 10**9
# No test waits as long; what is forgotten ends all the same.
_AT_MOST_S = 60
# What of a journal's methods changes it.
_WRITES = {
    "active_in_session",
    "open",
    "claim",
    "append",
    "note",
    "renew",
    "release",
    "request_cancel",
    "count_start",
    "set_task_token",
    "take_task_token",
}


@dataclass
class Fuse:
    """Burns through at the n-th point that is passed; from then on nothing works."""

    strike_at: int
    passed: list[str] = field(default_factory=list)
    # The same, each with what it is about: what was written, who was called.
    places: list[Place] = field(default_factory=list)
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def point(self, name: str, about: str = "") -> None:
        """Pass a point, or die there."""
        with self._one_at_a_time:
            if self.blown:
                raise Killed
            self.passed.append(name)
            self.places.append((name, about))
            if self.blown:
                raise Killed

    def enter(self, *, inside: bool = False) -> None:
        """Go on in a process that lives; `inside` a transaction or outside."""
        del inside
        if self.blown:
            raise Killed

    @property
    def blown(self) -> bool:
        """Whether the process is dead."""
        return len(self.passed) >= self.strike_at


@dataclass
class PlaceFuse(Fuse):
    """Burns through where a place is passed for the n-th time, in whatever order threads come.

    ANYWHERE is each place outside of a transaction.
    """

    strike_at: int = NEVER
    place: Place = ANYWHERE
    nth: int = 1

    def point(self, name: str, about: str = "") -> None:
        """Pass a point, or die there."""
        super().point(name, about)
        if self._meant((name, about)) and self.times == self.nth:
            self.strike()
            self.enter()

    @property
    def times(self) -> int:
        """How often the place was passed."""
        return sum(self._meant(place) for place in self.places)

    def _meant(self, place: Place) -> bool:
        return place == self.place or (self.place == ANYWHERE and place[0] not in INSIDE)

    def strike(self) -> None:
        """Be here what the n-th point is to others."""
        self.strike_at = 0


@dataclass
class FreezingFuse(PlaceFuse):
    """Stops the process at a place until it is thawed: every thread at its next step.

    Not inside a transaction: all others would wait for what it has locked.
    """

    frozen: threading.Event = field(default_factory=threading.Event)
    thawed: threading.Event = field(default_factory=threading.Event)

    def strike(self) -> None:
        """Stand still."""
        self.frozen.set()

    def enter(self, *, inside: bool = False) -> None:
        """Begin nothing while the process stands still."""
        if self.frozen.is_set() and not inside:
            self.thawed.wait(_AT_MOST_S)

    def point(self, name: str, about: str = "") -> None:
        """Pass a point, or stand still there."""
        self.enter(inside=name == "before commit")
        super().point(name, about)


class _Open(threading.local):
    """How many transactions of a thread stand inside each other."""

    depth = 0
    written: tuple[str, ...] = ()


class FragileJournal:
    """A journal that may die before and after each commit of something that was written."""

    def __init__(self, inner: Journal, fuse: Fuse) -> None:
        """Wrap a journal."""
        self._inner = inner
        self._fuse = fuse
        self._open = _Open()

    def transaction(self, tenant_id: UUID) -> AbstractContextManager[None]:
        """Die just before the commit or just after it."""
        return self._transaction(tenant_id)

    @contextmanager
    def _transaction(self, tenant_id: UUID) -> Iterator[None]:
        self._fuse.enter(inside=self._open.depth > 0)
        if self._open.depth == 0:
            self._open.written = ()
        self._open.depth += 1
        try:
            with self._inner.transaction(tenant_id):
                yield
                self._point("before commit")
            self._point("after commit")
        finally:
            self._open.depth -= 1

    def _point(self, name: str) -> None:
        if self._open.depth == 1 and self._open.written:
            self._fuse.point(name, " + ".join(self._open.written))

    def __getattr__(self, name: str) -> Any:
        """All else is the inner journal's, unless the process is dead."""
        self._fuse.enter(inside=self._open.depth > 0)
        method = getattr(self._inner, name)
        return partial(self._noted, name, method) if name in _WRITES else method

    def _noted(self, name: str, method: Callable[..., Any], *args: Any, **more: Any) -> Any:
        about = f"{name} {args[0].agent}" if isinstance(args[0], Run) else name
        self._open.written = (*self._open.written, about)
        return method(*args, **more)


@dataclass
class FragileModels:
    """A model during whose call the process may die."""

    inner: Models
    fuse: Fuse

    def stream(
        self, tenant_id: UUID, request: ChatRequest, *, deadline: float
    ) -> Iterator[ChatEvent]:
        """Die before the call, between two pieces, or when the answer has arrived."""
        self.fuse.point("before model", request.model)
        for event in self.inner.stream(tenant_id, request, deadline=deadline):
            yield event
            self.fuse.point("model event", request.model)

    def worst_cost(self, request: ChatRequest) -> MicroDollars:
        """The inner one's."""
        return self.inner.worst_cost(request)


@dataclass
class FragileTools:
    """A tool around whose effect the process may die."""

    inner: Tools
    fuse: Fuse

    def specs(self, names: Sequence[str]) -> tuple[ToolSpec, ...]:
        """The inner one's."""
        return self.inner.specs(names)

    def call(
        self, tenant_id: UUID, call: ToolCall, *, idempotency_key: str, deadline: float
    ) -> ToolResult:
        """Die before the effect or just after it."""
        about = f"{call.name} {call.arguments}"
        self.fuse.point("before tool", about)
        answer = self.inner.call(
            tenant_id, call, idempotency_key=idempotency_key, deadline=deadline
        )
        self.fuse.point("after tool", about)
        return answer


@dataclass
class FragileDurable:
    """A state machine around whose calls the process may die."""

    inner: Durable
    fuse: Fuse

    def start(self, tenant_id: UUID, run_id: UUID, n: int) -> None:
        """Die before the execution begins or just after it."""
        self.fuse.point("before start")
        self.inner.start(tenant_id, run_id, n)
        self.fuse.point("after start")

    def answer(self, token: str) -> bool:
        """Die before the execution hears of the answer or just after it."""
        self.fuse.point("before answer")
        known = self.inner.answer(token)
        self.fuse.point("after answer")
        return known


@dataclass
class FragileBlobs:
    """A store of bytes around whose calls the process may die."""

    inner: Blobs
    fuse: Fuse

    def keep(self, tenant_id: UUID, data: bytes, media_type: str) -> str:
        """Die before the bytes are kept or just after it."""
        self.fuse.point("before keep")
        name = self.inner.keep(tenant_id, data, media_type)
        self.fuse.point("after keep")
        return name

    def read(self, tenant_id: UUID, sha256: str) -> bytes:
        """Let the inner one do it: a run itself reads none."""
        return self.inner.read(tenant_id, sha256)

    def erase(self, tenant_id: UUID, sha256: str) -> None:
        """Let the inner one do it."""
        self.inner.erase(tenant_id, sha256)


def bury() -> None:
    """Wait until the threads of a process that died have ended: each does at its next point."""
    until = time.monotonic() + 10
    while HANDS.busy and time.monotonic() < until:
        time.sleep(0.001)


def fragile(stage: Stage, fuse: Fuse) -> Stage:
    """The same stage in a process that dies when the fuse burns through."""
    world = replace(
        stage.world,
        journal=FragileJournal(stage.world.journal, fuse),
        models=FragileModels(stage.world.models, fuse),
        durable=FragileDurable(stage.world.durable, fuse),
        tools=FragileTools(stage.world.tools, fuse),
        blobs=FragileBlobs(stage.world.blobs, fuse),
    )
    return replace(stage, world=world)
