"""How the tokens of a model's input are shared out: what an agent's document says of its context.

Tools, instructions and the input are shown whole or not at all. Of the tokens they leave, each
other section gets its minimum; the rest goes to them by priority, up to each one's maximum.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from orchstack.kernel.frozen import Frozen

Shared = Literal["pinned", "memory", "knowledge", "history", "turns"]
Part = Annotated[float, Field(ge=0, le=1)]
PinnedText = Annotated[str, Field(min_length=1, max_length=20_000, pattern=r"^[^\u0000]*$")]


class Share(Frozen):
    """A section's part of what is shared out; of two sections the higher priority is served first.

    `turns` is what the model and its tools said in this run, `history` what the session said before
    it.
    """

    priority: Annotated[int, Field(ge=0, le=100)]
    minimum: Part = 0.0
    maximum: Part = 1.0


DEFAULT_SHARES: Final[dict[Shared, Share]] = {
    "pinned": Share(priority=90),
    "turns": Share(priority=80, minimum=0.4),
    "knowledge": Share(priority=60, minimum=0.1, maximum=0.5),
    "memory": Share(priority=50, minimum=0.05, maximum=0.25),
    # Not more than what the turns of a run leave it in any case: the cut in a session then stays
    # where it is while a run goes on, and the beginning of its prompts can be cached.
    "history": Share(priority=40, minimum=0.1, maximum=0.6),
}
# Of an agent without tools, whose runs are one turn.
ALL_HISTORY: Final = Share(priority=40, minimum=0.1)


class ContextPolicy(Frozen):
    """What a model is shown of what there is, once it does not all fit."""

    max_input_tokens: Annotated[
        int | None, Field(ge=256, le=10_000_000, description="Else what the model's window holds.")
    ] = None
    pinned: Annotated[
        tuple[PinnedText, ...],
        Field(max_length=16, description="Texts shown after the instructions in every call."),
    ] = ()
    shares: Annotated[
        dict[Shared, Share], Field(description="Replaces the defaults of the sections named.")
    ] = {}
    older_turns: Annotated[
        Literal["summarise", "drop"],
        Field(description="What becomes of the turns of a session that have no room."),
    ] = "summarise"
    keep_tool_results: Annotated[
        int, Field(ge=0, le=64, description="So many of the newest results are cleared last.")
    ] = 3

    def share(self, section: Shared) -> Share:
        """Give the share of a section."""
        return self.shares.get(section, DEFAULT_SHARES[section])

    @model_validator(mode="after")
    def _add_up(self) -> Self:
        shares = [self.share(section) for section in DEFAULT_SHARES]
        if any(share.minimum > share.maximum for share in shares):
            raise ValueError("a share's minimum is above its maximum")
        if sum(share.minimum for share in shares) > 1:
            raise ValueError("the minimum shares add up to more than 1")
        return self
