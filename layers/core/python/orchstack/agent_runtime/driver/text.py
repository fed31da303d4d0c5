"""Text from models and tools, made fit to be kept: PostgreSQL takes no NUL, no lone surrogate."""

from __future__ import annotations

import re
from typing import Any, Final

from orchstack.kernel.chat import ToolCall

_UNFIT: Final = re.compile("[\x00\ud800-\udfff]")
_REPLACEMENT: Final = "\ufffd"


def storable(text: str) -> str:
    """Replace what cannot be kept, so that what is streamed equals what is stored."""
    return _UNFIT.sub(_REPLACEMENT, text)


def storable_call(call: ToolCall) -> ToolCall:
    """Make a model's wish fit to be kept, its arguments at every depth."""
    return ToolCall(
        id=storable(call.id), name=storable(call.name), arguments=_storable(call.arguments)
    )


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(key): _storable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_storable(inner) for inner in value]
    return value
