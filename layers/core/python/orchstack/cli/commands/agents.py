"""`orchstack agents`: publish agent documents, look at their versions, go back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchstack.cli.exits import FAILED
from orchstack.cli.output import errors, moment, print_json, print_table
from orchstack.cli.setup import AsJson, Limit, connected

if TYPE_CHECKING:
    from orchstack.cli.documents import Document
    from orchstack.sdk import AgentVersion, InvalidDocument, OrchStack

app = typer.Typer(help="Publish agents, look at their versions, go back.", no_args_is_help=True)

LIVE = "live"
Agent = Annotated[str, typer.Argument(help="The agent's name.")]


@app.command("apply")
def apply(
    context: typer.Context,
    files: Annotated[list[str], typer.Argument(help="YAML files; `-` is standard input.")],
    as_json: AsJson = False,
) -> None:
    """Publish documents: each gets a new version that goes live, unless it is the latest already.

    Nothing is sent unless every file can be read. A fault is told as file:line:column.
    """
    documents = _read(files)
    with connected(context) as client:
        results = [_publish(client, document) for document in documents]
    if as_json:
        print_json(results)
    elif not any(result["faults"] for result in results):
        return
    if any(result["faults"] for result in results):
        raise typer.Exit(FAILED)


def _read(files: Iterable[str]) -> list[Document]:
    from orchstack.cli.documents import Unreadable, read

    try:
        return [document for file in files for document in read(file)]
    except Unreadable as error:
        errors().print(f"✗ {error}", style="bold red", markup=False)
        raise typer.Exit(FAILED) from None


def _publish(client: OrchStack, document: Document) -> dict[str, Any]:
    from orchstack.sdk import InvalidDocument

    try:
        published = client.agents.publish(document.content)
    except InvalidDocument as error:
        return {"file": document.file, "faults": _faults(document, error)}
    version = published.version
    done = "published and live" if published.created else "unchanged"
    errors().print(f"✓ {version.agent}: version {version.version} {done}", markup=False)
    return {
        "file": document.file,
        "agent": version.agent,
        "version": version.version,
        "created": published.created,
        "faults": [],
    }


def _faults(document: Document, error: InvalidDocument) -> list[dict[str, Any]]:
    found = []
    for fault in error.faults or ({"path": "", "message": error.detail},):
        path, message = str(fault.get("path", "")), str(fault.get("message", ""))
        place = document.place(path)
        errors().print(f"✗ {place}: {path or '/'}: {message}", style="red", markup=False)
        found.append({"path": path, "message": message, "line": place.line, "column": place.column})
    return found


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
