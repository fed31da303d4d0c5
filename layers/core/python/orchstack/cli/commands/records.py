"""`orchstack runs …`: steps, watch, replay, fork, diff, erase."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchstack.cli.commands.ask import say_accepted
from orchstack.cli.exits import FAILED
from orchstack.cli.output import NONE, console, money, print_json, print_table
from orchstack.cli.setup import AsJson, Limit, RunId, at_run
from orchstack.cli.works import what

if TYPE_CHECKING:
    from orchstack.cli.sidebyside import Look
    from orchstack.sdk import Fork, RunDiff, Step

_STYLES: dict[Look, tuple[str, str]] = {
    "same": ("bright_black", "bright_black"),
    "changed": ("red", "green"),
    "missing": ("red", "green"),
}


def steps(
    context: typer.Context, which: RunId, limit: Limit = 100, as_json: AsJson = False
) -> None:
    """List the steps of a run, in order."""
    with at_run(context, which) as (client, run_id):
        found = list(client.runs.steps(run_id, limit=limit))
    if as_json:
        print_json([step.raw for step in found])
        return
    print_table(
        ("STEP", "KIND", "WHAT", "STATUS", "TOKENS", "COST"),
        map(_row, found),
        empty="No steps yet.",
    )


def _row(step: Step) -> tuple[str, ...]:
    return (
        str(step.seq),
        step.kind,
        what(step.work),
        "recorded" if step.recorded else step.status,
        str(step.usage.input_tokens + step.usage.output_tokens or NONE),
        money(step.cost_micro_usd),
    )


def watch(
    context: typer.Context,
    which: RunId,
    after: Annotated[
        str | None, typer.Option(help="Begin behind this event, such as 3.1.7.")
    ] = None,
    types: Annotated[
        list[str] | None, typer.Option("--type", help="Only events of this name; repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Follow a run until it is over, whoever carries it on.

    The exit code is 1 if the run failed. With --json each event of the run is one line.
    """
    from orchstack.cli.watching import watch as show

    with at_run(context, which) as (client, run_id):
        last = show(client.runs.events(run_id, after=after, types=types or ()), as_json=as_json)
    if last in ("run.failed", "run.cancelled"):
        raise typer.Exit(FAILED)


def replay(context: typer.Context, which: RunId, as_json: AsJson = False) -> None:
    """Decide a run anew from its journal, and compare; nothing is called.

    The exit code is 1 if a decision differs.
    """
    with at_run(context, which) as (client, run_id):
        report = client.runs.replay(run_id)
    if as_json:
        print_json(report.raw)
    elif report.identical:
        typer.echo(f"{len(report.decisions)} decisions, all as recorded: {report.digest}")
    elif report.first_difference is not None:
        at = report.first_difference
        typer.secho(f"Step {at['seq']} is decided otherwise today.", fg=typer.colors.RED)
        print_json({"recorded": at["recorded"], "decided": at["decided"]})
    if not report.identical:
        raise typer.Exit(FAILED)


def fork(  # noqa: PLR0913, PLR0917 - each is an option of the command
    context: typer.Context,
    which: RunId,
    from_step: Annotated[
        int, typer.Option(min=1, help="The steps below it are taken over, the rest is done anew.")
    ],
    input_: Annotated[
        str | None, typer.Option("--input", help="Instead of the user's words.")
    ] = None,
    instructions: Annotated[str | None, typer.Option(help="Instead of the agent's.")] = None,
    model: Annotated[str | None, typer.Option(help="Instead of the agent's.")] = None,
    tool_result: Annotated[
        str | None, typer.Option(help="Instead of what the tool of --from-step answered.")
    ] = None,
    background: Annotated[
        bool, typer.Option("--background", help="Do not wait for its end.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Begin a new run from a step of another one, with something changed.

    The exit code is 1 if the new run failed. With --json each event of it is one line.
    """
    from orchstack.sdk import Fork

    changed = Fork(
        from_step=from_step,
        input=input_,
        instructions=instructions,
        model=model,
        tool_result=tool_result,
    )
    _fork(context, which, changed, background=background, as_json=as_json)


def _fork(
    context: typer.Context, which: str, changed: Fork, *, background: bool, as_json: bool
) -> None:
    from orchstack.cli.watching import watch as show

    with at_run(context, which) as (client, run_id):
        if not background:
            last = show(client.runs.stream_fork(run_id, changed), as_json=as_json)
            if last != "run.completed":
                raise typer.Exit(FAILED)
            return
        run = client.runs.fork(run_id, changed, background=True)
    say_accepted(run, as_json=as_json)


def diff(
    context: typer.Context,
    which: RunId,
    other: Annotated[str, typer.Argument(metavar="OTHER", help="The run to compare it with.")],
    as_json: AsJson = False,
) -> None:
    """Show two runs side by side, step by step, and what each took."""
    with at_run(context, which) as (client, run_id):
        found = client.runs.diff(run_id, other)
    if as_json:
        print_json(found.raw)
    else:
        _print_diff(found)


def _print_diff(found: RunDiff) -> None:
    from rich.table import Table
    from rich.text import Text

    from orchstack.cli.sidebyside import lines, totals

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("", f"A {found.a.id}", f"B {found.b.id}"):
        table.add_column(column, overflow="fold")
    for line in lines(found):
        left, right = _STYLES[line.look]
        table.add_row(line.mark, Text(line.a, style=left), Text(line.b, style=right))
    table.add_section()
    for name, a, b in totals(found):
        table.add_row("", f"{name}: {a}", b)
    console().print(table)
    if found.output:
        typer.echo("\nWhat they answered:")
    for line_ in found.output:
        typer.secho(line_, fg={"-": "red", "+": "green"}.get(line_[:1]))
    typer.echo("\nThe runs are the same." if found.same else _divergence(found))


def _divergence(found: RunDiff) -> str:
    first = found.first_divergence
    if first is None:
        return "\nThey did the same and were made otherwise."
    places = f"step {first['a'] or NONE} of A and step {first['b'] or NONE} of B"
    return f"\nThey part at {places}: {first['kind']} {first['name']}".rstrip()


def erase(
    context: typer.Context,
    which: RunId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase the texts of a run that is over; what it took can still be seen."""
    if not yes:
        typer.confirm(f"Erase all texts of run {which} for ever?", abort=True)
    with at_run(context, which) as (client, run_id):
        run = client.runs.erase(run_id)
    if as_json:
        print_json(run.raw)
    else:
        typer.echo(f"The texts of run {run.id} are erased.")
