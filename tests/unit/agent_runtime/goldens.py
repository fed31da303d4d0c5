"""Prompts that must not change by a byte: `python -m tests.unit.agent_runtime.goldens` writes them.

A change of a golden prompt is a change of what every agent in production is shown.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from orchstack.agent_runtime.context import Material, Packed, pack
from orchstack.agent_runtime.model.contexts import Section
from orchstack.agent_runtime.model.steps import Step
from tests.unit.agent_runtime.material import budget, material, passage, session, turn, user

FOLDER: Final = Path(__file__).parent / "golden"
RESULT: Final = "one line of what the tool found\n" * 60


def _turns(count: int) -> list[Step]:
    return [step for at in range(count) for step in turn(1 + 2 * at, RESULT, text=f"Look {at}.")]


def scenarios() -> dict[str, tuple[Material, int]]:
    """The material and the budget of each prompt."""
    passages = [
        passage(Section.KNOWLEDGE, "Handbook, page 7: refunds take 14 days. " * 12),
        passage(Section.KNOWLEDGE, "Handbook, page 9: parcels are insured. " * 12),
        passage(Section.MEMORY, "She prefers short answers."),
    ]
    pinned = {"context": {"pinned": ("All prices are in euros.",)}}
    everything = material(
        asked=user("Where is my parcel? \u4e2d\u6587 \u00e9\u00e8 \U0001f600"),
        history=session(30),
        steps=_turns(6),
        passages=passages,
        document=pinned,
    )
    return {
        "whole": (
            material(history=session(2), steps=turn(1, "391"), passages=passages, document=pinned),
            100_000,
        ),
        "cleared": (material(history=session(3), steps=_turns(8)), 3_500),
        "summarised": (material(history=session(40)), 1_800),
        "everything": (everything, 2_500),
        "shortened": (material(steps=turn(1, RESULT * 10, RESULT), last=True), 1_200),
    }


def text(packed: Packed) -> str:
    """The prompt and its manifest, for people and for comparing."""
    document = {
        "request": packed.request.model_dump(mode="json", exclude_defaults=True),
        "manifest": packed.manifest.model_dump(mode="json"),
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write all of them anew."""
    for name, (given, tokens) in scenarios().items():
        (FOLDER / f"{name}.json").write_text(text(pack(given, budget(tokens))), encoding="utf-8")


if __name__ == "__main__":
    main()
