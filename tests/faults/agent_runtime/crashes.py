"""A process that dies at a chosen point: before and after each commit and each call outside."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from orchstack.agent_runtime.adapters.in_memory import InMemoryTools, ScriptedModels, ToolAnswer
from orchstack.agent_runtime.driver.hands import HANDS
from orchstack.agent_runtime.ports import Durable, Journal
from orchstack.kernel.chat import ChatEvent, ChatRequest, MicroDollars, ToolCall, ToolSpec
from tests.contract.agent_runtime.worlds import Stage


class Killed(BaseException):
    """The process is gone; not even its clean-up runs."""


@dataclass
class Fuse:
    """Burns through at the n-th point that is passed; from then on nothing works."""

    strike_at: int
    passed: list[str] = field(default_factory=list)
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def point(self, name: str) -> None:
        """Pass a point, or die there."""
        with self._one_at_a_time:
            if self.blown:
                raise Killed
            self.passed.append(name)
            if self.blown:
                raise Killed

    @property
    def blown(self) -> bool:
        """Whether the process is dead."""
        return len(self.passed) >= self.strike_at


class _Open(threading.local):
    """How many transactions of a thread stand inside each other."""

    depth = 0


class FragileJournal:
    """A journal that may die before and after each commit."""

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
        self._open.depth += 1
        try:
            with self._inner.transaction(tenant_id):
                yield
                if self._open.depth == 1:
                    self._fuse.point("before commit")
            if self._open.depth == 1:
                self._fuse.point("after commit")
        finally:
            self._open.depth -= 1

    def __getattr__(self, name: str) -> Any:
        """All else is the inner journal's, unless the process is dead."""
        if self._fuse.blown:
            raise Killed
        return getattr(self._inner, name)


@dataclass
class FragileModels:
    """A model during whose call the process may die."""

    inner: ScriptedModels
    fuse: Fuse

    def stream(
        self, tenant_id: UUID, request: ChatRequest, *, deadline: float
    ) -> Iterator[ChatEvent]:
        """Die before the call, between two pieces, or when the answer has arrived."""
        self.fuse.point("before model")
        for event in self.inner.stream(tenant_id, request, deadline=deadline):
            yield event
            self.fuse.point("model event")

    def worst_cost(self, request: ChatRequest) -> MicroDollars:
        """The inner one's."""
        return self.inner.worst_cost(request)


@dataclass
class FragileTools:
    """A tool around whose effect the process may die."""

    inner: InMemoryTools
    fuse: Fuse

    def specs(self, names: Sequence[str]) -> tuple[ToolSpec, ...]:
        """The inner one's."""
        return self.inner.specs(names)

    def call(
        self, tenant_id: UUID, call: ToolCall, *, idempotency_key: str, deadline: float
    ) -> ToolAnswer:
        """Die before the effect or just after it."""
        self.fuse.point("before tool")
        answer = self.inner.call(
            tenant_id, call, idempotency_key=idempotency_key, deadline=deadline
        )
        self.fuse.point("after tool")
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
        models=FragileModels(stage.models, fuse),
        durable=FragileDurable(stage.world.durable, fuse),
        tools=FragileTools(stage.tools, fuse),
    )
    return replace(stage, world=world)
