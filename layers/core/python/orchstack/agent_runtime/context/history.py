"""What the session said before: a user's turn with all that answered it is one block.

Where turns have no room, the cut moves in strides of several messages, so that the beginning of
the prompt stays the same from one run of a session to the next; a summary stands for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from orchstack.agent_runtime.context.material import Block, Result
from orchstack.agent_runtime.model.contexts import ContextPart, Section
from orchstack.kernel.chat import MAX_TEXT, Message, Role

_STRIDES: Final = (64, 32, 16, 8, 4, 2)
_MOST_OF_SENTENCE: Final = 160
_SENTENCE: Final = re.compile(r"(.{1,160}?[.!?\u3002\uff01\uff1f])(?=\s|$|[^\x00-\x7f])")
_OPENING: Final = "[Earlier in this session, each message by its first sentence:"


def stride(shown: int) -> int:
    """By how many messages the beginning moves at once, where `shown` could be shown.

    At least half of them are. Each stride's places are places of the shorter strides too.
    """
    return next((step for step in _STRIDES if step <= shown // 2), 2)


def recent(history: Sequence[Message], limit: int) -> tuple[Message, ...]:
    """Give at most the last `limit` messages, from a user's turn on.

    An answer without its question misleads. Where the numbers of the messages are known and there
    were more before, it begins at a place that stays the same for some runs.
    """
    kept = list(history[-limit:]) if limit else []
    kept = _from_question(kept)
    if not kept or kept[0].seq is None or kept[0].seq <= 1:
        return tuple(kept)
    step = stride(limit)
    begin = -(-(kept[0].seq - 1) // step) * step + 1
    steady = _from_question([m for m in kept if m.seq is not None and m.seq >= begin])
    return tuple(steady or kept)


def _from_question(messages: list[Message]) -> list[Message]:
    starts = (at for at, message in enumerate(messages) if message.role is Role.USER)
    return messages[next(starts, len(messages)) :]


def exchanges(history: Sequence[Message]) -> list[Block]:
    """Cut a history into blocks, each from a user's turn to the next."""
    starts = [at for at, message in enumerate(history) if message.role is Role.USER]
    return [_block(history[start:end], start) for start, end in pairwise([*starts, len(history)])]


def _block(messages: Sequence[Message], start: int) -> Block:
    numbers = [_number(message, start + at + 1) for at, message in enumerate(messages)]
    results = tuple(
        Result(at, f"message {numbers[at]}")
        for at, message in enumerate(messages)
        if message.role is Role.TOOL
    )
    part = ContextPart(section=Section.HISTORY, messages=tuple(messages))
    first, last = numbers[0], numbers[-1]
    return Block(part, _range(first, last), results, first, last)


def _number(message: Message, place: int) -> int:
    return place if message.seq is None else message.seq


def _range(first: int, last: int) -> str:
    return f"message {first}" if first == last else f"messages {first}-{last}"


def steady_cuts(blocks: Sequence[Block], step: int) -> list[int]:
    """Give the numbers of blocks to drop after which the beginning stays for some runs."""
    places = [(block.first - 1) // step for block in blocks]
    return [at for at in range(1, len(blocks)) if places[at] != places[at - 1]]


def summary(dropped: Sequence[Block], most_characters: int) -> Block | None:
    """Say in the first sentences what the dropped turns were; the newest, if not all fit."""
    room = min(most_characters, MAX_TEXT) - len(_OPENING) - len("\n[…]\n]")
    kept: list[str] = []
    more: list[str] = []
    for line in _newest_first(dropped):
        room -= len(line) + 1
        if room < 0:
            more = ["[…]"]
            break
        kept.append(line)
    if not kept:
        return None
    text = "\n".join([_OPENING, *more, *reversed(kept)]) + "]"
    message = Message(role=Role.USER, content=text)
    part = ContextPart(section=Section.HISTORY, messages=(message,))
    return Block(part, f"summary of {span(dropped)}")


def span(blocks: Sequence[Block]) -> str:
    """Name the messages of blocks that follow each other."""
    return _range(blocks[0].first, blocks[-1].last)


def last_of(source: str) -> int:
    """Give the number of the last message of what was named."""
    return int(re.split(r"[ -]", source)[-1])


def _newest_first(blocks: Sequence[Block]) -> Iterator[str]:
    for block in reversed(blocks):
        for at, message in reversed(list(enumerate(block.part.messages))):
            if sentence := first_sentence(message.content):
                number = _number(message, block.first + at)
                yield f"message {number}, {message.role.value}: {sentence}"


def first_sentence(text: str) -> str:
    """Give the first sentence of a text on one line, cut at a word where it is long."""
    flat = " ".join(text[: 8 * _MOST_OF_SENTENCE].split())
    found = _SENTENCE.match(flat)
    if found is not None:
        return found[1]
    if len(flat) <= _MOST_OF_SENTENCE:
        return flat
    return flat[:_MOST_OF_SENTENCE].rsplit(" ", 1)[0] + "…"
