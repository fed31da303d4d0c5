"""The watch over canaries, whatever order the ends of runs are told in, and however often."""

from __future__ import annotations

from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from orchstack.control_plane.model.canaries import CanaryRequest, CanaryView, RollbackRules
from orchstack.control_plane.model.evidence import Arm
from orchstack.kernel.agents import LIVE
from orchstack.kernel.ids import new_id
from tests import make
from tests.unit.control_plane.world import ControlPlane

ROLLED_BACK = "control_plane.CanaryRolledBack.v1"
VERSIONS = st.sampled_from((1, 2))
Told = tuple[UUID, int, bool, int]


class Watching(RuleBasedStateMachine):
    """Runs end, and are told late, again, and after their canary; the truth is kept beside."""

    runs = Bundle("runs")

    def __init__(self) -> None:
        """Publish two versions and begin a canary of the second."""
        super().__init__()
        self.plane = ControlPlane()
        self.author = self.plane.tenant()[1]
        for description in ("one", "two"):
            self.plane.agents.publish(
                self.author, "adder", make.agent_document(description=description)
            )
        self.generation = 0
        self.rollbacks = 0
        self.begin()

    def begin(self) -> None:
        """Begin a canary; what was counted before is not its own."""
        rules = RollbackRules(max_error_rate=0.5, max_error_ratio=None, max_cost_ratio=None)
        wish = CanaryRequest(version=2, weight=0.5, rollback=rules)
        self.plane.agents.set_alias(self.author, "adder", LIVE, 1, wish)
        self.generation += 1
        self.truth: dict[UUID, Told] = {}

    @property
    def canary(self) -> CanaryView:
        """The canary as it is kept."""
        kept = self.plane.agents.alias(self.author.tenant_id, "adder", LIVE).canary
        assert kept is not None
        return kept

    @rule(
        target=runs, version=st.sampled_from((1, 2)), failed=st.booleans(), cost=st.integers(0, 9)
    )
    def end_a_run(self, version: int, failed: bool, cost: int) -> tuple[int, Told]:
        """A run of the canary that is under way ends; it is told later, or never."""
        now_ms = int(self.plane.clock.now().timestamp() * 1000)
        return self.generation, (new_id(now_ms), version, failed, cost)

    @rule(run=runs)
    def tell(self, run: tuple[int, Told]) -> None:
        """The end of a run is told, perhaps not for the first time."""
        generation, (run_id, version, failed, cost) = run
        running = self.canary.end is None
        rolled_back = self.plane.watch.observe(
            self.author.tenant_id, "adder", version, run_id, failed=failed, cost_micro_usd=cost
        )
        self.rollbacks += rolled_back
        if running and generation == self.generation:
            self.truth.setdefault(run_id, run[1])
        assert not rolled_back or running

    @precondition(lambda self: self.canary.end is None)
    @rule()
    def abort(self) -> None:
        """Somebody ends the canary."""
        self.plane.agents.set_alias(self.author, "adder", LIVE, 1)

    @precondition(lambda self: self.canary.end is not None)
    @rule()
    def try_again(self) -> None:
        """After a canary another one begins, a little later."""
        self.plane.clock.advance(1)
        self.begin()

    @invariant()
    def each_run_counts_once(self) -> None:
        """The counts are those of the runs told while the canary ran."""
        for version, arm in ((1, self.canary.stable), (2, self.canary.canary)):
            told = [run for run in self.truth.values() if run[1] == version]
            expected = Arm(
                runs=len(told),
                failures=sum(run[2] for run in told),
                cost_micro_usd=sum(run[3] for run in told),
            )
            assert expected == arm

    @invariant()
    def a_rollback_is_told_once(self) -> None:
        """As often as a canary ended by its rules."""
        assert self.rollbacks == self.plane.announced(self.author.tenant_id).count(ROLLED_BACK)


def test_each_run_counts_once_for_its_canary() -> None:
    """Under repeats, late news and reordering, the counts are the truth."""
    run_state_machine_as_test(
        Watching, settings=settings(max_examples=25, stateful_step_count=40, deadline=None)
    )
