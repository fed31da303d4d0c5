"""The answer of a run that a limit ended: what the model said, or else what the tools found out."""

from __future__ import annotations

from typing import Final

from orchstack.agent_runtime.loop.state import RunState
from orchstack.agent_runtime.model.steps import FinishReason, Service, ToolWork, WaitWork

MAX_QUOTE: Final = 2_000

_SENTENCES: Final = {
    FinishReason.MAX_STEPS: "The run reached its limit of {limits.max_steps} model calls.",
    FinishReason.MAX_TOKENS: "The run reached its limit of {limits.max_total_tokens} tokens.",
    FinishReason.BUDGET_EXCEEDED: (
        "The next model call could pass the run's budget of {limits.max_cost_micro_usd} micro-USD."
    ),
    FinishReason.MAX_SECONDS: "The run reached its limit of {limits.max_seconds} seconds.",
}


def partial_answer(state: RunState, reason: FinishReason) -> tuple[str, bool]:
    """Give the text, and whether it was composed here: an answer cut short stays as it went out."""
    if state.answers:
        _, answer = state.answers[-1]
        if answer.text and not answer.tool_calls:
            return answer.text, False
    sentence = _SENTENCES[reason].format(limits=state.limits)
    return "\n".join([sentence, *_last_words(state), *_found(state)]), True


def _last_words(state: RunState) -> list[str]:
    said = [answer.text for _, answer in state.answers if answer.text]
    return ["The last words of the model:", said[-1][:MAX_QUOTE]] if said else []


def _found(state: RunState) -> list[str]:
    lines = [
        f"- {work.call.name}: {content[:MAX_QUOTE]}"
        for work in state.services
        if (content := _content(work))
    ]
    return ["What the tools have answered:", *lines] if lines else []


def _content(work: Service) -> str:
    """Give what a tool, another agent or a human has answered."""
    match work:
        case ToolWork(is_error=False):
            return work.content
        case WaitWork():
            return work.answer
        case _:
            return ""
