"""Golden prompts: the same material gives the same prompt, from one version to the next."""

from __future__ import annotations

import pytest

from orchstack.agent_runtime.context import pack
from tests.unit.agent_runtime.goldens import FOLDER, scenarios, text
from tests.unit.agent_runtime.material import budget


@pytest.mark.parametrize("name", scenarios())
def test_a_golden_prompt_is_the_same_to_the_byte(name: str) -> None:
    """What is sent, how it was counted, and what was left out."""
    given, tokens = scenarios()[name]

    assert (FOLDER / f"{name}.json").read_text(encoding="utf-8") == text(
        pack(given, budget(tokens))
    )


def test_every_golden_prompt_has_its_scenario() -> None:
    """No file is left over."""
    assert sorted(scenarios()) == sorted(path.stem for path in FOLDER.glob("*.json"))
