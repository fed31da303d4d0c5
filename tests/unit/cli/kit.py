"""The command line over an API in memory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from typer.testing import CliRunner, Result

from orchstack.cli.app import app
from orchstack.cli.setup import Setup
from orchstack.sdk import HttpRequest, HttpResponse, MockTransport, Retries

Answer = tuple[int, Any]
AT = "2026-01-01T00:00:00.000Z"


@dataclass
class Api:
    """Answers by `METHOD /path`; what is not there is a 404."""

    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[HttpRequest] = field(default_factory=list)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        self.requests.append(request)
        status, body = self.answers.get(
            f"{request.method} {urlsplit(request.url).path}", (404, problem(404, "not_found"))
        )
        if isinstance(body, bytes):
            return HttpResponse(status, {"Content-Type": "text/event-stream"}, [body])
        return HttpResponse(status, {}, [json.dumps(body).encode()])

    def sent(self, index: int = -1) -> Any:
        """The JSON body of a request."""
        return json.loads(self.requests[index].body or b"null")

    def run(self, *words: str, stdin: str | None = None, interactive: bool | None = None) -> Result:
        """Run the command with these words, perhaps before somebody who can be asked."""
        setup = Setup(
            url="http://api.test",
            key="os_live_x",
            transport=MockTransport(self),
            retries=Retries(attempts=1),
            interactive=interactive,
        )
        return CliRunner().invoke(app, list(words), obj=setup, input=stdin)


def page(*items: Mapping[str, Any]) -> Answer:
    """A page with these items and no more."""
    return 200, {"items": list(items), "next_cursor": None, "has_more": False}


def problem(status: int, code: str, **more: Any) -> dict[str, Any]:
    """A problem document."""
    document = {"title": "Refused", "status": status, "detail": "Do it otherwise.", "code": code}
    return {**document, "request_id": "r-1", **more}


def stream(*events: tuple[str, Mapping[str, Any]]) -> Answer:
    """An SSE answer of these events, each a step of its own."""
    frames = (
        f"id: {number}.1.0\nevent: {name}\ndata: {json.dumps(data)}\n\n"
        for number, (name, data) in enumerate(events, 1)
    )
    return 200, "".join(frames).encode()


def key(**changes: Any) -> dict[str, Any]:
    """A key."""
    given = {
        "id": "k-1",
        "name": "ci",
        "environment": "live",
        "scopes": ["runs:read"],
        "created_at": AT,
        "expires_at": None,
        "revoked_at": None,
    }
    return given | changes


def version(number: int, *aliases: str) -> dict[str, Any]:
    """A version of an agent, with its document."""
    return {
        "agent": "adder",
        "version": number,
        "digest": "d" * 64,
        "aliases": list(aliases),
        "published_at": AT,
        "published_by": "key:k-1",
        "document": {"name": "adder", "instructions": "Add."},
    }


def judged(*changes: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """What the API says of a document that changes the live version 2."""
    given = {
        "agent": "adder",
        "valid": True,
        "faults": [],
        "live_version": 2,
        "same_as": None,
        "changes": list(changes),
    }
    return given | more


def run(**changes: Any) -> dict[str, Any]:
    """A run that was answered, with its journal."""
    given = {
        "id": "r-1",
        "agent": "adder",
        "version": 2,
        "session_id": None,
        "status": "completed",
        "finish_reason": "answered",
        "output": "391",
        "error": None,
        "usage": {"input_tokens": 40, "output_tokens": 7},
        "cost_micro_usd": 123,
        "step_count": 2,
        "latency_ms": {"model": 8.0, "tools": 1.0, "total": 12.3},
        "metadata": {},
        "created_at": AT,
        "finished_at": AT,
        "input": "What is 17 * 23?",
        "steps": [],
        "spans": [],
    }
    return given | changes
