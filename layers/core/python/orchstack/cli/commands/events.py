"""`orchstack events`: what the tenant's services announced."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from orchstack.cli.output import print_json_line
from orchstack.cli.setup import AsJson, connected

if TYPE_CHECKING:
    from orchstack.sdk import Event

app = typer.Typer(help="Look at what the services announced.", no_args_is_help=True)


@app.command("tail")
def tail(
    context: typer.Context,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, max=100)] = 10,
    type_: Annotated[
        str | None, typer.Option("--type", help="Such as agent_runtime.RunCompleted.v1.")
    ] = None,
    subject: Annotated[str | None, typer.Option(help="Such as runs/<id>.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the last events, oldest first; an event comes when it was published on the bus."""
    with connected(context) as client:
        if follow:
            _print(client.events.tail(last=limit, type=type_, subject=subject), as_json=as_json)
        else:
            found = list(client.events.list(type=type_, subject=subject, limit=limit))
            _print(reversed(found), as_json=as_json)


def _print(events: Iterable[Event], *, as_json: bool) -> None:
    for event in events:
        if as_json:
            print_json_line(event.raw)
        else:
            typer.echo(line(event))


def line(event: Event) -> str:
    """One event on one line: time (UTC), type, subject, data."""
    at = event.time.strftime("%H:%M:%S.%f")[:-3]
    data = json.dumps(event.data, ensure_ascii=False, separators=(",", ":"))
    return f"{at}  {event.type}  {event.subject}  {data}"
