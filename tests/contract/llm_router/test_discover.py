"""Which model a laptop answers with."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchstack.kernel.errors import InvalidRequest
from orchstack.llm_router.model import Providers
from orchstack.local.llm.discover import discover

OPENAI = {"OPENAI_API_KEY": "sk-1"}
GEMINI = {"GEMINI_API_KEY": "g-1"}
ANTHROPIC = {"ANTHROPIC_API_KEY": "a-1"}
# Nobody answers there.
NOWHERE = "http://127.0.0.1:1"


def found(environ: dict[str, str], wish: str = "") -> tuple[str, dict[str, Any]]:
    """The default model and the providers."""
    discovery = discover(
        environ, wish=wish, small_model=lambda: "http://127.0.0.1:9/v1", ollama=NOWHERE
    )
    document = json.loads(discovery.secret)
    Providers.model_validate(document)
    assert discovery.sentence.startswith(f"{discovery.default} answers: ")
    return discovery.default, document["providers"]


def test_without_anything_the_builtin_model_answers() -> None:
    """No key, no Ollama: the deterministic model, so that everything works at once."""
    assert ("builtin/echo", {}) == found({})
    assert ("builtin/echo", {}) == found({"OPENAI_API_KEY": ""})


@pytest.mark.parametrize(
    ("environ", "provider"),
    [
        (OPENAI, "openai"),
        (ANTHROPIC, "anthropic"),
        (GEMINI, "gemini"),
        ({**GEMINI, **ANTHROPIC, **OPENAI}, "openai"),
    ],
)
def test_a_key_in_the_environment_is_used(environ: dict[str, str], provider: str) -> None:
    """The first hosted provider with a key answers; all of them can be named by agents."""
    default, providers = found(environ)

    assert default.startswith(f"{provider}/")
    assert len(environ) == len(providers)
    assert set(environ.values()) == {settings["api_key"] for settings in providers.values()}


def test_the_key_is_not_in_the_sentence() -> None:
    """What the terminal shows names the variable, never its value."""
    assert "sk-1" not in discover(OPENAI, ollama=NOWHERE).sentence


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ("builtin", "builtin/echo"),
        ("builtin/echo", "builtin/echo"),
        ("gemini", "gemini/gemini-2.5-flash"),
        ("openai/gpt-5", "openai/gpt-5"),
        ("smollm2", "smollm2/smollm2-135m-instruct"),
    ],
)
def test_a_wish_is_fulfilled(wish: str, expected: str) -> None:
    """A wish goes before what is found."""
    assert expected == found({**OPENAI, **GEMINI}, wish)[0]


def test_the_small_model_chooses_tools_by_schema() -> None:
    """The small model is started only if it is wished for, and gets its tools by schema."""
    assert "schema" == found({}, "smollm2")[1]["smollm2"]["tools"]
    assert "smollm2" not in found(OPENAI)[1]


def test_a_wish_that_cannot_be_fulfilled_is_told() -> None:
    """The error says what to set or start."""
    with pytest.raises(InvalidRequest, match=r"no provider 'anthropic'.*ANTHROPIC_API_KEY"):
        found(OPENAI, "anthropic/claude")
