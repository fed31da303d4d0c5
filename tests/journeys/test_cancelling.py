"""Ending a run while its model speaks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.bench.first_byte import timed_provider
from tests.cloud import Caller, Reply, RunningCloud, SseEvent
from tests.make import agent_document

MOST_S = 2.0
# The model is silent for longer than anybody waits.
SILENT_S = 15.0


@contextmanager
def speaking(cloud: RunningCloud, tenant: Caller) -> Iterator[tuple[str, Iterator[SseEvent]]]:
    """A run whose model has said one word and is silent: its id, and the rest of its events."""
    document = agent_document(name="clerk", model="timed/any", guards={"pii_output": "off"})
    tenant.put("/v1/agents/clerk", document.model_dump(mode="json"))
    with timed_provider(cloud, pause_s=SILENT_S):
        events = tenant.stream("clerk", "Say hello.")
        run_id = next(events).data["run_id"]
        while next(events).name != "text.delta":
            pass
        yield run_id, events


def cancelled(tenant: Caller, run_id: str) -> Reply:
    """Cancel a run."""
    return tenant.post(f"/v1/runs/{run_id}/cancel", {})


def test_a_run_is_cancelled_in_the_middle_of_a_sentence(
    cloud: RunningCloud, tenant: Caller
) -> None:
    """Within two seconds both callers know; what was said is kept, and twice is once."""
    with speaking(cloud, tenant) as (run_id, events):
        began = time.monotonic()
        reply = cancelled(tenant, run_id)
        *_, last = events
        took = time.monotonic() - began
        again = cancelled(tenant, run_id)

    assert took < MOST_S
    assert (200, "cancelled", "Hello ") == (
        reply.status,
        reply.body["status"],
        reply.body["output"],
    )
    assert ("run.cancelled", reply.body["id"]) == (last.name, last.data["id"])
    assert (200, reply.body) == (again.status, again.body)


def test_a_run_that_is_over_cannot_be_cancelled(tenant: Caller) -> None:
    """It is 409, and says so."""
    tenant.put("/v1/agents/clerk", agent_document(name="clerk").model_dump(mode="json"))
    run = tenant.run("clerk", "hi").body
    reply = cancelled(tenant, run["id"])

    assert (409, "run_over") == (reply.status, reply.body["code"])
