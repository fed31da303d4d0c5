"""`orchstack status`: what runs in the local cloud, and how it is doing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from orchstack.cli.exits import UNREACHABLE
from orchstack.cli.output import errors, print_json, print_table, short_name
from orchstack.cli.setup import AsJson
from orchstack.cli.state import running_cloud, state_dir

TIMEOUT_S = 5.0


def status(as_json: AsJson = False) -> None:
    """Show functions, queues with their dead letters, executions and schedules."""
    cloud = running_cloud(state_dir())
    if cloud is None:
        errors().print("✗ No local cloud runs here: `make up` starts one.", style="bold red")
        raise typer.Exit(UNREACHABLE)
    document = _ask(str(cloud["api_url"]))
    if as_json:
        print_json({"cloud": _public(cloud), **document})
        return
    typer.echo(f"Local cloud at {cloud['api_url']} (process {cloud['pid']})\n")
    print_functions(document)
    typer.echo()
    print_queues(document)
    typer.echo()
    print_executions(document)


def _ask(api_url: str) -> dict[str, Any]:
    import json

    from orchstack.sdk import ConnectionFailed, HttpRequest, HttpTransport

    request = HttpRequest(
        method="GET", url=f"{api_url}/_local/status", headers={}, timeout_s=TIMEOUT_S
    )
    try:
        document: dict[str, Any] = json.loads(HttpTransport().send(request).read())
    except (ConnectionFailed, ValueError) as error:
        errors().print(f"✗ The local cloud does not answer: {error}", style="bold red")
        raise typer.Exit(UNREACHABLE) from None
    return document


def _public(cloud: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in cloud.items() if name != "platform_key"}


def print_functions(document: Mapping[str, Any]) -> None:
    """One line for each function that was called, and how many were not."""
    functions = sorted(document["functions"], key=lambda f: (f["service"], f["name"]))
    called = [f for f in functions if f["invocations"] or f["workers"]]
    print_table(
        ("SERVICE", "FUNCTION", "WORKERS", "BUSY", "CALLS", "ERRORS", "THROTTLES"),
        (
            (
                f["service"],
                short_name(f["name"]),
                *(str(f[n]) for n in ("workers", "busy", "invocations", "errors", "throttles")),
            )
            for f in called
        ),
        empty="No function was called yet.",
    )
    typer.echo(f"{len(functions) - len(called)} of {len(functions)} functions were not called yet.")


def print_queues(document: Mapping[str, Any]) -> None:
    """One line for each queue that is read, with the depth of its dead-letter queue."""
    dead = {queue["dead_letter_queue"] for queue in document["queues"]}
    print_table(
        ("QUEUE", "WAITING", "IN FLIGHT", "DELAYED", "DEAD LETTERS"),
        (
            (
                short_name(q["name"]),
                *(str(q[n]) for n in ("visible", "in_flight", "delayed", "dead_letters")),
            )
            for q in document["queues"]
            if q["name"] not in dead
        ),
        empty="There are no queues.",
    )


def print_executions(document: Mapping[str, Any]) -> None:
    """One line for each state machine, and when each schedule fires next."""
    print_table(
        ("STATE MACHINE", "EXECUTIONS"),
        (
            (
                short_name(name),
                ", ".join(f"{n} {state.lower()}" for state, n in states.items()) or "none yet",
            )
            for name, states in document["executions"].items()
        ),
        empty="There are no state machines.",
    )
    for schedule in document["schedules"]:
        typer.echo(f"Next {short_name(schedule['arn'])}: {str(schedule['next'] or 'never')[:19]}")
