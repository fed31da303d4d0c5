"""`orchstack ask`: a question to an agent, its answer as it comes."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from orchstack.cli.output import print_json_line
from orchstack.cli.setup import FAILED, AsJson, connected

if TYPE_CHECKING:
    from orchstack.sdk import RunEvent

STYLES = {"doing": typer.colors.BRIGHT_BLACK, "trouble": typer.colors.RED}


def ask(
    context: typer.Context,
    agent: Annotated[str, typer.Argument(help="The agent's name.")],
    question: Annotated[str, typer.Argument(help="`-` reads it from standard input.")],
    session: Annotated[
        str | None, typer.Option(help="Go on with this session (a UUID), or begin it.")
    ] = None,
    version: Annotated[int | None, typer.Option(min=1, help="Else the live one.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask an agent; the answer goes to standard output, what it does meanwhile to standard error.

    The exit code is 1 if the run failed. With --json each event of the run is one line.
    """
    text = sys.stdin.read() if question == "-" else question
    with connected(context) as client:
        events = client.runs.stream(agent, text, session_id=session, version=version)
        last = watch(events, as_json=as_json)
    if last != "run.completed":
        raise typer.Exit(FAILED)


def watch(events: Iterable[RunEvent], *, as_json: bool = False) -> str:
    """Show a run's events as they come; gives the name of the last one."""
    from orchstack.cli.asking import Watch

    shown, last = Watch(), ""
    for event in events:
        last = event.name
        if as_json:
            print_json_line({"id": event.id, "event": event.name, "data": event.data})
            continue
        for said in shown.see(event):
            if said.channel == "text":
                typer.echo(said.text, nl=False)
            else:
                typer.secho(said.text, fg=STYLES[said.channel], err=True, nl=False)
            sys.stdout.flush()
    return last
