"""A tool that answers from a table, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from orchstack.kernel.frozen import Frozen
from orchstack.tool_exec.model import CallContext, ToolFault


class LookupArguments(Frozen):
    """What is looked up."""

    key: str


@dataclass
class LookupTool:
    """Looks a key up in a table, and keeps the contexts of its calls."""

    table: Mapping[str, str] = field(default_factory=dict)
    name: str = "lookup"
    description: str = "Looks a key up."
    timeout_s: float = 1.0
    arguments: type[LookupArguments] = LookupArguments
    contexts: list[CallContext] = field(default_factory=list)

    def run(self, arguments: LookupArguments, context: CallContext) -> str:
        """Give what stands under the key. Raises ToolFault."""
        self.contexts.append(context)
        if arguments.key not in self.table:
            raise ToolFault(f"Nothing stands under {arguments.key!r}.")
        return self.table[arguments.key]
