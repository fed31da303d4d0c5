"""`orchstack sessions`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.unit.cli.kit import AT, Api, page, problem

SESSION = {
    "id": "s-1",
    "agent": "adder",
    "title": "Sums",
    "metadata": {},
    "message_count": 2,
    "token_count": 9,
    "created_at": AT,
    "last_active_at": AT,
}


def message(seq: int, role: str, content: str) -> dict[str, Any]:
    """A message of a session."""
    return {
        "seq": seq,
        "run_id": "r-1",
        "role": role,
        "content": content,
        "images": [],
        "tool_calls": [],
        "tool_call_id": None,
        "token_count": 4,
        "created_at": AT,
    }


def test_sessions_are_listed() -> None:
    """One line for each; --json prints the API's own objects."""
    api = Api({"GET /v1/sessions": page({**SESSION, "colour": "red"})})

    assert "s-1      adder  Sums   2         9" in api.run("sessions", "list").output
    listed = json.loads(api.run("sessions", "list", "--json", "--agent", "adder").output)
    assert [{**SESSION, "colour": "red"}] == listed
    assert "agent=adder" in api.requests[-1].url


def test_an_empty_list_says_what_to_do() -> None:
    """The command that begins a session is named."""
    assert "sessions create" in Api({"GET /v1/sessions": page()}).run("sessions", "list").output


def test_a_session_can_be_begun() -> None:
    """With the agent, and a title if there is one."""
    api = Api({"POST /v1/sessions": (201, SESSION)})
    result = api.run("sessions", "create", "adder", "--title", "Sums")

    assert {"agent": "adder", "title": "Sums"} == api.sent()
    assert "s-1 with adder has begun" in result.output


def test_a_session_shows_its_last_words() -> None:
    """Oldest first, under what is known of it and the runs under way."""
    told = [message(2, "assistant", "391."), message(1, "user", "17 * 23?")]
    api = Api(
        {
            "GET /v1/sessions/s-1": (200, {**SESSION, "active_runs": ["r-7"]}),
            "GET /v1/sessions/s-1/messages": page(*told),
        }
    )
    output = api.run("sessions", "show", "s-1", "-n", "2").output

    assert "run r-7" in output
    assert output.index("17 * 23?") < output.index("391.")
    assert "limit=2" in api.requests[-1].url


def test_a_session_can_be_renamed() -> None:
    """It says how it is called now."""
    api = Api({"PATCH /v1/sessions/s-1": (200, SESSION)})

    assert "now called Sums" in api.run("sessions", "rename", "s-1", "Sums").output
    assert {"title": "Sums"} == api.sent()


def test_a_deletion_is_asked_about() -> None:
    """Without a yes nothing is sent."""
    api = Api({"DELETE /v1/sessions/s-1": (200, {"id": "s-1", "deleted_at": AT})})

    assert 1 == api.run("sessions", "delete", "s-1", stdin="n\n").exit_code
    assert [] == api.requests
    assert "is deleted" in api.run("sessions", "delete", "s-1", "--yes").output


def test_a_busy_session_is_told_of() -> None:
    """The command fails and says what the API said."""
    busy = problem(409, "session_busy")
    result = Api({"DELETE /v1/sessions/s-1": (409, busy)}).run("sessions", "delete", "s-1", "-y")

    assert 1 == result.exit_code
    assert "session_busy" in result.output


def test_an_export_goes_where_it_is_sent(tmp_path: Path) -> None:
    """To standard output as it is, or into a file."""
    api = Api({"GET /v1/sessions/s-1/export": (200, b"# Sums\n")})
    file = tmp_path / "sums.md"
    printed = api.run("sessions", "export", "s-1", "--format", "markdown")
    written = api.run("sessions", "export", "s-1", "--format", "markdown", "-o", str(file))

    assert "# Sums\n" == printed.output
    assert ("# Sums\n", f"Wrote {file}.\n") == (file.read_text(), written.output)
