"""The demo that `orchstack up` leaves behind: a tenant, a key that may do all, an agent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from orchstack.cli.state import CREDENTIALS_FILE, read, write_private
from orchstack.sdk import NotFound, OrchStack, Unauthenticated

TENANT = "demo"
AGENT = "assistant"
QUESTION = "What is 17 * 23?"


def ensure_key(api_url: str, platform_key: str, folder: Path) -> str:
    """Give the demo's key: the one kept from an earlier start, else that of a new tenant."""
    kept = str(read(folder / CREDENTIALS_FILE).get("api_key") or "")
    if kept and _works(api_url, kept):
        return kept
    with OrchStack(api_url, platform_key) as platform:
        issued = platform.tenants.create(TENANT)
    key = issued.first_key.secret or ""
    write_private(
        folder / CREDENTIALS_FILE,
        {"tenant_id": issued.tenant.id, "tenant": issued.tenant.name, "api_key": key},
    )
    return key


def ensure_agent(client: OrchStack, document: Path) -> None:
    """Publish the demo's agent, unless there is one of that name: it may have been changed."""
    try:
        client.agents.get(AGENT)
    except NotFound:
        content: dict[str, Any] = yaml.safe_load(document.read_text(encoding="utf-8"))
        client.agents.publish(content)


def _works(api_url: str, key: str) -> bool:
    try:
        with OrchStack(api_url, key) as client:
            next(client.agents.list(limit=1), None)
    except Unauthenticated:
        return False
    return True
