"""Brings the database up to date, as a custom resource, before any function changes."""

from __future__ import annotations

from orchstack.kernel.custom_resource import custom_resource
from orchstack.kernel.plain import JsonMapping
from orchstack.wiring.control_plane import let_platform_in
from orchstack.wiring.database import migrate_database


@custom_resource
def handler(_properties: JsonMapping) -> dict[str, str]:
    """Apply what is new and let the platform's key in; a failure is answered with its reason."""
    return {"applied": ", ".join(migrate_database(then=let_platform_in))}
