"""A model that says a few words and then falls silent, and a caller who listens meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from uuid import UUID

from orchstack.agent_runtime.model.events import LiveEvent
from orchstack.agent_runtime.model.runs import Ask
from orchstack.kernel.chat import ChatEvent, ChatRequest, MicroDollars, TextDelta
from tests.contract.agent_runtime.worlds import Stage, key, says

WORDS = ("It ", "is ")
# No test waits as long; a thread that is forgotten ends all the same.
AT_MOST_S = 20


@dataclass
class HaltingModels:
    """Says its words, then nothing until it is let go, and ends the sentence then."""

    words: Sequence[str] = WORDS
    price: MicroDollars = 7
    asked: int = 0
    silent: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def stream(
        self, tenant_id: UUID, request: ChatRequest, *, deadline: float
    ) -> Iterator[ChatEvent]:
        """Speak, fall silent, and end."""
        del tenant_id, request, deadline
        self.asked += 1
        for word in self.words:
            yield TextDelta(text=word)
        self.silent.set()
        self.go_on.wait(AT_MOST_S)
        yield TextDelta(text="391.")
        yield says("".join(self.words) + "391.")

    def worst_cost(self, request: ChatRequest) -> MicroDollars:
        """The price of every call."""
        del request
        return self.price


def halting(stage: Stage, **of_models: object) -> tuple[Stage, HaltingModels]:
    """The stage with a model that falls silent."""
    models = HaltingModels(**of_models)  # type: ignore[arg-type]  # as its fields say
    return replace(stage, world=replace(stage.world, models=models)), models


@dataclass(frozen=True)
class Listening:
    """A run whose caller listens in a thread of his own."""

    run_id: UUID
    told: Future[list[LiveEvent]]


@contextmanager
def listening(stage: Stage, models: HaltingModels) -> Iterator[Listening]:
    """Ask the agent, and wait until its model is silent."""
    with ThreadPoolExecutor(1) as pool:
        began: Future[UUID] = Future()
        try:
            told = pool.submit(_listen, stage, began)
            models.silent.wait(AT_MOST_S)
            yield Listening(began.result(AT_MOST_S), told)
        finally:
            models.go_on.set()


def _listen(stage: Stage, began: Future[UUID]) -> list[LiveEvent]:
    ask = Ask(agent="adder", text="What is 17 * 23?")
    try:
        started = stage.runtime.start(stage.principal, ask, key=key(), deadline=stage.deadline)
        began.set_result(started.run_id)
        return list(started.events)
    finally:
        stage.hang_up()
