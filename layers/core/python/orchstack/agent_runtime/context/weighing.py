"""What parts of a context weigh: in tokens of a vocabulary, or in bytes, which bound the tokens."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import ceil
from typing import Final, Literal

from orchstack.agent_runtime.context.material import Block
from orchstack.agent_runtime.model.contexts import ContextPart
from orchstack.kernel.chat import Message, ToolSpec
from orchstack.kernel.tokens import most_tokens

Count = Callable[[str], int]

# What opens the model's answer.
REPLY: Final = 3


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Weighs parts, each once: `count` weighs text, the rest is what templates add.

    `factor` is what the vocabulary is wrong by, learned from what providers report.
    """

    unit: Literal["tokens", "bytes"]
    count: Count
    factor: float = 1.0
    message: int
    call: int
    image: int
    # Once, if there are any tools.
    tools: int = 0
    # By identity, with the part itself, so that no other takes its place.
    known: dict[int, tuple[ContextPart, int]] = field(default_factory=dict)

    def weigh(self, part: ContextPart) -> int:
        """Give the weight of a part."""
        if id(part) not in self.known:
            self.known[id(part)] = (part, self._weigh(part))
        return self.known[id(part)][1]

    def _weigh(self, part: ContextPart) -> int:
        raw = sum(map(self._message, part.messages)) + sum(map(self._tool, part.tools))
        return ceil(raw * self.factor) + (self.tools if part.tools else 0)

    def total(self, blocks: Iterable[Block]) -> int:
        """Give the weight of blocks together."""
        return sum(self.weigh(block.part) for block in blocks)

    def _message(self, message: Message) -> int:
        weight = self.message + self.count(message.content) + self.image * len(message.images)
        for call in message.tool_calls:
            arguments = json.dumps(call.arguments, ensure_ascii=False)
            weight += self.call + self.count(call.name) + self.count(arguments)
        return weight

    def _tool(self, tool: ToolSpec) -> int:
        return self.call + self.count(json.dumps(tool.model_dump(), ensure_ascii=False))


def in_bytes() -> Scale:
    """Weigh so that no tokenizer and no template passes it."""
    return Scale(unit="bytes", count=most_tokens, message=16, call=16, image=4_800, tools=1_024)


def in_tokens(count: Count, factor: float) -> Scale:
    """Weigh by a vocabulary, as chat templates are known to frame messages."""
    return Scale(unit="tokens", count=count, factor=factor, message=4, call=8, image=1_600)
