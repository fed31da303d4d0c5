"""What runs may be about when their drivers die: each kind of step, and each way to an end."""

from __future__ import annotations

import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Lock
from typing import Any
from uuid import UUID

from orchstack.agent_runtime.adapters.in_memory import InMemoryTools, ToolAnswer
from orchstack.agent_runtime.model.attachments import AttachmentIn
from orchstack.agent_runtime.model.runs import Ask, Mode
from orchstack.agent_runtime.model.steps import RunStatus, StepStatus, ToolWork
from orchstack.agent_runtime.ports import Journal, Models
from orchstack.kernel.chat import ChatEvent, ChatRequest, MicroDollars, Role, TextDelta, ToolCall
from orchstack.kernel.errors import DeadlineExceeded
from tests.contract.agent_runtime.test_agents_together import add, link
from tests.contract.agent_runtime.worlds import ONE_TOOL, Script, Stage, calculate, says, wishes

_LATER_S = 0.004
SCHEMA = {"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]}
HUMAN = (
    wishes(
        ("calculator", {"expression": "17 * 23"}), ("ask_human", {"question": "Shall I say it?"})
    ),
    says("It is 391."),
)
REPAIR = (wishes(("calculator", {})), says("No JSON."), says('{"sum": 391}'))
TOGETHER = (
    wishes(("note", {"n": 1}), ("calculator", {}), ("note", {"n": 2})),
    says("All is noted."),
)
ASKING = (wishes(("ask_helper", {"input": "Help."}), ("note", {"n": 1})), says("Helped."))
LEAVING = (wishes(("note", {"n": 1}), ("hand_off_to_closer", {"reason": "The end."})),)
ALL = (
    wishes(
        ("note", {"n": 1}),
        ("ask_helper", {"input": "Help."}),
        ("note", {"n": 2}),
        ("calculator", {}),
        ("hand_off_to_closer", {"reason": "The end."}),
    ),
)


@dataclass
class WatchedTools(InMemoryTools):
    """Tools that count their effects, and look whether each was promised before.

    Same key, same effect: that is what the platform asks of a tool. What it owes in turn is that a
    wish has one key, whatever happens, and that the key stands in the journal before it is used.
    """

    journal: Journal | None = None
    hang_up: Callable[[], None] = lambda: None
    # By key, and by what was wished for.
    calls: Counter[str] = field(default_factory=Counter)
    happened: Counter[str] = field(default_factory=Counter)
    unpromised: list[str] = field(default_factory=list)
    _watch: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        """Count what the functions do."""
        self.functions = {name: partial(self._have, each) for name, each in self.functions.items()}

    def call(
        self, tenant_id: UUID, call: ToolCall, *, idempotency_key: str, deadline: float
    ) -> ToolAnswer:
        """Look into the journal, then have the effect unless the key has had it."""
        promised = self._promised(tenant_id, call, idempotency_key)
        with self._watch:
            self.calls[idempotency_key] += 1
            if not promised:
                self.unpromised.append(idempotency_key)
        return super().call(tenant_id, call, idempotency_key=idempotency_key, deadline=deadline)

    def _have(self, function: Callable[[ToolCall], str], call: ToolCall) -> str:
        with self._watch:
            self.happened[f"{call.name} {call.arguments}"] += 1
        return function(call)

    def _promised(self, tenant_id: UUID, call: ToolCall, key: str) -> bool:
        run_id, _, seq = key.partition(":")
        assert self.journal is not None
        try:
            with self.journal.transaction(tenant_id):
                steps = self.journal.steps(tenant_id, UUID(run_id))
                over = self.journal.run(tenant_id, UUID(run_id)).over
        finally:
            self.hang_up()
        step = next((step for step in steps if step.seq == int(seq)), None)
        if step is None or not isinstance(step.work, ToolWork) or step.idempotency_key != key:
            return False
        # A driver that was frozen before its call may come when others have made it.
        known = step.status is StepStatus.STARTED or over or self.calls[key] > 0
        return known and step.work.call == call


@dataclass
class CutModels:
    """Models whose answers the end of the function cuts off, from one turn of a run on."""

    inner: Models
    from_turn: int

    def stream(
        self, tenant_id: UUID, request: ChatRequest, *, deadline: float
    ) -> Iterator[ChatEvent]:
        """Answer, or raise DeadlineExceeded in the midst of it."""
        turns = sum(message.role is Role.ASSISTANT for message in request.messages)
        for event in self.inner.stream(tenant_id, request, deadline=deadline):
            if turns >= self.from_turn and not isinstance(event, TextDelta):
                raise DeadlineExceeded
            yield event

    def worst_cost(self, request: ChatRequest) -> MicroDollars:
        """The inner one's."""
        return self.inner.worst_cost(request)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A kind of run: who is asked for what, and how it ends if nobody dies."""

    name: str
    script: Script = ONE_TOOL
    document: dict[str, Any] = field(default_factory=dict)
    # Other agents: name, script, document.
    others: tuple[tuple[str, Script, dict[str, Any]], ...] = ()
    # How many runs are begun, one after the other; more than one: in one session.
    runs: int = 1
    attached: bool = False
    # Somebody wants the run cancelled while its tool is at work.
    cancelled: bool = False
    # From which turn on a function's time is over, where it hands over.
    cut_from: int = 1

    @property
    def status(self) -> RunStatus:
        """How its runs end."""
        return RunStatus.CANCELLED if self.cancelled else RunStatus.COMPLETED

    def set_up(self, make_stage: Callable[..., Stage], *, lease_seconds: float) -> Stage:
        """A stage for it, of a tenant of its own, with tools that are watched."""
        stage = make_stage(self.script, **self.document)
        functions = {"calculator": _calculate, "note": lambda call: str(call.arguments)}
        journal = stage.world.journal
        tools = WatchedTools(functions, journal=journal, hang_up=stage.hang_up)
        for name, script, document in self.others:
            add(stage, name, script, **document)
        stage.models.price = 4
        world = replace(stage.world, tools=tools)
        return replace(stage, world=world, tools=tools, lease_seconds=lease_seconds)

    def asks(self, mode: Mode, session: UUID) -> list[Ask]:
        """What its callers ask for, in their order; only several runs are of a session."""
        attachments = (_FILE, _PICTURE) if self.attached else ()
        ask = Ask(agent="adder", text="What is 17 * 23?", mode=mode, attachments=attachments)
        session_id = session if self.runs > 1 else None
        return [replace(ask, session_id=session_id) for _ in range(self.runs)]


def _calculate(call: ToolCall) -> str:
    """Let what is called at the same time be written down alone, so that commits can be counted."""
    time.sleep(0.0 if call.arguments else _LATER_S)
    return calculate(call)


_PICTURE = AttachmentIn(name="cat.png", data=b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 8).decode())
_FILE = AttachmentIn(name="sum.json", data=b64encode(b"[17, 23]").decode())
_HELPER = ("helper", (wishes(("note", {"n": 3})), says("Here.")), {"tools": ("note",)})
_CLOSER = ("closer", (says("-"), says("It is closed.")), {"tools": ()})
_STRICT = (
    "closer",
    (says("-"), says("No JSON."), says('{"sum": 391}')),
    {"tools": (), "output_schema": SCHEMA},
)
_ORDER = [{"first": "note", "then": "note"}]

SCENARIOS = (
    Scenario(name="one tool"),
    Scenario(
        name="tools together, ordered",
        script=TOGETHER,
        document={"tools": ("calculator", "note"), "tool_order": _ORDER},
    ),
    Scenario(
        name="agent as tool",
        script=ASKING,
        document={"tools": ("note",), "agents": link("tool", "helper")},
        others=(_HELPER,),
    ),
    Scenario(
        name="hand-off",
        script=LEAVING,
        document={"tools": ("note",), "agents": link("handoff", "closer")},
        others=(_CLOSER,),
    ),
    Scenario(name="human wait", script=HUMAN, document={"tools": ("calculator", "ask_human")}),
    Scenario(name="output repaired", script=REPAIR, document={"output_schema": SCHEMA}),
    Scenario(name="session turn", script=(says("It is 391."),), runs=2, cut_from=0),
    Scenario(name="files as input", script=(says("I see."),), attached=True, cut_from=0),
    Scenario(name="cancelled", cancelled=True),
    Scenario(
        name="all of it",
        script=ALL,
        document={
            "tools": ("calculator", "note"),
            "tool_order": _ORDER,
            "agents": (*link("tool", "helper"), *link("handoff", "closer")),
        },
        others=(_HELPER, _STRICT),
    ),
)
