"""Where the API is and whose key to use: as given, from the environment, or the local cloud's."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from orchstack.kernel.plain import JsonObject
from orchstack.kernel.settings import Settings, load
from orchstack.sdk.errors import NotConfigured

CLOUD_FILE = "cloud.json"
CREDENTIALS_FILE = "credentials.json"


class ClientSettings(Settings):
    """What the environment tells a client."""

    PREFIX: ClassVar[str] = "ORCHSTACK_"
    url: str | None = None
    api_key: str | None = None
    # Where the local cloud keeps what it is and whom it knows.
    state: str = ".orchstack"


@dataclass(frozen=True)
class Target:
    """An installation, and the key to call it with."""

    url: str
    api_key: str = field(repr=False)


def resolve(
    url: str | None = None, api_key: str | None = None, *, platform: bool = False
) -> Target:
    """Complete what is given; `platform` asks for the local cloud's key that makes tenants.

    The local cloud's keys go to the local cloud only. Raises NotConfigured, saying what to do.
    """
    settings = load(ClientSettings)
    state = Path(settings.state)
    cloud = _read(state / CLOUD_FILE)
    found_url = url or settings.url or cloud.get("api_url")
    if not found_url:
        raise NotConfigured("No OrchStack found: start one with `make up`, or set ORCHSTACK_URL.")
    found_key = api_key or settings.api_key
    if not found_key and found_url == cloud.get("api_url"):
        own = {} if platform else _read(state / CREDENTIALS_FILE)
        found_key = own.get("api_key") or cloud.get("platform_key")
    if not found_key:
        raise NotConfigured(f"No API key for {found_url}: set ORCHSTACK_API_KEY.")
    return Target(str(found_url), str(found_key))


def _read(path: Path) -> JsonObject:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
