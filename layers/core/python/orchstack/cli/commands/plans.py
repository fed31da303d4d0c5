"""`orchstack agents plan` and `apply`: show what documents would change, then change it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchstack.cli.exits import CHANGES, FAILED
from orchstack.cli.output import console, errors, print_json
from orchstack.cli.setup import AsJson, Setup, connected
from orchstack.cli.shares import share, shown

if TYPE_CHECKING:
    from orchstack.cli.documents import Document
    from orchstack.cli.plans import Plan
    from orchstack.sdk import OrchStack

Paths = Annotated[
    list[str], typer.Argument(help="YAML files, folders of them; `-` is standard input.")
]


def plan(
    context: typer.Context,
    files: Paths,
    detailed: Annotated[
        bool,
        typer.Option("--detailed-exitcode", help="Exit with 2 if there is something to change."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what applying documents would change, and what is wrong with them; publishes nothing.

    A fault is told as file:line:column.
    """
    documents = _read(files)
    with connected(context) as client:
        plans = _planned(client, documents)
    if as_json:
        print_json([plan.as_json() for plan in plans])
    else:
        _show(plans)
    if any(plan.action == "refused" for plan in plans):
        raise typer.Exit(FAILED)
    if detailed and any(plan.does_something for plan in plans):
        raise typer.Exit(CHANGES)


def apply(
    context: typer.Context,
    files: Paths,
    canary: Annotated[
        float | None,
        typer.Option(
            parser=share,
            metavar="SHARE",
            help="Let this share of sessions meet it, as 10%, beside the live version.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Publish documents: each gets a new version that goes live, unless it is the live one already.

    Shows first what changes and, in a terminal, asks. Nothing is sent unless every file can be
    read; a faulty document is told as file:line:column and does not keep the others.
    """
    documents = _read(files)
    with connected(context) as client:
        plans = _planned(client, documents)
        if not as_json:
            _show(plans)
        _ask(context, plans, yes=yes)
        results = [_publish(client, plan, canary) for plan in plans]
    if as_json:
        print_json(results)
    if any(result["faults"] for result in results):
        raise typer.Exit(FAILED)


def _read(paths: Sequence[str]) -> list[Document]:
    from orchstack.cli.documents import Unreadable
    from orchstack.cli.plans import documents_in

    try:
        return documents_in(paths)
    except Unreadable as error:
        errors().print(f"✗ {error}", style="bold red", markup=False)
        raise typer.Exit(FAILED) from None


def _planned(client: OrchStack, documents: Sequence[Document]) -> list[Plan]:
    from orchstack.cli.plans import planned

    return planned(client, documents)


def _show(plans: Sequence[Plan]) -> None:
    from orchstack.cli.differences import lines, summary

    for plan in plans:
        refused = plan.action == "refused"
        for line in lines(plan):
            (errors() if refused else console()).print(line.text, style=line.style, markup=False)
    console().print(summary(plans), style="bold", markup=False)


def _ask(context: typer.Context, plans: Sequence[Plan], *, yes: bool) -> None:
    """Ask a person; a program that has no terminal has decided."""
    setup: Setup = context.ensure_object(Setup)
    asks = sys.stdin.isatty() if setup.interactive is None else setup.interactive
    if asks and not yes and any(plan.does_something for plan in plans):
        typer.confirm("Publish?", abort=True, err=True)


def _publish(client: OrchStack, plan: Plan, canary: float | None) -> dict[str, Any]:
    from orchstack.cli.plans import refused_by
    from orchstack.sdk import InvalidDocument

    result = plan.as_json()
    if not plan.does_something:
        return {**result, "version": result["live_version"], "created": False}
    try:
        published = client.agents.publish(plan.document.content, canary=canary)
    except InvalidDocument as error:
        refusal = refused_by(plan, error)
        _show([refusal])
        return {**refusal.as_json(), "version": None, "created": False}
    version = published.version
    done = "is live"
    if canary is not None and "live" not in version.aliases:
        done = f"answers {shown(canary)} of the sessions"
    errors().print(f"✓ {version.agent}: version {version.version} {done}", markup=False)
    return {**result, "version": version.version, "created": published.created}
