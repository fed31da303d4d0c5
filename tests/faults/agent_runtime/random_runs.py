"""Runs at random: what models and tools may do, what limits them, and deaths of their drivers."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from random import Random
from typing import Any
from uuid import UUID

from orchstack.agent_runtime.loop.decision import Command, Finish, decide
from orchstack.agent_runtime.loop.state import RunState
from orchstack.agent_runtime.model.runs import Mode, RequestKey, RunDetail
from orchstack.agent_runtime.model.steps import FinishReason, FinishWork, RunStatus
from orchstack.kernel.chat import Completion, ToolCall, Usage
from orchstack.kernel.errors import InvalidRequest, NoProviderAvailable, OrchStackError
from orchstack.kernel.events import Announcement
from tests.contract.agent_runtime.worlds import Stage, calculate, key, lapse, says, wishes
from tests.faults.agent_runtime.crashes import Fuse, Killed, bury, fragile

CLERK = "scripted/clerk"
LEASE_S = 0.03
QUESTION = "What is 17 * 23?"
_WISHES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("calculator", {"expression": "17 * 23"}),
    ("calculator", {"forbidden": "forbidden"}),
    ("clock", {}),
    ("broken", {}),
    ("shell", {"run": "rm"}),
    ("ask_human", {"question": "May I?"}),
    ("ask_human", {}),
    ("ask_clerk", {"input": "Help me."}),
    ("hand_off_to_clerk", {"reason": "sums"}),
)
_WORDS = ("It is 391.", "a forbidden word", '{"sum": 391}', "", "Let me see.")


@dataclass(frozen=True)
class RandomRun:
    """How a run is made: it can be made again from the same number."""

    random: Random

    @classmethod
    def of(cls, seed: str) -> RandomRun:
        """The run of a seed."""
        return cls(Random(seed))  # noqa: S311 - nothing is secret

    def document(self) -> dict[str, Any]:
        """An agent's document."""
        pick = self.random.choice
        order = [{"first": "calculator", "then": "clock"}, {"first": "clock", "then": "clock"}]
        return {
            "tools": ("calculator", "clock", "broken", "ask_human"),
            "tool_order": order[: pick((0, 1, 2))],
            "agents": [
                {"agent": "clerk", "kind": "tool"},
                {"agent": pick(("clerk", "nobody")), "kind": "handoff"},
            ],
            "output_schema": pick((None, None, {"type": "object"})),
            "guards": {"pii_input": "redact", "pii_output": pick(("off", "redact", "block"))},
            "limits": {
                "max_steps": self.random.randint(1, 7),
                "max_total_tokens": pick((100_000, 100_000, 60)),
                "max_cost_micro_usd": pick((10_000, 10_000, 25)),
                "max_parallel_tools": pick((1, 2, 4)),
                "max_depth": pick((1, 3)),
            },
        }

    def script(self) -> list[Completion | OrchStackError]:
        """What a model answers, turn by turn."""
        return [self._answer() for _ in range(20)]

    def _answer(self) -> Completion | OrchStackError:
        chance, pick = self.random.random(), self.random.choice
        if chance < 0.04:
            return NoProviderAvailable()
        text, cost = pick(_WORDS), self.random.randint(0, 6)
        used = Usage(input_tokens=self.random.randint(1, 30), output_tokens=5)
        if chance < 0.6:
            wished = [pick(_WISHES) for _ in range(self.random.randint(1, 3))]
            made = wishes(*wished, text=text)
            return made.model_copy(update={"cost": cost, "usage": used})
        reason = pick(("stop", "stop", "stop", "length"))
        return says(text, cost=cost, usage=used, finish_reason=reason)

    def play(self, stage: Stage) -> RunDetail:
        """Play a run to its end on a stage, over the deaths of its drivers."""
        stage = self._set(stage)
        name = key(str(self.random.random()))
        for _ in range(self.random.choice((0, 0, 1, 2))):
            with suppress(Killed):
                fuse = Fuse(self.random.randint(1, 30))
                fragile(stage, fuse).stream(QUESTION, key=name)
            bury()
            lapse(stage)
        self._cancel(stage, name)
        run_id = UUID(stage.stream(QUESTION, key=name)[0].data["run_id"])
        self._cancel(stage, name)
        while (run := stage.records.detail(stage.tenant_id, run_id)).status is RunStatus.WAITING:
            self._answer_human(stage, run_id)
        return run

    def _set(self, stage: Stage) -> Stage:
        stage.publish(name="clerk", model=CLERK, tools=("calculator",))
        stage.models.others[CLERK] = self.script()
        stage.models.price = self.random.randint(0, 6)
        stage.tools.functions = {"calculator": calculate, "clock": _noon, "broken": _broken}
        return replace(stage, lease_seconds=LEASE_S)

    def _cancel(self, stage: Stage, name: RequestKey) -> None:
        """Perhaps ask for the run to be cancelled, if there is one by now."""
        journal = stage.world.journal
        with journal.transaction(stage.tenant_id):
            known = journal.find_key(stage.tenant_id, name.key)
            if known is not None and self.random.random() < 0.1:
                journal.request_cancel(stage.tenant_id, known.run.id, Announcement())

    def _answer_human(self, stage: Stage, run_id: UUID) -> None:
        going_on = stage.runtime.resume(
            stage.principal,
            run_id,
            answer=self.random.choice(("Yes.", "a forbidden no")),
            mode=Mode.WAIT,
            deadline=stage.deadline,
        )
        list(going_on.events)


def _noon(_: ToolCall) -> str:
    return "noon"


def _broken(_: ToolCall) -> str:
    raise InvalidRequest("Give me numbers.")


def chatty(state: RunState) -> Command:
    """A loop that was changed: it adds a word to what it answers."""
    command = decide(state)
    return replace(command, output=f"{command.output}!") if isinstance(command, Finish) else command


def touched(run: RunDetail) -> bool:
    """Whether the changed loop would have ended the run with other words."""
    end = run.steps[-1].work
    imposed = (FinishReason.CANCELLED, FinishReason.BUDGET_EXCEEDED)
    return isinstance(end, FinishWork) and end.fault is None and end.reason not in imposed
