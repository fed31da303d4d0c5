"""What all commands share: which installation, as whom, and how a failure is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from orchstack.cli.exits import FAILED, INTERRUPTED

if TYPE_CHECKING:
    from orchstack.sdk import OrchStack, Retries, Transport

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
# Stands for the newest run of the tenant.
LAST = "last"
RunId = Annotated[
    str,
    typer.Argument(metavar="RUN", help=f"Its id, or `{LAST}`: the newest run."),
]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")]


@dataclass(frozen=True, kw_only=True)
class Setup:
    """The options before the command; a test puts its own transport here."""

    url: str | None = None
    key: str | None = None
    transport: Transport | None = None
    retries: Retries | None = None
    # Whether a person can be asked; None: if there is a terminal.
    interactive: bool | None = None


@contextmanager
def connected(context: typer.Context, *, platform: bool = False) -> Iterator[OrchStack]:
    """Give a client; what goes wrong is told on standard error and becomes the exit code.

    `platform` asks for the key that makes tenants, where the local cloud has one.
    """
    from orchstack.cli.failures import exit_code, tell
    from orchstack.sdk import OrchStack, OrchStackError
    from orchstack.sdk.connection import resolve

    setup: Setup = context.ensure_object(Setup)
    try:
        target = resolve(setup.url, setup.key, platform=platform)
        with OrchStack(
            target.url, target.api_key, transport=setup.transport, retries=setup.retries
        ) as client:
            yield client
    except OrchStackError as error:
        tell(error)
        raise typer.Exit(exit_code(error)) from error
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def at_run(context: typer.Context, which: str) -> Iterator[tuple[OrchStack, str]]:
    """Give a client and the id of the run that is meant."""
    with connected(context) as client:
        yield client, newest(client) if which == LAST else which


def newest(client: OrchStack) -> str:
    """Give the id of the tenant's newest run; says so if there is none."""
    for run in client.runs.list(limit=1):
        return run.id
    typer.echo("There is no run yet: `orchstack ask AGENT QUESTION` makes one.", err=True)
    raise typer.Exit(FAILED)
