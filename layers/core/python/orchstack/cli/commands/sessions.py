"""`orchstack sessions`: conversations, and what was said in them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from orchstack.cli.output import NONE, moment, print_json, print_table
from orchstack.cli.setup import AsJson, Limit, connected

if TYPE_CHECKING:
    from orchstack.sdk import Session, SessionMessage

app = typer.Typer(help="Look at conversations, name, export and delete them.", no_args_is_help=True)

SessionId = Annotated[str, typer.Argument(help="As `orchstack sessions list` shows it.")]


@app.command("list")
def list_(
    context: typer.Context,
    agent: Annotated[str | None, typer.Option(help="Of this agent only.")] = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """List the sessions of your tenant, the last active first."""
    with connected(context) as client:
        sessions = list(client.sessions.list(agent=agent, limit=limit))
    if as_json:
        print_json([session.raw for session in sessions])
        return
    print_table(
        ("SESSION", "AGENT", "TITLE", "MESSAGES", "TOKENS", "LAST ACTIVE (UTC)"),
        map(_row, sessions),
        empty="No sessions yet: `orchstack sessions create AGENT` begins one.",
    )


def _row(session: Session) -> tuple[str, ...]:
    return (
        session.id,
        session.agent,
        session.title or NONE,
        str(session.message_count),
        str(session.token_count),
        moment(session.last_active_at),
    )


@app.command("create")
def create(
    context: typer.Context,
    agent: Annotated[str, typer.Argument(help="Whom to speak with.")],
    title: Annotated[str | None, typer.Option(help="Else the first words said.")] = None,
    as_json: AsJson = False,
) -> None:
    """Begin a session; `orchstack ask --session` goes on with it."""
    with connected(context) as client:
        session = client.sessions.create(agent, title=title)
    if as_json:
        print_json(session.raw)
    else:
        typer.echo(f"Session {session.id} with {session.agent} has begun.")


@app.command("show")
def show(
    context: typer.Context,
    session_id: SessionId,
    last: Annotated[int, typer.Option("--last", "-n", min=0, help="So many messages.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show a session: how much was said, the runs under way, and the last messages."""
    with connected(context) as client:
        session = client.sessions.get(session_id)
        newest = client.sessions.messages(session_id, order="desc", limit=last)
        said = [] if as_json else [*newest][::-1]
    if as_json:
        print_json(session.raw)
        return
    typer.echo(" · ".join(_row(session)))
    for run_id in session.active_runs:
        typer.echo(f"Under way: run {run_id}")
    for message in said:
        typer.echo()
        _print_message(message)


def _print_message(message: SessionMessage) -> None:
    typer.echo(f"{message.role} · {moment(message.created_at)} · {message.token_count} tokens")
    typer.echo(message.content)


@app.command("rename")
def rename(
    context: typer.Context,
    session_id: SessionId,
    title: Annotated[str, typer.Argument(help="What to call it.")],
    as_json: AsJson = False,
) -> None:
    """Give a session another title."""
    with connected(context) as client:
        session = client.sessions.rename(session_id, title)
    if as_json:
        print_json(session.raw)
    else:
        typer.echo(f"Session {session.id} is now called {session.title}.")


@app.command("delete")
def delete(
    context: typer.Context,
    session_id: SessionId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete a session with all that was said in it, for good."""
    if not yes:
        typer.confirm(f"Delete session {session_id} and all that was said in it?", abort=True)
    with connected(context) as client:
        deleted = client.sessions.delete(session_id)
    if as_json:
        print_json(deleted.raw)
    else:
        typer.echo(f"Session {deleted.id} is deleted since {moment(deleted.deleted_at)} UTC.")


@app.command("export")
def export(
    context: typer.Context,
    session_id: SessionId,
    form: Annotated[
        Literal["json", "jsonl", "markdown"], typer.Option("--format", help="What to write.")
    ] = "json",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; else standard output.")
    ] = None,
) -> None:
    """Write a whole session out: one document, a message a line, or text to read."""
    with connected(context) as client:
        pieces = client.sessions.write(session_id, form)
        if output is None:
            for piece in pieces:
                typer.echo(piece, nl=False)
            return
        with output.open("w", encoding="utf-8") as file:
            file.writelines(pieces)
    typer.echo(f"Wrote {output}.")
