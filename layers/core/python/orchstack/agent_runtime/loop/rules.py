"""What of an agent's document a decision rests on, and how deep and wide agents may go together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from orchstack.agent_runtime.model.runs import Parent
from orchstack.kernel.agents import ASK_HUMAN, AgentDocument, RunLimits, ToolOrder
from orchstack.kernel.chat import ToolCall

MAX_QUESTION: Final = 4_000


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The rules of the agent that is at work; `handoffs` and `asks` give agents by tool name."""

    agent: str = ""
    tools: tuple[str, ...] = ()
    order: tuple[ToolOrder, ...] = ()
    # Whether the model may ask a human.
    human: bool = False
    asks: Mapping[str, str] = field(default_factory=dict)
    handoffs: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, document: AgentDocument, *, asked_by_agent: bool = False) -> Rules:
        """Read a document; whom an agent asks, that one cannot ask a human."""
        links = document.agents
        return cls(
            agent=document.name,
            tools=document.tools,
            order=document.tool_order,
            human=ASK_HUMAN in document.tools and not asked_by_agent,
            asks={link.tool: link.agent for link in links if link.kind == "tool"},
            handoffs={link.tool: link.agent for link in links if link.kind == "handoff"},
        )

    @property
    def permitted(self) -> tuple[str, ...]:
        """The names that a model may call."""
        return (*self.tools, *self.asks, *self.handoffs)

    def asks_human(self, call: ToolCall) -> bool:
        """Whether a call is a question that a human can be asked."""
        return self.human and call.name == ASK_HUMAN and bool(question_of(call))


def question_of(call: ToolCall) -> str:
    """Give the question of an `ask_human` call; nothing if it has none that can be shown."""
    question = call.arguments.get("question")
    return question.strip()[:MAX_QUESTION] if isinstance(question, str) else ""


def limits_of(document: AgentDocument, parent: Parent | None) -> RunLimits:
    """Give the limits of a run: its agent's own, or what was left to the run that asked for it."""
    own = document.limits
    if parent is None:
        return own
    left = parent.limits
    return own.model_copy(
        update={
            "max_total_tokens": min(own.max_total_tokens, left.max_total_tokens),
            "max_cost_micro_usd": min(own.max_cost_micro_usd, left.max_cost_micro_usd),
            "max_seconds": min(own.max_seconds, left.max_seconds),
            # How deep agents may ask agents is for the first of them to say.
            "max_depth": left.max_depth,
        }
    )


def refusal(agent: str, chain: tuple[str, ...], *, deeper: int, max_depth: int) -> str | None:
    """Say why an agent cannot join those of `chain`; `deeper` is how deep that would go."""
    if agent in chain:
        passed = " > ".join(chain)
        return f"{agent} cannot be called: it is at work already ({passed}). Go on without it."
    if deeper > max_depth:
        return (
            f"{agent} cannot be called: no more than {max_depth} agents may follow one another. "
            "Go on without it."
        )
    return None


def unknown(agent: str) -> str:
    """Say that an agent cannot join because the tenant has none of that name."""
    return f"There is no agent {agent}. Go on without it."
