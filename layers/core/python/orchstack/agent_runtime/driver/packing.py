"""Packs the next call of the model from what is written down."""

from __future__ import annotations

from dataclasses import dataclass

from orchstack.agent_runtime.context import Conversation, pack
from orchstack.agent_runtime.driver.held import Held
from orchstack.agent_runtime.loop.decision import CallModel, decide
from orchstack.agent_runtime.loop.state import RunState
from orchstack.agent_runtime.ports import Tools
from orchstack.kernel.chat import ChatRequest


@dataclass(frozen=True, kw_only=True)
class Packing:
    """Makes requests; from the same journal always the same one."""

    tools: Tools

    def pack(self, held: Held, command: CallModel, state: RunState) -> ChatRequest:
        """Pack the call that was decided. Raises InvalidDocument if one of the tools is gone."""
        if held.specs is None:
            held.specs = self.tools.specs(held.document.tools)
        return pack(
            held.document,
            Conversation(history=held.run.history, text=held.run.input, steps=state.steps),
            tools=held.specs,
            last=command.last,
            max_output_tokens=command.max_output_tokens,
        )

    def again(self, held: Held) -> ChatRequest:
        """Pack the call that is written down as begun. Raises InvalidDocument."""
        command = decide(held.state)
        if not isinstance(command, CallModel):
            raise TypeError(f"run {held.run.id} does not wait for a model")
        return self.pack(held, command, held.state)
