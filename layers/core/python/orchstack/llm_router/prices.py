"""The rules of pricing: which entry fits a model, and the most a request can hold."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final, TypeVar

from orchstack.kernel.chat import ChatRequest
from orchstack.kernel.tokens import most_tokens
from orchstack.llm_router.model import Target

# What chat templates put around each message, and providers around tools, seen at most.
_TOKENS_PER_MESSAGE: Final = 16
_TOKENS_FOR_TOOLS: Final = 1_024
# The dearest picture: Anthropic's largest takes some 4,800 tokens, OpenAI's in tiles some 1,500.
TOKENS_PER_IMAGE: Final = 5_000
# A dated snapshot costs what its family costs; any other suffix may be a dearer model.
_SNAPSHOT: Final = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{8}|latest)$")


Entry = TypeVar("Entry")


def find(entries: Mapping[str, Entry], target: Target) -> Entry | None:
    """Find a model's entry by its full name, else by the name of the family it is a snapshot of."""
    exact = entries.get(target.name)
    return exact if exact is not None else entries.get(_SNAPSHOT.sub("", target.name))


def most_input_tokens(request: ChatRequest) -> int:
    """Bound the input tokens of a request: its bytes, and what templates add."""
    total = _TOKENS_FOR_TOOLS if request.tools else 0
    if request.output_schema is not None:
        total += most_tokens(json.dumps(request.output_schema, ensure_ascii=False))
    for message in request.messages:
        total += _TOKENS_PER_MESSAGE + most_tokens(message.content)
        total += len(message.images) * TOKENS_PER_IMAGE
        for call in message.tool_calls:
            total += _TOKENS_PER_MESSAGE + most_tokens(call.name)
            total += most_tokens(json.dumps(call.arguments, ensure_ascii=False))
    for tool in request.tools:
        total += most_tokens(tool.model_dump_json()) + _TOKENS_PER_MESSAGE
    return total
