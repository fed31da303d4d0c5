"""Platform time of one run: from the request to the answer, less the model's own time."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tests.cloud import Caller, RunningCloud
from tests.make import agent_document

QUESTION = "What is 17 * 23?"
WARM_UP = 50


@dataclass(frozen=True)
class Spread:
    """Milliseconds at the median and at the 99th percentile of `count` runs."""

    p50: float
    p99: float
    count: int

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        """Summarise measurements in milliseconds."""
        ordered = sorted(values)
        return cls(ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)], len(ordered))

    def __str__(self) -> str:
        """As a table shows it."""
        return f"{self.p50:.1f} / {self.p99:.1f} ms (p50 / p99 of {self.count})"


def calculating_agent(cloud: RunningCloud, name: str, *, model: str = "builtin/echo") -> Caller:
    """A tenant with an agent `clerk` that has the calculator."""
    tenant = cloud.tenant(name)
    document = agent_document(name="clerk", model=model, tools=("calculator",))
    reply = tenant.put("/v1/agents/clerk", document.model_dump(mode="json"))
    if reply.status not in (200, 201):
        raise RuntimeError(f"the agent was not published: {reply}")
    return tenant


def measure(cloud: RunningCloud, mode: str, runs: int) -> Spread:
    """Run the agent one call after the other, warm; one tool call in each run."""
    tenant = calculating_agent(cloud, f"overhead of {mode}")
    once = _wait if mode == "wait" else _stream
    for _ in range(WARM_UP):
        once(tenant)
    return Spread.of([once(tenant) for _ in range(runs)])


def _wait(tenant: Caller) -> float:
    began = time.perf_counter()
    reply = tenant.run("clerk", QUESTION)
    took = (time.perf_counter() - began) * 1000
    return took - _model_time(reply.body)


def _stream(tenant: Caller) -> float:
    began = time.perf_counter()
    *_, last = tenant.stream("clerk", QUESTION)
    took = (time.perf_counter() - began) * 1000
    return took - _model_time(last.data)


def _model_time(run: dict[str, object]) -> float:
    stages = run.get("latency_ms")
    if run.get("status") != "completed" or not isinstance(stages, dict):
        raise RuntimeError(f"the run did not complete: {run}")
    return float(stages["model"])
