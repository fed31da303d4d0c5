"""Asking a server on this machine's loopback interface, past any proxy."""

from __future__ import annotations

from http.client import HTTPException
from urllib.request import ProxyHandler, build_opener

_MAX_BYTES = 1024 * 1024


def ask(url: str, seconds: float) -> bytes | None:
    """GET an address; None if nobody answers with success within the time."""
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=seconds) as answer:
            return bytes(answer.read(_MAX_BYTES))
    except (OSError, HTTPException):
        return None
