"""The guards as an agent's policy sets them."""

from __future__ import annotations

import pytest

from orchstack.guard_sys.adapters.in_memory import WordDetector
from orchstack.guard_sys.service import GuardSystem
from orchstack.kernel.agents import GuardPolicy
from orchstack.kernel.chat import MAX_TEXT
from orchstack.kernel.errors import ContentBlocked, PayloadTooLarge

GUARDS = GuardSystem(WordDetector(["xyzzy"]))


def test_long_input_is_refused() -> None:
    """More characters than the policy allows are too large, and the answer says how many."""
    with pytest.raises(PayloadTooLarge, match=r"101 characters.*takes 100"):
        GUARDS.check_input("a" * 101, GuardPolicy(max_input_chars=100))


@pytest.mark.parametrize(("text", "tokens"), [("a" * 41, 11), ("语" * 11, 11)])
def test_many_tokens_are_refused(text: str, tokens: int) -> None:
    """Tokens are estimated: one per four ASCII characters, one per any other."""
    with pytest.raises(PayloadTooLarge, match=f"about {tokens} tokens"):
        GUARDS.check_input(text, GuardPolicy(max_input_tokens=10))


def test_input_that_redaction_makes_too_long_is_refused() -> None:
    """Placeholders count as well: what no message can hold is refused before a run begins."""
    policy = GuardPolicy(max_input_chars=MAX_TEXT, max_input_tokens=1_000_000)
    with pytest.raises(PayloadTooLarge, match="placeholders"):
        GUARDS.check_input("xyzzy " * (MAX_TEXT // 6), policy)


def test_input_is_redacted_blocked_or_left() -> None:
    """The policy says what happens to personal data in the user's words."""
    text = "say xyzzy now"

    assert "say [SECRET] now" == GUARDS.check_input(text, GuardPolicy()).text
    assert text == GUARDS.check_input(text, GuardPolicy(pii_input="off")).text
    with pytest.raises(ContentBlocked, match="holds 1 x SECRET") as refused:
        GUARDS.check_input(text, GuardPolicy(pii_input="block"))
    assert "xyzzy" not in str(refused.value)


@pytest.mark.parametrize(("mode", "expected"), [("redact", "[SECRET]"), ("block", "[SECRET]")])
def test_tool_results_are_redacted_not_blocked(mode: str, expected: str) -> None:
    """What a foreign page says is redacted, but cannot end the run."""
    policy = GuardPolicy.model_validate({"pii_input": mode})
    checked = GUARDS.check_tool_result("xyzzy", policy)

    assert expected == checked.text
    assert {"SECRET": 1} == checked.findings
    assert "xyzzy" == GUARDS.check_tool_result("xyzzy", GuardPolicy(pii_input="off")).text


def test_output_streams_redacted() -> None:
    """A match that is split over two pieces gives way as a whole."""
    words = GUARDS.output_filter(GuardPolicy())
    out = [words.feed("say xy"), words.feed("zzy now"), words.finish()]

    assert ["say ", "[SECRET] ", "now"] == out
    assert {"SECRET": 1} == words.findings


def test_output_is_blocked_before_it_shows() -> None:
    """With the policy `block`, the stream ends at the first match."""
    words = GUARDS.output_filter(GuardPolicy(pii_output="block"))

    assert "say " == words.feed("say xyz")
    with pytest.raises(ContentBlocked):
        words.feed("zy now")


def test_output_passes_untouched() -> None:
    """With the policy `off`, every piece passes as it is."""
    words = GUARDS.output_filter(GuardPolicy(pii_output="off"))

    assert "say xyz" == words.feed("say xyz")
    assert "" == words.finish()
    assert {} == words.findings
