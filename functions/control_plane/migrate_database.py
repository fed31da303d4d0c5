"""Brings the database up to date, as a custom resource, before any function changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchstack.kernel.custom_resource import custom_resource
from orchstack.wiring.control_plane import let_platform_in
from orchstack.wiring.database import migrate_database


@custom_resource
def handler(_properties: Mapping[str, Any]) -> dict[str, str]:
    """Apply what is new and let the platform's key in; a failure is answered with its reason."""
    return {"applied": ", ".join(migrate_database(then=let_platform_in))}
