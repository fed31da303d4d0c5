"""What `/_local/status` tells, and what `/_local/redrive` does."""

from __future__ import annotations

from dataclasses import asdict

from orchstack.kernel.plain import JsonObject
from orchstack.local import machines, queues
from orchstack.local.functions import FunctionService
from orchstack.local.persistence import Persistence
from orchstack.local.postgres import Postgres
from orchstack.local.schedules import Ticker
from orchstack.local.state import backends

Answer = tuple[int, JsonObject]


class Status:
    """Looks at everything that runs."""

    def __init__(
        self, functions: FunctionService, ticker: Ticker, kept: Persistence, postgres: Postgres
    ) -> None:
        """Take what is asked."""
        self._functions = functions
        self._ticker = ticker
        self._persistence = kept
        self._postgres = postgres

    def document(self) -> JsonObject:
        """Functions, queues, executions, schedules, rules and what is kept where."""
        return {
            "functions": [asdict(status) for status in self._functions.status()],
            "queues": queues.depths(),
            "executions": machines.executions_by_state(),
            "schedules": [
                {"arn": arn, "next": at and at.isoformat()}
                for arn, at in sorted(self._ticker.next_times().items())
            ],
            "rules": _rules(),
            "persistence": self._persistence.status(),
            "database": {"port": self._postgres.port, "folder": self._postgres.folder},
        }

    def redrive(self, queue: str) -> Answer:
        """Answer a POST to `/_local/redrive?queue=<name>`: dead letters go back to their queue."""
        try:
            return 200, {"queue": queue, "moved": queues.redrive(queue)}
        except LookupError as error:
            return 404, {"detail": str(error.args[0])}


def _rules() -> list[JsonObject]:
    return [
        {
            "name": rule.name,
            "bus": bus.name,
            "state": rule.state,
            "schedule": rule.scheduled_expression,
            "pattern": rule.event_pattern.get_pattern(),
            "targets": [target["Arn"] for target in rule.targets],
        }
        for bus in list(backends.event_buses().event_buses.values())
        for rule in list(bus.rules.values())
    ]
