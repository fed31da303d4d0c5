"""What there is to show a model, before any of it is weighed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from orchstack.agent_runtime.model.contexts import ContextPart, LeftOut, Section
from orchstack.agent_runtime.model.steps import Step
from orchstack.kernel.agents import AgentDocument
from orchstack.kernel.chat import Message, ToolSpec

# The order in which a model reads: what changes least stands first, so that it can be cached.
ORDER: tuple[Section, ...] = tuple(Section)
# Shown whole or not at all.
FIXED: tuple[Section, ...] = (Section.TOOLS, Section.SYSTEM, Section.INPUT)


@dataclass(frozen=True, kw_only=True)
class Material:
    """An agent, what was said in the session before, what is asked now, and this run since.

    `passages` are of the sections memory and knowledge, best first; each is shown whole or not.
    """

    document: AgentDocument
    asked: Message
    history: Sequence[Message] = ()
    steps: Sequence[Step] = ()
    tools: Sequence[ToolSpec] = ()
    passages: Sequence[ContextPart] = ()
    # The model is told that no tool can be called any more.
    last: bool = False
    max_output_tokens: int = 1_024


@dataclass(frozen=True)
class Result:
    """A tool's result inside a block: at which message, its name, whether it can be had again."""

    position: int
    source: str
    again: bool = True


@dataclass(frozen=True)
class Block:
    """A part, named by what it was made of; `results` are the tools' answers in it.

    Of history, `first` and `last` are the numbers of its messages.
    """

    part: ContextPart
    source: str
    results: tuple[Result, ...] = ()
    first: int = 0
    last: int = 0

    @property
    def section(self) -> Section:
        """The section it stands in."""
        return self.part.section

    def saying(self, contents: Mapping[int, str]) -> Block:
        """Give the block with other words in the messages at these positions."""
        messages = tuple(
            message.model_copy(update={"content": contents[at]}) if at in contents else message
            for at, message in enumerate(self.part.messages)
        )
        return replace(self, part=ContextPart(section=self.section, messages=messages))


@dataclass
class Layout:
    """The blocks that are shown, by section, and what is not shown."""

    blocks: dict[Section, list[Block]]
    left_out: list[LeftOut] = field(default_factory=list)

    def ordered(self) -> list[Block]:
        """Give the blocks in the order in which a model reads them."""
        return [block for section in ORDER for block in self.blocks.get(section, [])]
