"""Rewrites the addresses of APIs, which exist only on AWS, to the local gateway."""

from __future__ import annotations

import re

# https://<api>.execute-api.<region>.amazonaws.com[/<stage>[/<path>]]; the gateway serves one stage.
_ADDRESS = re.compile(r"(https|wss)://[^/.]+\.execute-api\.[^/]+(?:/[^/]*)?(/.*)?")


class Addresses:
    """Where the gateway listens, as the templates' URLs become it."""

    def __init__(self, host: str, port: int) -> None:
        """Take the gateway's host and port."""
        self.port = port
        self.http = f"http://{host}:{port}"
        self.socket = f"ws://{host}:{port}/ws"

    def rewrite(self, value: str) -> str:
        """The local address for an address of API Gateway; anything else as it is."""
        found = _ADDRESS.fullmatch(value)
        if found is None:
            return value
        return self.socket if found.group(1) == "wss" else self.http + (found.group(2) or "")
