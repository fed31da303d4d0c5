"""What every state machine promises: it begins a run's execution once, and answers who waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest

from orchstack.agent_runtime.adapters.in_memory_durable import InMemoryDurable
from orchstack.agent_runtime.adapters.step_functions import StepFunctionsDurable
from orchstack.agent_runtime.ports import Durable
from orchstack.kernel.errors import Unavailable
from orchstack.kernel.ids import new_id
from tests.contract.agent_runtime.states_stub import MACHINE, StatesStub, running

TENANT, RUN = new_id(), new_id()
Started = tuple[UUID, UUID, int]


@dataclass(frozen=True)
class Machine:
    """A state machine, what was started on it, how one begins to wait, and how it goes away."""

    durable: Durable
    started: Callable[[], list[Started]]
    wait: Callable[[str], None]
    go_away: Callable[[], None]


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> Iterator[StatesStub]:
    """Step Functions, as boto3 finds it."""
    with running() as stub:
        for name, value in stub.environment.items():
            monkeypatch.setenv(name, value)
        yield stub


def _in_memory() -> Machine:
    machine = InMemoryDurable()
    return Machine(
        durable=machine,
        started=lambda: machine.started,
        wait=machine.waiting.add,
        go_away=lambda: setattr(machine, "away", True),
    )


def _step_functions(states: StatesStub) -> Machine:
    def started() -> list[Started]:
        given = states.started.items()
        assert all(name == f"{at['run_id']}-{at['start']}" for name, at in given)
        return [(UUID(at["tenant_id"]), UUID(at["run_id"]), at["start"]) for _, at in given]

    return Machine(
        durable=StepFunctionsDurable(lambda: MACHINE),
        started=started,
        wait=states.waiting.add,
        go_away=lambda: setattr(states, "failing", True),
    )


@pytest.fixture(params=["memory", "step functions"])
def machine(request: pytest.FixtureRequest) -> Machine:
    """Each adapter in turn."""
    if request.param == "memory":
        return _in_memory()
    return _step_functions(request.getfixturevalue("states"))


def test_an_execution_begins_once(machine: Machine) -> None:
    """The same number again begins nothing; the next number does."""
    for n in (1, 1, 2):
        machine.durable.start(TENANT, RUN, n)

    assert [(TENANT, RUN, 1), (TENANT, RUN, 2)] == machine.started()


def test_a_waiting_execution_is_answered_once(machine: Machine) -> None:
    """Whoever answers later is told that nobody waits any more."""
    machine.wait("token")

    assert [True, False] == [machine.durable.answer("token") for _ in range(2)]


def test_a_machine_that_is_away_is_said_to_be(machine: Machine) -> None:
    """The caller decides what that means: the run itself is kept."""
    machine.go_away()
    with pytest.raises(Unavailable):
        machine.durable.start(TENANT, RUN, 1)
    with pytest.raises(Unavailable):
        machine.durable.answer("token")
