"""The `orchstack` command: its options, its groups, its entry point."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from orchstack.cli.commands import (
    agents,
    events,
    keys,
    local,
    logs,
    outcomes,
    runs,
    sessions,
    status,
    tenants,
)
from orchstack.cli.commands.ask import ask
from orchstack.cli.setup import Setup

app = typer.Typer(
    name="orchstack",
    help="Run AI agents: on your laptop with `orchstack up`, or in your own AWS account.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 1 refused or failed, 2 wrong usage, 3 nothing reached, 4 not allowed.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def root(
    context: typer.Context,
    url: Annotated[
        str | None, typer.Option(help="Where the API is; else ORCHSTACK_URL or the local cloud.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="API key; else ORCHSTACK_API_KEY or the local cloud's.")
    ] = None,
) -> None:
    """Take the options that all commands share."""
    setup = context.ensure_object(Setup)
    context.obj = replace(setup, url=url or setup.url, key=key or setup.key)


app.command("up")(local.up)
app.command("reset")(local.reset)
app.command("status")(status.status)
app.command("logs")(logs.logs)
app.add_typer(tenants.app, name="tenants")
app.add_typer(keys.app, name="keys")
app.add_typer(agents.app, name="agents")
agents.app.command("stats")(outcomes.stats)
agents.app.command("compare")(outcomes.compare)
app.command("ask")(ask)
app.add_typer(runs.app, name="runs")
runs.app.command("review")(outcomes.review)
app.add_typer(sessions.app, name="sessions")
app.command("outcomes")(outcomes.outcomes)
app.command("usage")(outcomes.usage)
app.add_typer(events.app, name="events")


def main() -> None:
    """Run the command; the exit code says how it went."""
    app()
