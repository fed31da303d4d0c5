"""`orchstack ask`: a question to an agent, its answer as it comes."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from orchstack.cli.exits import FAILED
from orchstack.cli.setup import AsJson, connected


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
    from orchstack.cli.watching import watch

    with connected(context) as client:
        events = client.runs.stream(agent, text, session_id=session, version=version)
        last = watch(events, as_json=as_json)
    if last != "run.completed":
        raise typer.Exit(FAILED)
