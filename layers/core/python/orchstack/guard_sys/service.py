"""The guards: bound what comes in, and keep personal data and secrets from passing either way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchstack.guard_sys.detectors.redaction import Redactor
from orchstack.guard_sys.model import Checked, Kind
from orchstack.guard_sys.ports import Detector
from orchstack.kernel.agents import GuardPolicy
from orchstack.kernel.chat import MAX_TEXT
from orchstack.kernel.errors import ContentBlocked, PayloadTooLarge
from orchstack.kernel.tokens import estimate_tokens


class OutputFilter:
    """Lets the text of one answer pass as it streams, redacted; never a part of a match.

    What `feed` and `finish` give, joined, is the same however the answer was cut into pieces.
    """

    def __init__(self, detector: Detector, policy: GuardPolicy) -> None:
        """Filter as the policy says for output."""
        self._mode = policy.pii_output
        self._redactor = Redactor(detector.find)

    def feed(self, delta: str) -> str:
        """Take the next piece; gives what may be shown now. Raises ContentBlocked."""
        return delta if self._mode == "off" else self._allowed(self._redactor.feed(delta))

    def finish(self) -> str:
        """Give what was held back; the answer has ended. Raises ContentBlocked."""
        return "" if self._mode == "off" else self._allowed(self._redactor.finish())

    @property
    def findings(self) -> Mapping[str, int]:
        """How often each kind was found so far."""
        return _by_kind(self._redactor.counts)

    def _allowed(self, text: str) -> str:
        if self._mode == "block" and self._redactor.counts:
            raise _blocked("answer", self.findings)
        return text


@dataclass(frozen=True)
class GuardSystem:
    """Checks what users, tools and models say, as an agent's policy wants it."""

    detector: Detector

    def check_input(self, text: str, policy: GuardPolicy) -> Checked:
        """Check a user's words. Raises PayloadTooLarge or ContentBlocked.

        Tokens are estimated (`kernel.tokens`): one per four ASCII characters, one per other.
        """
        if len(text) > policy.max_input_chars:
            raise PayloadTooLarge(
                f"The input has {len(text)} characters; this agent takes {policy.max_input_chars}."
            )
        tokens = estimate_tokens(text)
        if tokens > policy.max_input_tokens:
            raise PayloadTooLarge(
                f"The input has about {tokens} tokens; this agent takes {policy.max_input_tokens}."
            )
        if policy.pii_input == "off":
            return Checked(text)
        checked = self._redact(text)
        if policy.pii_input == "block" and checked.findings:
            raise _blocked("input", checked.findings)
        if len(checked.text) > MAX_TEXT:
            raise PayloadTooLarge(
                f"With placeholders for what is redacted, the input has {len(checked.text)} "
                f"characters; a message takes {MAX_TEXT}."
            )
        return checked

    def check_tool_result(self, text: str, policy: GuardPolicy) -> Checked:
        """Redact what a tool said before the model reads it; a foreign page cannot end a run."""
        return Checked(text) if policy.pii_input == "off" else self._redact(text)

    def output_filter(self, policy: GuardPolicy) -> OutputFilter:
        """Give the filter for one answer."""
        return OutputFilter(self.detector, policy)

    def _redact(self, text: str) -> Checked:
        redactor = Redactor(self.detector.find)
        passed = redactor.feed(text) + redactor.finish()
        return Checked(passed, _by_kind(redactor.counts))


def _by_kind(counts: Mapping[Kind, int]) -> dict[str, int]:
    return {kind.value: count for kind, count in sorted(counts.items())}


def _blocked(what: str, findings: Mapping[str, int]) -> ContentBlocked:
    found = ", ".join(f"{count} x {kind}" for kind, count in findings.items())
    return ContentBlocked(f"A guard of this agent blocked the {what}: it holds {found}.")
