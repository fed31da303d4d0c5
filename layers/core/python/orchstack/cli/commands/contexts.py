"""`orchstack runs context`: what a model was shown in a step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchstack.cli.output import print_json, print_table
from orchstack.cli.setup import AsJson, RunId, at_run

if TYPE_CHECKING:
    from orchstack.sdk import Context


def context(
    context: typer.Context,
    which: RunId,
    step: Annotated[int, typer.Argument(metavar="STEP", min=1, help="A step of kind model.")],
    full: Annotated[bool, typer.Option("--full", help="All words, not a line a part.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a model was shown in a step, and what was left out and why."""
    with at_run(context, which) as (client, run_id):
        found = client.runs.context(run_id, step)
    if as_json:
        print_json(found.raw)
        return
    _print(found)
    if full:
        _print_words(found)


def _print(found: Context) -> None:
    from orchstack.cli import contexts

    typer.echo("\n".join(contexts.summary(found)))
    typer.echo()
    print_table(("SECTION", "", "TOKENS"), contexts.sections(found), empty="Nothing.")
    typer.echo()
    print_table(("SECTION", "FROM", "TOKENS", "WORDS"), contexts.parts(found), empty="No parts.")
    typer.echo()
    print_table(
        ("LEFT OUT", "FROM", "TOKENS", "WHY"),
        contexts.left_out(found),
        empty="Nothing was left out.",
    )


def _print_words(found: Context) -> None:
    for part in found.parts:
        for message in part.messages:
            typer.secho(f"\n{message['role']} ({part.source})", bold=True)
            typer.echo(message.get("content", ""))
