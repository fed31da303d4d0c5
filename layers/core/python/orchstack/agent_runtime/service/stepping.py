"""What the state machine `agent_run` asks for: one command after the other, and a token kept."""

from __future__ import annotations

from dataclasses import dataclass

from orchstack.agent_runtime.driver import RunDriver
from orchstack.agent_runtime.driver.waiting import question_of
from orchstack.agent_runtime.model.machine import Advanced, Question, RunReference
from orchstack.agent_runtime.ports import Durable, Journal, World
from orchstack.kernel.errors import DeadlineExceeded, RequestInFlight

# A human's answer that comes in the last moment is still taken; then nobody is waited for.
_GRACE_S = 5.0


@dataclass(frozen=True, kw_only=True)
class Stepper:
    """Carries runs on for the state machine."""

    world: World
    driver: RunDriver

    def advance(self, reference: RunReference, *, deadline: float) -> Advanced:
        """Carry out the next command of a run; nothing of one that is over, or not to be had now.

        `deadline` is Unix time in seconds. Raises NotFound, Unavailable.
        """
        try:
            held = self.driver.take(reference.tenant_id, reference.run_id)
            run = self.driver.advance(held, deadline=deadline)
        except DeadlineExceeded:
            # What is called takes longer than this function lives: the next one goes on with it.
            return Advanced.on(reference, held.run)
        except RequestInFlight:
            # Another driver holds it, or it is not its turn in its session.
            return Advanced.later(reference)
        asked = question_of(held)
        if asked is None:
            return Advanced.on(reference, run)
        left = (asked.expires_at - self.world.clock.now()).total_seconds()
        return Advanced.on(reference, run, wait_s=max(0.0, left) + _GRACE_S)


@dataclass(frozen=True, kw_only=True)
class HumanWaits:
    """Keeps what executions wait with while a human is asked."""

    journal: Journal
    durable: Durable

    def keep(self, question: Question) -> None:
        """Keep the token a run's execution waits with; if the run does not wait, answer it now.

        Raises Unavailable.
        """
        tenant_id, run_id = question.tenant_id, question.run_id
        with self.journal.transaction(tenant_id):
            waits = self.journal.set_task_token(tenant_id, run_id, question.token)
        if not waits:
            self.durable.answer(question.token)
