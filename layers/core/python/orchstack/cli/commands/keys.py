"""`orchstack keys`: who may do what."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from orchstack.cli.output import moment, print_json, print_table
from orchstack.cli.setup import AsJson, Limit, connected

if TYPE_CHECKING:
    from orchstack.sdk import ApiKey

app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)

# What a program needs that only asks agents.
DEFAULT_SCOPES = ["runs:write", "runs:read", "agents:read"]
_UNITS = {"m": 60, "h": 3_600, "d": 86_400}


def lifetime(text: str | None) -> int | None:
    """Read a life span such as `90d`, `12h` or `30m` as seconds."""
    if text is None:
        return None
    match = re.fullmatch(r"([1-9][0-9]{0,6})([mhd])", text)
    if match is None:
        raise typer.BadParameter("give minutes, hours or days, such as 30m, 12h or 90d")
    return int(match[1]) * _UNITS[match[2]]


@app.command("create")
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A name for people.")],
    scope: Annotated[
        list[str], typer.Option("--scope", "-s", help="May be given several times.")
    ] = DEFAULT_SCOPES,
    environment: Annotated[
        Literal["live", "test"] | None, typer.Option(help="Else that of your own key.")
    ] = None,
    expires_in: Annotated[
        str | None, typer.Option(help="Its life span: 30m, 12h, 90d; else it does not end.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key that can do no more than yours; its secret is shown this once."""
    seconds = lifetime(expires_in)
    with connected(context) as client:
        issued = client.keys.create(
            name, scopes=scope, environment=environment, expires_in_s=seconds
        )
    if as_json:
        print_json(issued.raw)
        return
    typer.echo(f"Key {issued.key.name}: {issued.key.id} ({', '.join(issued.key.scopes)})")
    typer.echo(f"Its secret, shown this once: {issued.secret or '(a repeat)'}")


@app.command("list")
def list_(context: typer.Context, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List the keys of your tenant, newest first."""
    with connected(context) as client:
        keys = list(client.keys.list(limit=limit))
    if as_json:
        print_json([key.raw for key in keys])
        return
    print_table(
        ("ID", "NAME", "ENV", "STATE", "CREATED (UTC)", "SCOPES"),
        (
            (k.id, k.name, k.environment, _state(k), moment(k.created_at), " ".join(k.scopes))
            for k in keys
        ),
        empty="No keys: `orchstack keys create NAME` makes one.",
    )


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return f"revoked {moment(key.revoked_at)}"
    return "active" if key.expires_at is None else f"until {moment(key.expires_at)}"


@app.command("revoke")
def revoke(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(help="As `orchstack keys list` shows it.")],
    as_json: AsJson = False,
) -> None:
    """Revoke a key at once, for good."""
    with connected(context) as client:
        key = client.keys.revoke(key_id)
    if as_json:
        print_json(key.raw)
    else:
        typer.echo(f"Key {key.name} ({key.id}) is revoked since {moment(key.revoked_at)} UTC.")
