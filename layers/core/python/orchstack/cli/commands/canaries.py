"""`orchstack agents canary`: watch a canary, widen it, let it take over, give it up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchstack.cli.exits import FAILED
from orchstack.cli.output import NONE, errors, moment, money, print_json, print_table
from orchstack.cli.setup import AsJson, connected
from orchstack.cli.shares import share, shown

if TYPE_CHECKING:
    from orchstack.sdk import AliasState, Arm, Canary, Finding, OrchStack

app = typer.Typer(
    help="Let a version answer a share of the sessions; watch it, let it take over, give it up.",
    no_args_is_help=True,
)

LIVE = "live"
Agent = Annotated[str, typer.Argument(help="The agent's name.")]
_ENDS = {
    "promoted": "it took over",
    "aborted": "it was given up",
    "replaced": "another version took its place",
    "rolled_back": "its rules rolled it back",
}


@app.command("show")
def show(context: typer.Context, agent: Agent, as_json: AsJson = False) -> None:
    """Show the canary that runs, else the last that did: its runs, and how the rules see them."""
    with connected(context) as client:
        state = client.agents.alias(agent, LIVE)
    if as_json:
        print_json(state.raw)
    elif state.canary is None:
        typer.echo(f"{agent} has had no canary; version {state.version} is live.")
    else:
        _print(agent, state.canary)


@app.command("start")
def start(
    context: typer.Context,
    agent: Agent,
    version: Annotated[int, typer.Option(min=1, help="The version to try.")],
    weight: Annotated[
        float, typer.Option(parser=share, metavar="SHARE", help="Its share of sessions, as 10%.")
    ],
    rules: Annotated[
        list[str] | None,
        typer.Option("--rule", metavar="NAME=BOUND", help="As max_error_rate=0.2; or =off."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let a version answer a share of the sessions, or give the running canary another share."""
    given = dict(map(_rule, rules or ()))
    with connected(context) as client:
        state = client.agents.alias(agent, LIVE)
        kept = state.canary
        goes_on = kept is not None and kept.end is None and kept.version == version
        before = kept.rollback if kept is not None and goes_on else {}
        wish = {"version": version, "weight": weight, "rollback": {**before, **given}}
        begun = client.agents.set_alias(agent, LIVE, state.version, canary=wish)
    if as_json:
        print_json(begun.raw)
    else:
        typer.echo(f"{agent}: version {version} answers {shown(weight)} of the sessions.")


@app.command("promote")
def promote(context: typer.Context, agent: Agent, as_json: AsJson = False) -> None:
    """Let the canary's version answer everybody."""
    with connected(context) as client:
        canary = _running(client, agent)
        moved = client.agents.set_alias(agent, LIVE, canary.version)
    if as_json:
        print_json(moved.raw)
    else:
        typer.echo(f"{agent}: {LIVE} names version {moved.version}, not {moved.previous_version}.")


@app.command("abort")
def abort(context: typer.Context, agent: Agent, as_json: AsJson = False) -> None:
    """Give the canary up: the stable version answers everybody."""
    with connected(context) as client:
        canary = _running(client, agent)
        kept = client.agents.set_alias(agent, LIVE, canary.stable_version)
    if as_json:
        print_json(kept.raw)
    else:
        typer.echo(f"{agent}: version {kept.version} answers everybody.")


def _rule(written: str) -> tuple[str, float | None]:
    name, _, bound = written.partition("=")
    try:
        return name, None if bound == "off" else float(bound)
    except ValueError:
        raise typer.BadParameter(f"{written!r} is no rule; write NAME=BOUND or NAME=off") from None


def _running(client: OrchStack, agent: str) -> Canary:
    state: AliasState = client.agents.alias(agent, LIVE)
    if state.canary is None or state.canary.end is not None:
        errors().print(f"✗ {agent} has no canary that runs.", style="bold red", markup=False)
        raise typer.Exit(FAILED)
    return state.canary


def _print(agent: str, canary: Canary) -> None:
    typer.echo(
        f"{agent}: version {canary.version} for {shown(canary.weight)} of the sessions, beside "
        f"version {canary.stable_version}"
    )
    typer.echo(f"since {moment(canary.started_at)} UTC, by {canary.started_by}")
    if canary.end is not None:
        how = _ENDS.get(canary.end, canary.end)
        typer.echo(f"ended {moment(canary.ended_at)} UTC, by {canary.ended_by}: {how}")
    typer.echo("")
    print_table(
        ("VERSION", "RUNS", "FAILED", "COST OF A RUN"),
        (
            _arm(f"{canary.stable_version} (stable)", canary.stable),
            _arm(f"{canary.version} (canary)", canary.canary),
        ),
        empty="",
    )
    typer.echo("")
    print_table(
        ("RULE", "BOUND", "SEEN", "EVIDENCE", "ROLLS BACK AT"),
        map(_finding, canary.findings),
        empty="No rule: it never ends by itself.",
    )


def _arm(name: str, arm: Arm) -> tuple[str, str, str, str]:
    if not arm.runs:
        return name, "0", NONE, NONE
    failed = f"{arm.failures} ({arm.failures / arm.runs:.1%})"
    return name, str(arm.runs), failed, money(round(arm.cost_micro_usd / arm.runs))


def _finding(found: Finding) -> tuple[str, str, str, str, str]:
    seen = NONE if found.observed is None else f"{found.observed:.3g}"
    return (
        found.rule,
        f"{found.bound:g}",
        seen,
        f"{found.e_value:.3g}",
        f"{found.needed:g}",
    )
