"""Calls tools: checks arguments, bounds time and size, turns faults into words for the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self
from uuid import UUID

from pydantic import BaseModel, ValidationError

from orchstack.kernel.chat import UNREADABLE_ARGUMENTS, ToolCall, ToolSpec
from orchstack.kernel.clock import Clock
from orchstack.kernel.errors import InvalidDocument, fault_at
from orchstack.kernel.observability import logger
from orchstack.tool_exec.model import CallContext, ToolFault, ToolResult
from orchstack.tool_exec.ports import Tool

MAX_RESULT_CHARS: Final = 20_000
MAX_FAULTS: Final = 5


@dataclass(frozen=True, kw_only=True)
class ToolExecutor:
    """The tools of this installation, by name."""

    tools: Mapping[str, Tool[Any]]
    clock: Clock

    @classmethod
    def of(cls, tools: Iterable[Tool[Any]], clock: Clock) -> Self:
        """Offer the given tools under their own names."""
        return cls(tools={tool.name: tool for tool in tools}, clock=clock)

    def known(self) -> frozenset[str]:
        """The names an agent's document may list."""
        return frozenset(self.tools)

    def specs(self, names: Iterable[str]) -> tuple[ToolSpec, ...]:
        """Describe tools to a model, in the order given. Raises InvalidDocument."""
        wanted = tuple(dict.fromkeys(names))
        unknown = [name for name in wanted if name not in self.tools]
        if unknown:
            known = ", ".join(sorted(self.tools))
            raise InvalidDocument(
                f"There is no tool {unknown[0]!r}; this installation has: {known}.",
                faults=[fault_at("/tools", f"no tool {name!r}") for name in unknown],
            )
        return tuple(_spec(self.tools[name]) for name in wanted)

    def call(
        self, tenant_id: UUID, call: ToolCall, *, idempotency_key: str, deadline: float
    ) -> ToolResult:
        """Call a tool; a fault is a result that tells the model what to do, never raised.

        `deadline` is Unix time in seconds; a tool may end earlier by its own time-out. The content
        is at most MAX_RESULT_CHARS characters and a marker, and is untrusted.
        """
        tool = self.tools.get(call.name)
        if tool is None:
            return ToolResult(f"There is no tool {call.name!r}; go on without it.", is_error=True)
        until = min(deadline, self.clock.now().timestamp() + tool.timeout_s)
        context = CallContext(tenant_id=tenant_id, idempotency_key=idempotency_key, deadline=until)
        try:
            content = tool.run(_arguments(tool, call), context)
        except ToolFault as fault:
            logger.info("tool fault", extra={"tool": call.name, "tenant_id": str(tenant_id)})
            return ToolResult(str(fault), is_error=True)
        except Exception:  # noqa: BLE001 - a tool is foreign code: a run must not break with it
            logger.exception("tool broke", extra={"tool": call.name, "tenant_id": str(tenant_id)})
            words = f"The tool {call.name} failed; go on without it."
            return ToolResult(words, is_error=True)
        return ToolResult(_capped(content))


def _spec(tool: Tool[Any]) -> ToolSpec:
    return ToolSpec(
        name=tool.name,
        description=tool.description,
        parameters=tool.arguments.model_json_schema(),
    )


def _arguments(tool: Tool[Any], call: ToolCall) -> BaseModel:
    if UNREADABLE_ARGUMENTS in call.arguments:
        raise ToolFault(
            f"The arguments of {call.name} were not a JSON object; call it again with valid JSON."
        )
    arguments: type[BaseModel] = tool.arguments
    try:
        return arguments.model_validate(call.arguments)
    except ValidationError as error:
        raise ToolFault(_in_words(call.name, error)) from None


def _in_words(name: str, error: ValidationError) -> str:
    faults = [
        f"{'.'.join(str(part) for part in fault['loc']) or 'arguments'}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False)[:MAX_FAULTS]
    ]
    return (
        f"The arguments of {name} do not fit: {'; '.join(faults)}. Call it again with valid ones."
    )


def _capped(content: str) -> str:
    if len(content) <= MAX_RESULT_CHARS:
        return content
    kept = content[:MAX_RESULT_CHARS]
    return f"{kept}\n[cut: the first {MAX_RESULT_CHARS} of {len(content)} characters]"
