"""`orchstack agents`: the agents and their versions; see `plans` and `canaries` for the rest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from orchstack.cli.commands import canaries, plans
from orchstack.cli.exits import FAILED
from orchstack.cli.output import errors, moment, print_json, print_table
from orchstack.cli.setup import AsJson, Limit, connected

if TYPE_CHECKING:
    from orchstack.sdk import AgentVersion

app = typer.Typer(help="Publish agents, look at their versions, go back.", no_args_is_help=True)
app.command("plan")(plans.plan)
app.command("apply")(plans.apply)
app.add_typer(canaries.app, name="canary")

LIVE = "live"
Agent = Annotated[str, typer.Argument(help="The agent's name.")]


@app.command("list")
def list_(context: typer.Context, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List the agents of your tenant by name."""
    with connected(context) as client:
        agents = list(client.agents.list(limit=limit))
    if as_json:
        print_json([agent.raw for agent in agents])
        return
    print_table(
        ("NAME", "LIVE", "LATEST", "UPDATED (UTC)", "DESCRIPTION"),
        (
            (
                a.name,
                str(a.live_version),
                str(a.latest_version),
                moment(a.updated_at),
                a.description,
            )
            for a in agents
        ),
        empty="No agents yet: `orchstack agents apply FILE` publishes one.",
    )


@app.command("show")
def show(
    context: typer.Context,
    agent: Agent,
    version: Annotated[int | None, typer.Option(min=1, help="Else the live one.")] = None,
    alias: Annotated[str | None, typer.Option(help="The version that an alias names.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show a version's document, as YAML that `orchstack agents apply` takes."""
    with connected(context) as client:
        found = client.agents.get(agent, version=version, alias=alias)
    if as_json:
        print_json(found.raw)
        return
    import yaml

    names = f", {', '.join(found.aliases)}" if found.aliases else ""
    typer.echo(f"# {found.agent}: version {found.version}{names}, {moment(found.published_at)} UTC")
    typer.echo(yaml.safe_dump(dict(found.document), sort_keys=False, allow_unicode=True), nl=False)


@app.command("versions")
def versions(
    context: typer.Context, agent: Agent, limit: Limit = 50, as_json: AsJson = False
) -> None:
    """List the versions of an agent, newest first."""
    with connected(context) as client:
        found = list(client.agents.versions(agent, limit=limit))
    if as_json:
        print_json([version.raw for version in found])
        return
    print_table(
        ("VERSION", "ALIASES", "PUBLISHED (UTC)", "BY", "DIGEST"),
        (
            (
                str(v.version),
                " ".join(v.aliases),
                moment(v.published_at),
                v.published_by,
                v.digest[:12],
            )
            for v in found
        ),
        empty=f"{agent} has no versions.",
    )


@app.command("rollback")
def rollback(
    context: typer.Context,
    agent: Agent,
    to: Annotated[int | None, typer.Option(min=1, help="Else the version before.")] = None,
    as_json: AsJson = False,
) -> None:
    """Let `live` name an older version again; new runs use it at once."""
    with connected(context) as client:
        target = to or _version_before(client.agents.versions(agent))
        if target is None:
            errors().print(f"✗ {agent} has no version before the live one.", style="bold red")
            raise typer.Exit(FAILED)
        moved = client.agents.set_alias(agent, LIVE, target)
    if as_json:
        print_json(moved.raw)
    else:
        typer.echo(f"{agent}: {LIVE} names version {moved.version}, not {moved.previous_version}.")


def _version_before(newest_first: Iterable[AgentVersion]) -> int | None:
    """The version that was published before the live one."""
    versions = iter(newest_first)
    for version in versions:
        if LIVE in version.aliases:
            return next((older.version for older in versions), None)
    return None
