"""Requests in any order, repeated, changed, failing and late: one effect a key, and no more."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from orchstack.kernel.errors import Unavailable
from orchstack.kernel.http import Answer, Request
from tests import make
from tests.unit.kernel.endpoints import MAKE, House, Thing, make_event

_TENANTS = [make.principal() for _ in range(2)]
_DAY_S = 24 * 3600
_KEYS = st.sampled_from(["k1", "k2"])
_NAMES = st.sampled_from(["a", "b"])


class Requests(RuleBasedStateMachine):
    """A model of what the store should remember, beside the store."""

    @initialize()
    def start(self) -> None:
        """Nothing has happened."""
        self.house = House()
        self.effects: list[str] = []
        # (tenant, key) -> (name, answer, time)
        self.known: dict[tuple[int, str], tuple[str, str, float]] = {}

    @rule(tenant=st.integers(0, 1), key=_KEYS, name=_NAMES, fails=st.booleans())
    def send(self, tenant: int, key: str, name: str, fails: bool) -> None:
        """Send a request; it is new, repeated, or another one under a used key."""
        before = len(self.effects)
        reply = self.house.call(MAKE, self._event(tenant, key, name), self._service(fails))
        now = self.house.clock.monotonic()
        known = self.known.get((tenant, key))
        if known is None or now - known[2] >= _DAY_S:
            assert (503 if fails else 201) == reply["statusCode"]
            assert (0 if fails else 1) == len(self.effects) - before
            if not fails:
                self.known[tenant, key] = (name, reply["body"], now)
            return
        assert before == len(self.effects)
        assert (201 if known[0] == name else 422) == reply["statusCode"]
        if known[0] == name:
            assert known[1] == reply["body"]

    @rule(seconds=st.sampled_from([1, 3600, _DAY_S]))
    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.house.clock.advance(seconds)

    @invariant()
    def no_two_effects_share_an_answer(self) -> None:
        """Every effect has its own number in its answer."""
        assert len(set(self.effects)) == len(self.effects)

    def _event(self, tenant: int, key: str, name: str) -> dict[str, Any]:
        headers = {"Idempotency-Key": key}
        return make_event({"name": name}, headers=headers, caller=_TENANTS[tenant])

    def _service(self, fails: bool) -> Any:
        def serve(_request: Request[Any, Any]) -> Answer:
            if fails:
                raise Unavailable
            self.effects.append(str(len(self.effects)))
            return Answer(body=Thing(name=json.dumps(len(self.effects))), status=201)

        return serve


TestRequests = Requests.TestCase
TestRequests.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestRequests.__doc__ = "One effect a key and day, whatever is sent in whatever order."
