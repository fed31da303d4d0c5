"""The packing of contexts: how exact its budget is, how much can be cached, and what it costs.

What is sent is counted anew by another library, with a vocabulary of its own, as one text: the
messages in the frame that OpenAI publishes for its chat models, the tools as the JSON they are.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from statistics import mean
from typing import Any

from orchstack.agent_runtime.context import Budget, Material, Packed, pack
from orchstack.agent_runtime.context.weighing import REPLY, in_tokens
from orchstack.agent_runtime.model.steps import ModelWork, Step, ToolWork
from orchstack.kernel.agents import AgentDocument
from orchstack.kernel.chat import ChatRequest, Message, Role, ToolCall, ToolSpec
from orchstack.llm_router.adapters.token_counter import TokenCounter
from orchstack.llm_router.model import FREE, ModelCard
from tests.bench.texts import KINDS, Texts
from tests.make import NOW, agent_document

MODEL = "openai/gpt-5"
TOOL_PARAMETERS = {
    "type": "object",
    "properties": {"query": {"type": "string", "description": "What to look for."}},
    "required": ["query"],
    "additionalProperties": False,
}


def _card(model: str) -> ModelCard:
    provider, _, name = model.partition("/")
    return ModelCard(name=model, provider=provider, model=name, price=FREE, window=272_000)


COUNTER = TokenCounter(_card)


def budget(tokens: int) -> Budget:
    """A budget counted in OpenAI's vocabulary."""
    return Budget(
        tokens=tokens,
        tokenizer=COUNTER.tokenizer(MODEL),
        count=partial(COUNTER.count, MODEL),
    )


@cache
def _encoding() -> Any:
    # It reads its vocabulary as it is imported.
    from bpe_openai import get_encoding

    return get_encoding("o200k_base")


def counted_anew(request: ChatRequest) -> int:
    """Count a request as a whole, with the other library."""
    frames = 3
    text = ""
    for message in request.messages:
        # Of each frame, three tokens mark its beginning, the end of its role, and its end.
        frames += 3
        text += f"{message.role.value}{message.content}"
        for call in message.tool_calls:
            frames += 8
            text += call.name + json.dumps(call.arguments, ensure_ascii=False)
    for tool in request.tools:
        frames += 8
        text += json.dumps(tool.model_dump(), ensure_ascii=False)
    return frames + len(_encoding().encode_ordinary(text))


@dataclass(frozen=True)
class Case:
    """One kind of text under one budget."""

    kind: str
    packed: Packed

    @property
    def error(self) -> float:
        """By which part what is shown of it differs from the count of what is sent."""
        scale = in_tokens(partial(COUNTER.count, MODEL), 1.0)
        shown = REPLY + sum(map(scale.weigh, self.packed.parts))
        real = counted_anew(self.packed.request)
        return abs(shown - real) / real

    @property
    def over(self) -> bool:
        """Whether more is sent than the budget allows."""
        return counted_anew(self.packed.request) > self.packed.manifest.budget


def cases(per_kind: int = 40) -> Iterator[Case]:
    """Pack long sessions with tools under small and large budgets, in texts of each kind."""
    for kind in KINDS:
        for seed in range(per_kind):
            texts = Texts(kind, seed)
            given = conversation(texts, turns=10 + seed, steps=seed % 9)
            yield Case(kind, pack(given, budget((1_500, 4_000, 12_000, 40_000)[seed % 4])))


def document(texts: Texts, **changes: object) -> AgentDocument:
    """An agent with instructions of some length."""
    given = {"model": MODEL, "tools": ("search",), "history_messages": 200, **changes}
    return agent_document(instructions=texts.piece(600), **given)


def conversation(texts: Texts, *, turns: int, steps: int) -> Material:
    """A session with so many turns, and a run that has called tools so many times."""
    return Material(
        document=document(texts),
        asked=Message(role=Role.USER, content=texts.piece(300)),
        history=history(texts, turns),
        steps=[step for at in range(steps) for step in turn(texts, at)],
        tools=(ToolSpec(name="search", description=texts.piece(80), parameters=TOOL_PARAMETERS),),
    )


def history(texts: Texts, turns: int) -> tuple[Message, ...]:
    """A session as it is recalled."""
    return tuple(
        message
        for at in range(turns)
        for message in (
            Message(role=Role.USER, content=texts.piece(200), seq=2 * at + 1),
            Message(role=Role.ASSISTANT, content=texts.piece(600), seq=2 * at + 2),
        )
    )


def turn(texts: Texts, at: int) -> tuple[Step, Step]:
    """An answer that asks for a tool, and what the tool says."""
    call = ToolCall(id=f"c{at}", name="search", arguments={"query": texts.piece(40)})
    asked = ModelWork(model=MODEL, tool_calls=(call,))
    said = ToolWork(call=call, wished_by=2 * at + 1, position=0, content=texts.piece(2_500))
    times = {"started_at": NOW, "finished_at": NOW}
    return Step(seq=2 * at + 1, work=asked, **times), Step(seq=2 * at + 2, work=said, **times)


@dataclass(frozen=True)
class Prefix:
    """Of all tokens sent, how many begin a prompt that was sent before."""

    sent: int = 0
    same: int = 0

    @property
    def ratio(self) -> float:
        """The part that a provider can have cached."""
        return self.same / self.sent


def growing_session(tokens: int, window: int, runs: int = 60, *, numbered: bool = True) -> Prefix:
    """Replay a session of so many runs, each with two calls of tools, and compare each prompt."""
    texts = Texts("mixed", 1)
    agent = document(texts, history_messages=window)
    told: list[Message] = []
    before: Packed | None = None
    total = Prefix()
    for run in range(runs):
        asked = Message(role=Role.USER, content=texts.piece(200))
        manifest = None
        steps: list[Step] = []
        for call in range(3):
            given = Material(document=agent, asked=asked, history=told[-window:], steps=steps)
            now = pack(given, budget(tokens), manifest)
            total = _add(total, before, now)
            before, manifest = now, now.manifest
            steps += turn(texts, call)
        answer = Message(role=Role.ASSISTANT, content=texts.piece(600))
        for at, message in enumerate((asked, answer), start=2 * run + 1):
            told.append(message.model_copy(update={"seq": at if numbered else None}))
    return total


def _add(total: Prefix, before: Packed | None, now: Packed) -> Prefix:
    earlier = before.request.messages if before else ()
    count = partial(COUNTER.count, MODEL)
    same = 0
    for message, old in zip(now.request.messages, earlier, strict=False):
        if message != old:
            break
        same += 4 + count(message.content)
    sent = sum(4 + count(message.content) for message in now.request.messages)
    return Prefix(total.sent + sent, total.same + same)


def cost_ms(given: Material, tokens: int, times: int = 200) -> float:
    """Milliseconds of CPU that a pack takes, on average."""
    began = time.process_time()
    for _ in range(times):
        pack(given, budget(tokens))
    return (time.process_time() - began) / times * 1000


def load_ms() -> float:
    """Milliseconds of CPU until the first text is counted, in this process."""
    began = time.process_time()
    COUNTER.count(MODEL, "first")
    return (time.process_time() - began) * 1000


def errors() -> Iterator[tuple[str, str, str]]:
    """For each kind of text: the mean and the largest error, and how many calls were over."""
    found = list(cases())
    for kind in KINDS:
        of_kind = [case for case in found if case.kind == kind]
        spread = [case.error for case in of_kind]
        over = sum(case.over for case in of_kind)
        yield kind, f"{mean(spread):.2%} / {max(spread):.2%}", f"{over} of {len(of_kind)}"


def sessions() -> Iterator[tuple[str, str]]:
    """How much of a growing session's prompts can be cached, under different budgets."""
    for title, tokens, window in (
        ("all of it fits", 200_000, 200),
        ("the last 20 messages, which fit", 200_000, 20),
        ("8,000 tokens, all of the session wanted", 8_000, 200),
    ):
        yield title, f"{growing_session(tokens, window).ratio:.0%}"
    sliding = growing_session(200_000, 20, numbered=False).ratio
    yield "the last 20 messages, cut anew each run", f"{sliding:.0%}"


def costs() -> Iterator[tuple[str, str]]:
    """Milliseconds of CPU: to load the vocabulary, and to pack."""
    yield "load the vocabulary, once a process", f"{load_ms():.0f}"
    texts = Texts("mixed", 3)
    yield "pack a first call, far below the budget", f"{cost_ms(small(texts), 200_000):.2f}"
    long = conversation(texts, turns=90, steps=8)
    yield "pack 90 turns and 8 tools, below the budget", f"{cost_ms(long, 270_000, 50):.2f}"
    yield "pack 90 turns and 8 tools into 20,000 tokens", f"{cost_ms(long, 20_000, 50):.2f}"


def small(texts: Texts) -> Material:
    """A question and one tool."""
    return conversation(texts, turns=0, steps=1)
