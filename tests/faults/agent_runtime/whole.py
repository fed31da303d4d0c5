"""What must be true of runs when they are over, whoever died on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from orchstack.agent_runtime.adapters.in_memory_journal import InMemoryJournal
from orchstack.agent_runtime.adapters.postgres import PostgresSweepings
from orchstack.agent_runtime.loop import transcript
from orchstack.agent_runtime.model.events import LiveEvent, LiveEventName
from orchstack.agent_runtime.model.runs import Run
from orchstack.agent_runtime.model.steps import GuardWork, ModelWork, Step
from orchstack.agent_runtime.ports import Sweepings
from orchstack.kernel.chat import Role
from orchstack.kernel.db.session import Database
from tests.contract.agent_runtime.worlds import Stage, in_memory, in_postgres
from tests.faults.agent_runtime.plays import LEASE_S, Play
from tests.faults.agent_runtime.scenarios import Scenario, WatchedTools

# What the death of a driver may change of a step, and what differs from run to run.
_CIRCUMSTANCES = {
    "attempt",
    "lost_micro_usd",
    "expires_at",
    "child_run_id",
    "answered_by",
    "context",
}
_ENDS = ("RunCompleted", "RunFailed", "RunCancelled")


@dataclass(frozen=True)
class Announced:
    """What was announced of a tenant: types of events and actions of audit entries, by subject."""

    events: Counter[tuple[str, str]]
    audit: Counter[tuple[str, str]]


@dataclass(frozen=True)
class Ground:
    """A store, on which plays are set up and looked at."""

    name: str
    make_stage: Callable[..., Stage]
    sweepings: Callable[[Stage], Sweepings]
    announced: Callable[[Stage], Announced]

    def play(self, scenario: Scenario) -> Play:
        """A play of a scenario, of a tenant of its own."""
        stage = scenario.set_up(self.make_stage, lease_seconds=LEASE_S)
        return Play(scenario, stage, self.sweepings(stage))


def memory() -> Ground:
    """Plays in memory."""
    return Ground("memory", in_memory, _journal, _announced_in_memory)


def postgres(database: Database, platform: Database) -> Ground:
    """Plays over PostgreSQL."""

    def hang_up() -> None:
        database.close()
        platform.close()

    def make_stage(*args: Any, **more: Any) -> Stage:
        return replace(in_postgres(database, *args, **more), hang_up=hang_up)

    def announced(stage: Stage) -> Announced:
        with database.transaction(stage.tenant_id) as tx:
            events = tx.all(
                "select event ->> 'type' as what, event ->> 'subject' as of_ from app.outbox"
            )
            audit = tx.all("select action as what, subject as of_ from app.audit_entries")
        return Announced(_counted(events), _counted(audit))

    sweepings = PostgresSweepings(platform)
    return Ground("postgres", make_stage, lambda _: sweepings, announced)


def _counted(rows: list[dict[str, Any]]) -> Counter[tuple[str, str]]:
    return Counter((row["what"], row["of_"]) for row in rows)


def _journal(stage: Stage) -> InMemoryJournal:
    journal = stage.world.journal
    assert isinstance(journal, InMemoryJournal)
    return journal


def _announced_in_memory(stage: Stage) -> Announced:
    announced = _journal(stage).announced
    return Announced(
        Counter((event.type, event.subject) for each in announced for event in each.events),
        Counter((entry.action, entry.subject) for each in announced for entry in each.audit),
    )


def tale(play: Play) -> list[Any]:
    """How the runs of a play went and ended, but for what a death may change."""
    return [_told(play, run) for run in play.roots()]


def _told(play: Play, run: Run) -> Any:
    ended = (run.status, run.finish_reason, run.output, run.structured, run.question)
    if play.scenario.cancelled:
        return ended
    steps = steps_of(play.stage, run)
    works = [_plain(step) for step in steps if not isinstance(step.work, GuardWork)]
    guards = sorted(str(_plain(step)) for step in steps if isinstance(step.work, GuardWork))
    children = [_told(play, child) for child in _children(play, run)]
    return (*ended, run.cost_micro_usd, run.step_count, works, guards, children)


def _plain(step: Step) -> dict[str, Any]:
    return step.work.model_dump(mode="json", exclude=_CIRCUMSTANCES)


def steps_of(stage: Stage, run: Run) -> tuple[Step, ...]:
    """The journal of a run."""
    with stage.world.journal.transaction(run.tenant_id):
        return stage.world.journal.steps(run.tenant_id, run.id)


def _children(play: Play, run: Run) -> tuple[Run, ...]:
    with play.stage.world.journal.transaction(run.tenant_id):
        return play.stage.world.journal.children(run.tenant_id, run.id)


def assert_whole(ground: Ground, play: Play, expected: list[Any]) -> None:
    """All that was promised: the runs, their journals, effects, announcements, tales, session."""
    assert expected == tale(play)
    announced = ground.announced(play.stage)
    asked = 0
    for run in play.all_runs():
        steps = steps_of(play.stage, run)
        assert list(range(1, len(steps) + 1)) == [step.seq for step in steps]
        assert {"finished"} == {step.status for step in steps}
        _assert_announced_once(announced, run, steps)
        asked += sum(s.work.attempt for s in steps if isinstance(s.work, ModelWork))
    # Each call of a model stood in a journal before it was made.
    assert asked >= len(play.stage.models.asked)
    _assert_effects(play.stage)
    _assert_remembered_once(play)
    for run in play.roots():
        _assert_told(play, run)


def _assert_announced_once(announced: Announced, run: Run, steps: tuple[Step, ...]) -> None:
    subject = f"runs/{run.id}"
    events = {
        what.split(".")[1]: n for (what, of_), n in announced.events.items() if subject == of_
    }
    assert 1 == events.pop("RunStarted")
    assert [1] == list(events.values())
    assert {*events} <= {*_ENDS}
    assert 1 == announced.audit["run.start", subject]
    audit = {of_: n for (_, of_), n in announced.audit.items() if of_.startswith(f"{subject}/")}
    assert {f"{subject}/steps/{step.seq}": 1 for step in steps} == audit


def _assert_effects(stage: Stage) -> None:
    tools = stage.tools
    assert isinstance(tools, WatchedTools)
    assert [] == tools.unpromised
    assert 1 >= max(tools.happened.values(), default=0)


def most_effects(play: Play) -> tuple[int, int]:
    """How often at most a wish had its effect, and how often its key was used."""
    tools = play.stage.tools
    assert isinstance(tools, WatchedTools)
    return max(tools.happened.values(), default=0), max(tools.calls.values(), default=0)


def _assert_remembered_once(play: Play) -> None:
    if play.scenario.runs == 1:
        return
    with play.stage.world.journal.transaction(play.stage.tenant_id):
        turns = play.stage.world.memory.recall(play.stage.tenant_id, play.session, 100)
    said = [run.output for run in play.roots()]
    assert said == [turn.content for turn in turns if turn.role is Role.ASSISTANT]
    assert len(said) == sum(turn.role is Role.USER for turn in turns)


def _assert_told(play: Play, run: Run) -> None:
    """Whoever had heard any part of the tale goes on from there without a gap or a repeat."""
    steps = steps_of(play.stage, run)
    whole = list(transcript.journal(run, steps))
    for heard in (heard for run_id, heard in play.told if run_id == run.id and heard):
        # Who listens from an answer on has heard what was before elsewhere.
        before = [event for event in whole if event.id < heard[0].id]
        for n, last in enumerate(heard, start=1):
            later = [step for step in steps if step.seq >= last.id.step]
            told = (*before, *heard[:n], *transcript.journal(run, later, after=last.id))
            ids = [event.id for event in told]
            assert sorted(set(ids)) == ids
            assert _plainly(whole) == _plainly(_folded(told))


def _folded(events: Iterable[LiveEvent]) -> list[LiveEvent]:
    """What a reader keeps who forgets a step's text when its model is asked again."""
    kept: list[LiveEvent] = []
    for event in events:
        if event.name is LiveEventName.MODEL_STARTED:
            kept = [each for each in kept if each.id.step != event.id.step]
        kept.append(event)
    return kept


def _plainly(events: Iterable[LiveEvent]) -> list[tuple[UUID | str, str, Any]]:
    return [(str(event.id), event.name, event.data) for event in events]
