"""Makes what there is fit its budget: by shares, by priority, and by the same rule every time.

First, old results of tools become placeholders. Then each section makes do with its room: texts
are shown whole or not, the oldest turns of the session give way to a summary, and of this run only
the oldest turns go, never the last. What was once left out of a run stays out, so that the
beginning of its prompts stays the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import floor
from typing import Final, cast

from orchstack.agent_runtime.context import history, turns
from orchstack.agent_runtime.context.material import FIXED, ORDER, Block, Layout
from orchstack.agent_runtime.context.weighing import REPLY, Scale
from orchstack.agent_runtime.model.contexts import ContextManifest, LeftOut, Reason, Section
from orchstack.kernel.agents import AgentDocument
from orchstack.kernel.context_policy import ALL_HISTORY, Share, Shared
from orchstack.kernel.errors import ContextTooLarge

Blocks = Mapping[Section, Sequence[Block]]

SHARED: Final = tuple(section for section in ORDER if section not in FIXED)
# Once results have to be cleared, so many are that the next calls need not clear any.
_LOW_WATER: Final = 0.8
# A summary has this part of the history's room: it says the same as long as the cut stays.
_SUMMARY: Final = 0.15
_CHARACTERS_PER_TOKEN: Final = 4
# Shorter than this, a tool's result says nothing any more, and neither does a summary.
_FEWEST_CHARACTERS: Final = 200
_SHORTEST_SUMMARY: Final = 120


def share_of(document: AgentDocument, section: Section) -> Share:
    """Give the share of a section that is not shown whole."""
    named = cast("Shared", section.value)
    alone = section is Section.HISTORY and not (document.tools or document.agents)
    if alone and named not in document.context.shares:
        return ALL_HISTORY
    return document.context.share(named)


def room_left(blocks: Blocks, scale: Scale, budget: int) -> int:
    """Give what tools, instructions and input leave of the budget; negative if they exceed it."""
    return budget - REPLY - sum(scale.total(blocks[section]) for section in FIXED)


def caps(blocks: Blocks, document: AgentDocument, scale: Scale, budget: int) -> dict[Section, int]:
    """Give the most that each section may take: the same whatever is asked and said."""
    base = room_left(blocks, scale, budget) + scale.total(blocks[Section.INPUT])
    return {section: floor(share_of(document, section).maximum * base) for section in SHARED}


def fits_whole(blocks: Blocks, document: AgentDocument, scale: Scale, budget: int) -> bool:
    """Whether everything can be shown as it is."""
    most = caps(blocks, document, scale, budget)
    weights = {section: scale.total(blocks[section]) for section in SHARED}
    return sum(weights.values()) <= room_left(blocks, scale, budget) and all(
        weight <= most[section] for section, weight in weights.items()
    )


@dataclass
class Fitting:
    """One fitting; `cleared` and `dropped` are what the call before, in this run, left out.

    `cleared` names results, `dropped` is the number of the last message of the session that went.
    """

    document: AgentDocument
    scale: Scale
    budget: int
    cleared: frozenset[str] = frozenset()
    dropped: int = 0

    @classmethod
    def after(
        cls, before: ContextManifest | None, *, document: AgentDocument, scale: Scale, budget: int
    ) -> Fitting:
        """Go on from what the call before left out."""
        left = () if before is None else before.left_out
        gone = [history.last_of(x.source) for x in left if x.section is Section.HISTORY]
        cleared = frozenset(x.source for x in left if x.reason is Reason.CLEARED)
        return cls(document, scale, budget, cleared, max(gone, default=0))

    def fit(self, blocks: Blocks) -> Layout:
        """Lay out what fits. Raises ContextTooLarge if not even the least does."""
        room = room_left(blocks, self.scale, self.budget)
        if room < 0:
            asked = self.scale.total(blocks[Section.INPUT])
            raise too_large("The input has", asked, room + asked)
        layout = Layout({section: list(blocks[section]) for section in ORDER})
        self._clear_results(layout, room)
        needs = {section: self.scale.total(layout.blocks[section]) for section in SHARED}
        shares = {section: share_of(self.document, section) for section in SHARED}
        least = {s: min(needs[s], floor(shares[s].minimum * room)) for s in SHARED}
        most_of = caps(blocks, self.document, self.scale, self.budget)
        pool = room - sum(least.values())
        for section in sorted(SHARED, key=lambda s: (-shares[s].priority, ORDER.index(s))):
            most = min(most_of[section], least[section] + pool)
            if needs[section] > most or self._gone(section, layout):
                self._narrow(section, layout, most)
            pool -= self.scale.total(layout.blocks[section]) - least[section]
        return layout

    def _gone(self, section: Section, layout: Layout) -> int:
        """Count the oldest turns of the session that the call before had dropped."""
        held = layout.blocks[section] if section is Section.HISTORY else []
        return sum(block.last <= self.dropped for block in held)

    def _narrow(self, section: Section, layout: Layout, most: int) -> None:
        narrowing: dict[Section, Callable[[Layout, int], None]] = {
            Section.HISTORY: self._narrow_history,
            Section.TURNS: self._narrow_turns,
        }
        if section in narrowing:
            narrowing[section](layout, most)
        else:
            self._keep_whole_ones(section, layout, most)

    def _keep_whole_ones(self, section: Section, layout: Layout, most: int) -> None:
        """Keep the texts that fit, the first ones first: none is ever cut."""
        kept: list[Block] = []
        for block in layout.blocks[section]:
            weight = self.scale.weigh(block.part)
            if weight <= most:
                most -= weight
                kept.append(block)
            else:
                layout.left_out.append(self._left(block, Reason.DROPPED))
        layout.blocks[section] = kept

    def _clear_results(self, layout: Layout, room: int) -> None:
        """Clear the oldest results until there is room to spare, but for the newest ones."""
        total = sum(self.scale.total(layout.blocks[section]) for section in SHARED)
        for section in (Section.HISTORY, Section.TURNS):
            total -= self._clear(layout, section, self.cleared.__contains__)
        if total <= room:
            return
        aim = floor(room * _LOW_WATER)
        for section in (Section.HISTORY, Section.TURNS):
            keep = self.document.context.keep_tool_results if section is Section.TURNS else 0
            total -= self._clear(layout, section, lambda _: True, keep=keep, excess=total - aim)

    def _clear(
        self,
        layout: Layout,
        section: Section,
        wanted: Callable[[str], bool],
        *,
        keep: int = 0,
        excess: int | None = None,
    ) -> int:
        """Clear results of a section, but for the newest `keep`; gives the tokens that frees."""
        held = layout.blocks[section]
        found = [f for f in turns.clearable(held) if wanted(f[1].source)]
        freed = 0
        for number, result, length in found[: max(len(found) - keep, 0)]:
            if excess is not None and freed >= excess:
                break
            block = held[number]
            held[number] = block.saying({result.position: turns.placeholder(result, length)})
            gain = self.scale.weigh(block.part) - self.scale.weigh(held[number].part)
            freed += gain
            layout.left_out.append(
                LeftOut(section=section, source=result.source, tokens=gain, reason=Reason.CLEARED)
            )
        return freed

    def _narrow_history(self, layout: Layout, most: int) -> None:
        """Drop the oldest turns; their first sentences stand for them if the policy says so."""
        held = layout.blocks[Section.HISTORY]
        summarise = self.document.context.older_turns == "summarise"
        reserve = floor(most * _SUMMARY) if summarise else 0
        cut = self._cut(held, most - reserve, self._gone(Section.HISTORY, layout))
        dropped, kept = held[:cut], held[cut:]
        stand_in = self._summary(dropped, reserve)
        layout.left_out.append(
            LeftOut(
                section=Section.HISTORY,
                source=history.span(dropped),
                tokens=self.scale.total(dropped),
                reason=Reason.SUMMARISED if stand_in else Reason.DROPPED,
            )
        )
        layout.blocks[Section.HISTORY] = [*([stand_in] if stand_in else []), *kept]

    def _cut(self, held: Sequence[Block], most: int, gone: int) -> int:
        """Choose how many turns go: more than have to, so that the next runs cut there too."""
        cut, kept = len(held), 0
        while cut > max(gone, 1) and kept + self.scale.weigh(held[cut - 1].part) <= most:
            cut -= 1
            kept += self.scale.weigh(held[cut].part)
        step = history.stride(sum(len(block.part.messages) for block in held[cut:]))
        steady = [place for place in history.steady_cuts(held, step) if place >= cut]
        return steady[0] if steady else cut

    def _summary(self, dropped: Sequence[Block], most: int) -> Block | None:
        characters = most * _CHARACTERS_PER_TOKEN
        while characters >= _SHORTEST_SUMMARY:
            found = history.summary(dropped, characters)
            if found is None or self.scale.weigh(found.part) <= most:
                return found
            characters = characters * 3 // 4
        return None

    def _narrow_turns(self, layout: Layout, most: int) -> None:
        """Clear all but the last turn's results, shorten those, then drop the oldest turns."""
        held = layout.blocks[Section.TURNS]
        *older, last = held
        layout.blocks[Section.TURNS] = older
        self._clear(layout, Section.TURNS, lambda _: True, excess=self.scale.total(held) - most)
        older = layout.blocks[Section.TURNS]
        rest = most - self.scale.total(older)
        if self.scale.weigh(last.part) > rest:
            last = self._shortened(layout, last, rest)
        while older and self.scale.total([*older, last]) > most:
            layout.left_out.append(self._left(older.pop(0), Reason.DROPPED))
        if self.scale.weigh(last.part) > most:
            raise too_large("The last turn of this run has", self.scale.weigh(last.part), most)
        layout.blocks[Section.TURNS] = [*older, last]

    def _shortened(self, layout: Layout, block: Block, most: int) -> Block:
        """Shorten the longest results of a turn until it fits, or none can be shortened more."""
        whole = {r.position: block.part.messages[r.position].content for r in block.results}
        keep = max(map(len, whole.values()), default=0)
        shorter = block
        while keep > _FEWEST_CHARACTERS and self.scale.weigh(shorter.part) > most:
            keep = max(keep * 3 // 4, _FEWEST_CHARACTERS)
            shorter = block.saying({at: turns.shortened(t, keep) for at, t in whole.items()})
        layout.left_out += [
            LeftOut(
                section=Section.TURNS,
                source=result.source,
                tokens=self.scale.count(whole[result.position])
                - self.scale.count(shorter.part.messages[result.position].content),
                reason=Reason.SHORTENED,
            )
            for result in block.results
            if len(whole[result.position]) > keep
        ]
        return shorter

    def _left(self, block: Block, reason: Reason) -> LeftOut:
        return LeftOut(
            section=block.section,
            source=block.source,
            tokens=self.scale.weigh(block.part),
            reason=reason,
        )


def too_large(what: str, count: int, fits: int) -> ContextTooLarge:
    """Say how many tokens there are, and how many would fit."""
    return ContextTooLarge(
        f"{what} {count:,} tokens, and {max(fits, 0):,} fit beside the agent's instructions and "
        "tools; send less, or give the agent a model with a larger window."
    )
