"""`orchstack tenants`: who uses the installation; needs the platform key."""

from __future__ import annotations

from typing import Annotated

import typer

from orchstack.cli.output import moment, print_json, print_table
from orchstack.cli.setup import AsJson, Limit, connected

app = typer.Typer(help="Make and list tenants.", no_args_is_help=True)


@app.command("create")
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A name for people.")],
    as_json: AsJson = False,
) -> None:
    """Make a tenant and its first key, which is shown this once."""
    with connected(context, platform=True) as client:
        issued = client.tenants.create(name)
    if as_json:
        print_json(issued.raw)
        return
    typer.echo(f"Tenant {issued.tenant.name}: {issued.tenant.id}")
    typer.echo(f"Its first key, shown this once: {issued.first_key.secret or '(a repeat)'}")


@app.command("list")
def list_(context: typer.Context, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List the tenants, newest first."""
    with connected(context, platform=True) as client:
        tenants = list(client.tenants.list(limit=limit))
    if as_json:
        print_json([tenant.raw for tenant in tenants])
        return
    print_table(
        ("ID", "NAME", "STATUS", "CREATED (UTC)"),
        ((t.id, t.name, t.status, moment(t.created_at)) for t in tenants),
        empty="No tenants yet: `orchstack tenants create NAME` makes one.",
    )
