"""`orchstack runs`: what agents did."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from orchstack.cli.commands import contexts, records
from orchstack.cli.output import NONE, console, duration, moment, money, print_json, print_table
from orchstack.cli.setup import AsJson, Limit, RunId, at_run, connected
from orchstack.cli.tree import RunTree
from orchstack.cli.works import what

if TYPE_CHECKING:
    from orchstack.sdk import Run, RunDetail

app = typer.Typer(help="Look at what agents did, and take it up again.", no_args_is_help=True)
app.command("steps")(records.steps)
app.command("context")(contexts.context)
app.command("watch")(records.watch)
app.command("replay")(records.replay)
app.command("fork")(records.fork)
app.command("diff")(records.diff)
app.command("erase")(records.erase)


@app.command("list")
def list_(
    context: typer.Context,
    agent: Annotated[str | None, typer.Option(help="Of this agent only.")] = None,
    status: Annotated[
        Literal["queued", "running", "waiting", "completed", "failed", "cancelled"] | None,
        typer.Option(help="In this state only."),
    ] = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """List the runs of your tenant, newest first."""
    with connected(context) as client:
        runs = list(client.runs.list(agent=agent, status=status, limit=limit))
    if as_json:
        print_json([run.raw for run in runs])
        return
    print_table(
        ("RUN", "AGENT", "STATUS", "BEGAN (UTC)", "TOKENS", "COST", "TOOK"),
        map(_row, runs),
        empty="No runs yet: `orchstack ask AGENT QUESTION` makes one.",
    )


@app.command("cancel")
def cancel(
    context: typer.Context,
    which: RunId,
    as_json: AsJson = False,
) -> None:
    """End a run, with what its model has said so far."""
    with at_run(context, which) as (client, run_id):
        run = client.runs.cancel(run_id)
    if as_json:
        print_json(run.raw)
        return
    typer.echo(" · ".join(_row(run)))
    if run.output:
        typer.echo(run.output)


@app.command("resume")
def resume(
    context: typer.Context,
    which: RunId,
    answer: Annotated[
        str | None, typer.Option("--answer", "-a", help="What the run asks a human.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Until the run is over.")] = False,
    as_json: AsJson = False,
) -> None:
    """Answer what a run asks, or carry on one that nobody drives."""
    with at_run(context, which) as (client, run_id):
        run = client.runs.resume(run_id, answer, wait=wait)
    if as_json:
        print_json(run.raw)
        return
    typer.echo(" · ".join(_row(run)))
    if said := run.output or run.raw.get("question"):
        typer.echo(said)


def _row(run: Run) -> tuple[str, ...]:
    return (
        run.id,
        f"{run.agent} v{run.version}",
        run.status if run.error is None else f"{run.status} ({run.error.code})",
        moment(run.created_at),
        str(run.usage.input_tokens + run.usage.output_tokens),
        money(run.cost_micro_usd),
        NONE if run.finished_at is None else duration(run.latency_ms.get("total", 0.0)),
    )


@app.command("show")
def show(
    context: typer.Context,
    which: RunId,
    tree: Annotated[
        bool, typer.Option("--tree", help="With the runs below it, each step as a bar.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show a run: question, answer, and what happened step by step."""
    with at_run(context, which) as (client, run_id):
        run = client.runs.get(run_id)
        drawn = RunTree.of(run, client.runs.get).draw(run) if tree and not as_json else None
    if as_json:
        print_json(run.raw)
        return
    for line in _summary(run):
        typer.echo(line)
    typer.echo()
    if drawn is not None:
        console().print(drawn, soft_wrap=True)
    else:
        _print_steps(run)


def _summary(run: RunDetail) -> Iterator[str]:
    yield " · ".join(_row(run))
    stages = ", ".join(f"{name} {duration(ms)}" for name, ms in run.latency_ms.items() if ms)
    if stages:
        yield f"Time: {stages}"
    if run.session_id:
        yield f"Session: {run.session_id}"
    yield f"Input: {run.input}"
    yield f"Output: {run.output}"
    if run.error:
        yield f"Error: {run.error.code}: {run.error.detail}"


def _print_steps(run: RunDetail) -> None:
    print_table(
        ("STEP", "KIND", "WHAT", "TOKENS", "COST"),
        (
            (
                str(step["seq"]),
                step["kind"],
                what(step["work"]),
                str(sum(step["usage"].values()) or NONE),
                money(step["cost_micro_usd"]),
            )
            for step in run.steps
        ),
        empty="No steps yet.",
    )
