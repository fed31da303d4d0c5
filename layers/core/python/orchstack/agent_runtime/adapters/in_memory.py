"""Everything else a run touches, in memory: agents, models, tools, guards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from uuid import UUID

from orchstack.agent_runtime.context.turns import REPAIR
from orchstack.kernel.agents import AgentDocument, EffectiveAgent, GuardPolicy
from orchstack.kernel.chat import (
    ChatEvent,
    ChatRequest,
    Completion,
    MicroDollars,
    Role,
    TextDelta,
    ToolCall,
    ToolSpec,
)
from orchstack.kernel.errors import (
    ContentBlocked,
    InvalidDocument,
    NoProviderAvailable,
    NotFound,
    OrchStackError,
    PayloadTooLarge,
)


@dataclass
class InMemoryAgents:
    """Knows the agents that were published to it; the last version is live."""

    published: dict[tuple[UUID, str], list[AgentDocument]] = field(default_factory=dict)

    def publish(self, tenant_id: UUID, document: AgentDocument) -> None:
        """Make a new version."""
        self.published.setdefault((tenant_id, document.name), []).append(document)

    def effective(
        self, tenant_id: UUID, agent: str, version: int | None, *, sticky: str = ""
    ) -> EffectiveAgent:
        """Find a version of an agent; without one, the live one. Raises NotFound."""
        del sticky
        versions = self.published.get((tenant_id, agent), [])
        number = len(versions) if version is None else version
        if not 1 <= number <= len(versions):
            raise NotFound
        return EffectiveAgent(name=agent, version=number, document=versions[number - 1])


@dataclass
class ScriptedModels:
    """Plays answers in turn, each in pieces of four characters; an error in the script is raised.

    Which answer comes is a matter of how many the request already holds, so asking twice gives the
    same one. `others` are the scripts of models with a name of their own.
    """

    script: Sequence[Completion | OrchStackError]
    price: MicroDollars = 0
    asked: list[ChatRequest] = field(default_factory=list)
    others: dict[str, Sequence[Completion | OrchStackError]] = field(default_factory=dict)

    def stream(
        self, tenant_id: UUID, request: ChatRequest, *, deadline: float
    ) -> Iterator[ChatEvent]:
        """Answer with pieces of text, then the completion."""
        del tenant_id, deadline
        self.asked.append(request)
        answer = self.others.get(request.model, self.script)[_turn(request)]
        if isinstance(answer, OrchStackError):
            raise answer
        text = answer.message.content
        for at in range(0, len(text), 4):
            yield TextDelta(text=text[at : at + 4])
        yield answer

    def worst_cost(self, request: ChatRequest) -> MicroDollars:
        """The price of every call. Raises NoProviderAvailable for a model named `nobody/…`."""
        if request.model.startswith("nobody/"):
            raise NoProviderAvailable
        return self.price


def _turn(request: ChatRequest) -> int:
    """Count the answers since the user spoke; to be told of a misfit is no turn of the user."""
    turn = 0
    for message in request.messages:
        if message.role is Role.USER and not message.content.startswith(REPAIR):
            turn = 0
        turn += message.role is Role.ASSISTANT
    return turn


@dataclass(frozen=True)
class ToolAnswer:
    """What a tool gave."""

    content: str
    is_error: bool = False


@dataclass
class InMemoryTools:
    """Functions as tools; each key has its effect once, and the same answer ever after."""

    functions: Mapping[str, Callable[[ToolCall], str]]
    effects: dict[str, ToolAnswer] = field(default_factory=dict)
    called: list[str] = field(default_factory=list)
    _locks: dict[str, Lock] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def specs(self, names: Sequence[str]) -> tuple[ToolSpec, ...]:
        """Describe tools to a model. Raises InvalidDocument for an unknown one."""
        unknown = [name for name in names if name not in self.functions]
        if unknown:
            raise InvalidDocument(f"There is no tool {unknown[0]!r}.")
        return tuple(
            ToolSpec(name=name, description=name, parameters={"type": "object"}) for name in names
        )

    def call(
        self, tenant_id: UUID, call: ToolCall, *, idempotency_key: str, deadline: float
    ) -> ToolAnswer:
        """Call a tool; the same key twice has one effect."""
        del tenant_id, deadline
        self.called.append(idempotency_key)
        with self._lock:
            effect = self._locks.setdefault(idempotency_key, Lock())
        with effect:
            if idempotency_key not in self.effects:
                self.effects[idempotency_key] = ToolAnswer(self.functions[call.name](call))
            return self.effects[idempotency_key]


@dataclass
class WordFilter:
    """Replaces one word in a stream; holds back what may be its beginning."""

    word: str
    block: bool
    findings: dict[str, int] = field(default_factory=dict)
    _held: str = ""

    def feed(self, delta: str) -> str:
        """Take a piece, give what may go out now. Raises ContentBlocked."""
        text = self._clean(self._held + delta)
        keep = next(
            (n for n in range(len(self.word) - 1, 0, -1) if text.endswith(self.word[:n])), 0
        )
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def finish(self) -> str:
        """Give what was held back."""
        text, self._held = self._held, ""
        return self._clean(text)

    def _clean(self, text: str) -> str:
        count = text.count(self.word)
        if count and self.block:
            raise ContentBlocked
        if count:
            self.findings["WORD"] = self.findings.get("WORD", 0) + count
        return text.replace(self.word, "[WORD]")


@dataclass(frozen=True)
class CheckedText:
    """Text that may pass."""

    text: str
    findings: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class WordGuards:
    """Guards against one word, as the policy for personal data says."""

    word: str = "forbidden"

    def check_input(self, text: str, policy: GuardPolicy) -> CheckedText:
        """Check untrusted text. Raises ContentBlocked, PayloadTooLarge."""
        if len(text) > policy.max_input_chars:
            raise PayloadTooLarge
        return self._checked(text, policy, block=policy.pii_input == "block")

    def check_tool_result(self, text: str, policy: GuardPolicy) -> CheckedText:
        """Check what a tool said; it is never blocked."""
        return self._checked(text, policy, block=False)

    def output_filter(self, policy: GuardPolicy) -> WordFilter:
        """Make the filter for one answer of a model."""
        word = "\0" if policy.pii_output == "off" else self.word
        return WordFilter(word, policy.pii_output == "block")

    def _checked(self, text: str, policy: GuardPolicy, *, block: bool) -> CheckedText:
        if policy.pii_input == "off":
            return CheckedText(text=text)
        words = WordFilter(self.word, block)
        return CheckedText(text=words.feed(text) + words.finish(), findings=words.findings)
