"""What `/_local/status` tells, and what `/_local/redrive` does."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qs
from wsgiref.types import WSGIEnvironment

from orchstack.local import machines, queues
from orchstack.local.functions import FunctionService
from orchstack.local.persistence import Persistence
from orchstack.local.schedules import Ticker
from orchstack.local.state import backends

Answer = tuple[int, dict[str, Any]]


class Status:
    """Looks at everything that runs."""

    def __init__(self, functions: FunctionService, ticker: Ticker, kept: Persistence) -> None:
        """Take what is asked."""
        self._functions = functions
        self._ticker = ticker
        self._persistence = kept

    def document(self) -> dict[str, Any]:
        """Functions, queues, executions, schedules, rules and what is kept."""
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
        }

    def answer_status(self, _environ: WSGIEnvironment, _body: bytes) -> Answer:
        """Answer `/_local/status`."""
        return 200, self.document()

    def answer_redrive(self, environ: WSGIEnvironment, _body: bytes) -> Answer:
        """Answer `/_local/redrive?queue=<name>`: dead letters go back to their queue."""
        name = parse_qs(environ.get("QUERY_STRING", "")).get("queue", [""])[0]
        try:
            return 200, {"queue": name, "moved": queues.redrive(name)}
        except LookupError as error:
            return 404, {"detail": str(error.args[0])}


def _rules() -> list[dict[str, Any]]:
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
