"""The arguments of tool calls, as a caller may be shown them: a model wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchstack.agent_runtime.loop.decision import CallTools
from orchstack.agent_runtime.loop.plan import Screened
from orchstack.agent_runtime.ports import Guards
from orchstack.kernel.agents import GuardPolicy
from orchstack.kernel.errors import ContentBlocked
from orchstack.kernel.plain import JsonObject


@dataclass(frozen=True, kw_only=True)
class Screening:
    """Passes arguments by the output guard."""

    guards: Guards

    def screen(self, command: CallTools, policy: GuardPolicy) -> Mapping[int, Screened]:
        """Give what the guard says of calls, by position; nothing of those that may be shown."""
        if policy.pii_output == "off":
            return {}
        looked_at = {
            planned.position: self._screened(planned.call.arguments, policy)
            for planned in command.calls
        }
        return {position: said for position, said in looked_at.items() if said is not None}

    def _screened(self, arguments: JsonObject, policy: GuardPolicy) -> Screened | None:
        try:
            shown = self._clean(arguments, policy)
        except ContentBlocked as block:
            return Screened(shown={}, refusal=f"This was not called: {block.detail}")
        return None if shown == arguments else Screened(shown=shown)

    def _clean(self, value: Any, policy: GuardPolicy) -> Any:
        if isinstance(value, str):
            words = self.guards.output_filter(policy)
            return words.feed(value) + words.finish()
        if isinstance(value, dict):
            return {
                self._clean(name, policy): self._clean(inner, policy)
                for name, inner in value.items()
            }
        if isinstance(value, list):
            return [self._clean(inner, policy) for inner in value]
        return value
