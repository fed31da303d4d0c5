"""An agent as a declarative document: what a tenant publishes and what a run is configured by."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from orchstack.kernel.context_policy import ContextPolicy
from orchstack.kernel.frozen import Frozen
from orchstack.kernel.plain import JsonObject

AGENT_NAME = r"^[a-z][a-z0-9-]{0,62}$"
ALIAS_NAME = r"^[a-z][a-z0-9-]{0,30}$"
LABEL_NAME = r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$"
# PostgreSQL stores every character of Unicode but this one.
NO_NUL = r"^[^\u0000]*$"
MODEL_NAME = r"^(default|[a-z0-9-]+/[A-Za-z0-9._:/-]{1,120})$"
MAX_INSTRUCTIONS = 50_000
LIVE = "live"
# The tool with which a model asks a human: the agent runtime serves it, no executor.
ASK_HUMAN = "ask_human"
# As long as the providers let a tool's name be.
MAX_TOOL_NAME = 64
MAX_VERSION = 2_147_483_647

AgentName = Annotated[
    str, Field(pattern=AGENT_NAME, description="Lower-case letters, digits, dashes.")
]
ToolName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
VersionNumber = Annotated[int, Field(ge=1, le=MAX_VERSION, description="1, 2, 3… per agent.")]
Variant = Literal["stable", "canary"]


class GuardPolicy(Frozen):
    """What is checked on the way in and out."""

    max_input_chars: Annotated[int, Field(ge=1, le=200_000)] = 32_000
    max_input_tokens: Annotated[int, Field(ge=1, le=1_000_000)] = 16_000
    pii_input: Literal["off", "redact", "block"] = "redact"
    pii_output: Literal["off", "redact", "block"] = "redact"


class RunLimits(Frozen):
    """Where a run ends, whatever the model wants; money in micro-dollars."""

    max_steps: Annotated[int, Field(ge=1, le=50)] = 8
    max_output_tokens: Annotated[int, Field(ge=1, le=64_000)] = 1_024
    max_total_tokens: Annotated[int, Field(ge=1, le=2_000_000)] = 100_000
    max_cost_micro_usd: Annotated[int, Field(ge=0, le=1_000_000_000)] = 500_000
    # Without the time in a queue and the time a human takes.
    max_seconds: Annotated[int, Field(ge=1, le=86_400)] = 120
    # How long a human may take to answer one question.
    max_wait_seconds: Annotated[int, Field(ge=1, le=2_592_000)] = 604_800
    max_parallel_tools: Annotated[int, Field(ge=1, le=16)] = 4
    # How long one call of a tool may last; a tool may end earlier by a limit of its own.
    max_tool_seconds: Annotated[int, Field(ge=1, le=3_600)] = 60
    # How many agents a run may pass through by hand-offs, and how deep agents may ask agents.
    max_depth: Annotated[int, Field(ge=1, le=8)] = 3


class ToolOrder(Frozen):
    """Of the calls one answer asks for, those of `then` wait for those of `first`.

    The same tool in both: its calls go one after the other, in the order of the wishes.
    """

    first: ToolName
    then: ToolName


class AgentLink(Frozen):
    """Another agent of the tenant, offered to the model: to be asked, or to take over."""

    agent: AgentName
    kind: Literal["tool", "handoff"]
    description: Annotated[str, Field(max_length=500, pattern=NO_NUL)] = ""

    @property
    def tool(self) -> str:
        """How the model calls it: `ask_<agent>` or `hand_off_to_<agent>`, dashes underscored."""
        verb = "ask" if self.kind == "tool" else "hand_off_to"
        return f"{verb}_{self.agent.replace('-', '_')}"


class AgentDocument(Frozen):
    """The document of `PUT /v1/agents/{agent}` and of `orchstack agents apply`."""

    name: AgentName
    description: Annotated[str, Field(max_length=500, pattern=NO_NUL)] = ""
    instructions: Annotated[str, Field(min_length=1, max_length=MAX_INSTRUCTIONS, pattern=NO_NUL)]
    # `default` is the model the installation answers with; else `<provider>/<model>`.
    model: Annotated[str, Field(pattern=MODEL_NAME)] = "default"
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    tools: Annotated[tuple[ToolName, ...], Field(max_length=64)] = ()
    tool_order: Annotated[tuple[ToolOrder, ...], Field(max_length=64)] = ()
    agents: Annotated[tuple[AgentLink, ...], Field(max_length=16)] = ()
    # A JSON Schema (2020-12) that the final answer fits; a model gets one chance to repair it.
    output_schema: JsonObject | None = None
    # What a run does while another of its session is under way: wait for its turn, or be refused.
    session_policy: Literal["serialise", "refuse"] = "serialise"
    guards: GuardPolicy = GuardPolicy()
    limits: RunLimits = RunLimits()
    context: ContextPolicy = ContextPolicy()
    history_messages: Annotated[int, Field(ge=0, le=200)] = 20
    labels: Annotated[
        dict[
            Annotated[str, Field(pattern=LABEL_NAME)],
            Annotated[str, Field(max_length=200, pattern=NO_NUL)],
        ],
        Field(max_length=32),
    ] = {}


class EffectiveAgent(Frozen):
    """The configuration a run is made with; a version never changes."""

    name: AgentName
    version: VersionNumber
    document: AgentDocument
    # Which arm of a canary was chosen; None where there was no choice.
    variant: Variant | None = None
