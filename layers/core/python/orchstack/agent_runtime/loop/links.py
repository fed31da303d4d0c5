"""The tools that the loop itself serves, as a model is shown them."""

from __future__ import annotations

from typing import Final

from orchstack.kernel.agents import ASK_HUMAN, AgentLink
from orchstack.kernel.chat import ToolSpec
from orchstack.kernel.plain import JsonObject

# Of another agent's own words about itself.
MAX_DESCRIPTION: Final = 500


def _arguments(required: dict[str, str], optional: dict[str, str] | None = None) -> JsonObject:
    told = required | (optional or {})
    return {
        "type": "object",
        "properties": {
            name: {"type": "string", "description": words} for name, words in told.items()
        },
        "required": list(required),
        "additionalProperties": False,
    }


HUMAN: Final = ToolSpec(
    name=ASK_HUMAN,
    description=(
        "Ask a human, and wait for the answer, which may take long. "
        "Only for what no other tool can tell you."
    ),
    parameters=_arguments({"question": "What the human is to answer; all they need to know."}),
)


def spec_of(link: AgentLink, description: str) -> ToolSpec:
    """Describe another agent as a tool: in the link's words, else in the agent's own."""
    words = (link.description or description)[:MAX_DESCRIPTION]
    if link.kind == "tool":
        return ToolSpec(
            name=link.tool,
            description=f"Ask the agent {link.agent}, and get its answer. {words}".strip(),
            parameters=_arguments(
                {"input": "What it is to do; it knows nothing of this conversation."}
            ),
        )
    return ToolSpec(
        name=link.tool,
        description=(
            f"Let the agent {link.agent} go on with this conversation in your place. {words}"
        ).strip(),
        parameters=_arguments(
            {"reason": "Why it is the right one."},
            {"input": "What it should know that the conversation does not say."},
        ),
    )
