"""What the pattern detector finds, and what it lets be."""

from __future__ import annotations

import pytest

from orchstack.guard_sys.detectors.patterns import PatternDetector
from orchstack.guard_sys.service import GuardSystem
from orchstack.kernel.agents import GuardPolicy

GUARDS = GuardSystem(PatternDetector())


def redacted(text: str) -> str:
    """The text as it passes the input guard."""
    return GUARDS.check_input(text, GuardPolicy()).text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to jane.doe+news@mail.example.com, please.", "Write to [EMAIL], please."),
        ("müller@exämple.de schreibt", "[EMAIL] schreibt"),
        ("<a@b.co>", "<[EMAIL]>"),
        ("Call +49 30 1234567.", "Call [PHONE]."),
        ("Phone:+1 415 555 2671", "Phone:[PHONE]"),
        ("(415) 555-2671 or 415.555.2671", "[PHONE] or [PHONE]"),
        ("Berlin 030 / 123 45 67", "Berlin [PHONE]"),
        ("0044 20 7946 0958", "[PHONE]"),
        ("Card 4111 1111 1111 1111 42 times", "Card [CARD] 42 times"),
        ("4111-1111-1111-1111", "[CARD]"),
        ("3782 822463 10005", "[CARD]"),
        ("1234 4111 1111 1111 1111", "1234 [CARD]"),
        ("6304000000000000", "[CARD]"),
        ("IBAN GB82 WEST 1234 5698 7654 32 ok", "IBAN [IBAN] ok"),
        ("de89370400440532013000", "[IBAN]"),
        ("BE68 5390 0754 7034 1234", "[IBAN] 1234"),
        ("SSN 078-05-1120", "SSN [SSN]"),
        ("from 203.0.113.7.", "from [IP_ADDRESS]."),
        ("2001:db8::1 and fe80::1ff:fe23:4567:890a", "[IP_ADDRESS] and [IP_ADDRESS]"),
        ("key=AKIAIOSFODNN7EXAMPLE", "key=[SECRET]"),
        ("sk-proj-" + "a1B2" * 12, "[SECRET]"),
        ("os_live_" + "a1" * 35, "[SECRET]"),
        ("ghp_" + "x1" * 18, "[SECRET]"),
    ],
)
def test_personal_data_is_replaced(text: str, expected: str) -> None:
    """Each kind gives way to its placeholder, and the text around it stays."""
    assert expected == redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        "At 10:30:00 on 2026-11-24 10:30, or 05/11/2026 10:30.",
        "1234567890 items at 10 000 000 each, pi is 3.14159265358979.",
        "4111 1111 1111 1112",
        "0000 0000 0000 0000",
        "GB82 WEST 1234 5698 7654 33",
        "XX82 1234 5678 9012 3456",
        "std::vector and a::b and ::",
        "01930e2e-1234-7abc-8def-0123456789ab",
        "foo@bar or @home or a@",
        "000-12-3456 and 666-12-3456 and 900-12-3456",
        "256.1.1.1 and 1.2.3",
        "sk-short and well-known and os_live_",
        "AKIA and ASIAN markets",
    ],
)
def test_look_alikes_stay(text: str) -> None:
    """Dates, amounts, identifiers and failed checksums are not personal data."""
    assert text == redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        "\uff14" + "\uff11" * 15,
        "4111\u200b1111\u200b1111\u200b1111",
        "4111\u00a01111\u00a01111\u00a01111",
        "4111\u20111111\u20111111\u20111111",
        "\u0664" + "\u0661" * 15,
    ],
)
def test_look_alike_characters_hide_nothing(text: str) -> None:
    """Full-width forms, invisible characters, other dashes, spaces and digits are seen through."""
    assert "[CARD]" == redacted(text)


def test_findings_count_and_do_not_tell() -> None:
    """A finding says what kind and how often, never the text."""
    checked = GUARDS.check_input("a@b.co, c@d.org and 10.0.0.1", GuardPolicy())

    assert {"EMAIL": 2, "IP_ADDRESS": 1} == checked.findings
