"""`orchstack ask`: a question to an agent, its answer as it comes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchstack.cli.exits import FAILED
from orchstack.cli.output import print_json
from orchstack.cli.setup import AsJson, connected

if TYPE_CHECKING:
    from orchstack.sdk import Run


def ask(  # noqa: PLR0913, PLR0917 - each is an option of the command
    context: typer.Context,
    agent: Annotated[str, typer.Argument(help="The agent's name.")],
    question: Annotated[str, typer.Argument(help="`-` reads it from standard input.")],
    session: Annotated[
        str | None, typer.Option(help="Go on with this session (a UUID), or begin it.")
    ] = None,
    version: Annotated[int | None, typer.Option(min=1, help="Else the live one.")] = None,
    attach: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True, dir_okay=False, help="An image, PDF or text file; may be given again."
        ),
    ] = None,
    background: Annotated[
        bool, typer.Option("--background", help="Do not wait; print the run's id.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Ask an agent; the answer goes to standard output, what it does meanwhile to standard error.

    The exit code is 1 if the run failed. A run that asks a human is left waiting for
    `orchstack runs resume`. With --json each event of the run is one line.
    """
    text = sys.stdin.read() if question == "-" else question
    from orchstack.cli.watching import ASKED, watch
    from orchstack.sdk.runs import Asking

    asking: Asking = {"session_id": session, "version": version, "attachments": attach or ()}
    with connected(context) as client:
        if background:
            say_accepted(client.runs.background(agent, text, **asking), as_json=as_json)
            return
        events = client.runs.stream(agent, text, **asking)
        last = watch(events, as_json=as_json, until_asked=True)
    if last == ASKED:
        typer.echo("Answer it: orchstack runs resume last --answer '…'", err=True)
    elif last != "run.completed":
        raise typer.Exit(FAILED)


def say_accepted(run: Run, *, as_json: bool) -> None:
    """Tell of a run that goes on in the background."""
    if as_json:
        print_json(run.raw)
    else:
        typer.echo(f"Run {run.id} goes on in the background: `orchstack runs watch {run.id}`.")
