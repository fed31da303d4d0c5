"""`orchstack up` and `orchstack reset`: the whole stack on this machine."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from orchstack.cli.exits import FAILED, INTERRUPTED
from orchstack.cli.output import console, errors
from orchstack.cli.state import state_dir


def up(
    model: Annotated[
        str | None,
        typer.Option(help="smollm2, builtin/echo, or <provider>/<model>; else what is found."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65_535, help="Else 4700; any free one if it is taken, or for 0."),
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo/--no-demo", help="Publish an agent and ask it a question.")
    ] = True,
) -> None:
    """Start the local cloud, ask a demo agent a question, and serve until Ctrl-C."""
    from orchstack.cli.serving import Wish, serve
    from orchstack.cli.synthesis import NoSources, SynthesisFailed
    from orchstack.kernel.errors import OrchStackError as CloudError
    from orchstack.sdk import OrchStackError as ClientError

    wish = Wish(
        model=model or os.environ.get("MODEL") or None, port=port, demo=demo, folder=state_dir()
    )
    try:
        serve(wish, console())
    except (CloudError, ClientError, NoSources, SynthesisFailed) as error:
        errors().print(f"✗ {error}", style="bold red", markup=False)
        raise typer.Exit(FAILED) from error
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def reset(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Forget everything that the local cloud keeps: database, objects, secrets, keys, logs."""
    from orchstack.cli.forgetting import forget
    from orchstack.local.failures import AlreadyRunning

    folder = state_dir()
    if not folder.is_dir():
        typer.echo(f"Nothing is kept in {folder}.")
        return
    if not yes:
        typer.confirm(f"Forget everything in {folder}?", abort=True)
    try:
        forget(folder)
    except AlreadyRunning as error:
        errors().print(f"✗ {error}", style="bold red", markup=False)
        raise typer.Exit(FAILED) from error
    typer.echo(f"Everything in {folder} is forgotten.")
