"""What the tool executor needs from the world."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel

from orchstack.tool_exec.model import CallContext

ArgumentsT = TypeVar("ArgumentsT", bound=BaseModel)


class Tool(Protocol, Generic[ArgumentsT]):
    """Something a model can have done; the JSON Schema of `arguments` is shown to it."""

    @property
    def name(self) -> str:
        """How the model calls it."""

    @property
    def description(self) -> str:
        """What it does, said to the model."""

    @property
    def arguments(self) -> type[ArgumentsT]:
        """What it takes."""

    @property
    def timeout_s(self) -> float:
        """How long a call may last at most, in seconds."""

    def run(self, arguments: ArgumentsT, context: CallContext) -> str:
        """Do it, by `context.deadline`; gives text for the model. Raises ToolFault."""
