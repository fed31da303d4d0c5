"""`orchstack outcomes`, `usage`, `runs review`, `agents stats|compare`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from orchstack.sdk import HttpRequest, HttpResponse, MockTransport, OrchStack
from tests.unit.cli.kit import AT, Api, page

RANGE = {"from": AT, "to": AT}
REVIEW = {
    "success": True,
    "score": 0.9,
    "label": "resolved",
    "business_value_micro_usd": None,
    "comment": "",
    "revision": 1,
    "reviewer": "key:k-1",
    "reviewed_at": AT,
}
MEASURED = {
    "finish_reason": "answered",
    "error_code": None,
    "cost_micro_usd": 123,
    "latency_ms": {"total": 12.3},
    "finished_at": AT,
}
OUTCOME = {
    "run_id": "r-1",
    "agent": "adder",
    "version": 2,
    "status": "completed",
    "success": True,
    "measured": MEASURED,
    "review": REVIEW,
}


def version(number: int, rate: float) -> dict[str, Any]:
    """The statistics of a version."""
    third = {"p50": 10.0, "p95": 20.0, "p99": 3_000.0}
    return {
        "version": number,
        "runs": 100,
        "successes": 80,
        "reviewed": 0,
        "success_rate": {"estimate": rate, "low": rate - 0.1, "high": rate + 0.1},
        "cost_per_success_micro_usd": 250.4,
        "latency_ms": third,
        "cost_micro_usd": third,
        "mean_latency_ms": 11.0,
        "mean_cost_micro_usd": 200.0,
        "mean_score": None,
        "total_cost_micro_usd": 20_000,
        "business_value_micro_usd": 0,
        "input_tokens": 1_000,
        "output_tokens": 234,
        "finish_reasons": {"answered": 100},
    }


def query(request: HttpRequest) -> dict[str, list[str]]:
    """What was asked for in the address."""
    return parse_qs(urlsplit(request.url).query)


def test_a_review_is_sent_as_it_is_said() -> None:
    """What is not said is not sent; dollars become micro-dollars."""
    api = Api({"PUT /v1/runs/r-1/outcome": (200, {**OUTCOME, "reviews": [REVIEW]})})
    result = api.run(
        *("runs", "review", "r-1", "--success", "--score", "0.9"),
        *("--label", "resolved", "--value", "1.5"),
    )

    assert {
        "success": True,
        "score": 0.9,
        "label": "resolved",
        "business_value_micro_usd": 1_500_000,
    } == api.sent()
    assert "Run r-1: success yes; reviewed once." in result.output


def test_a_review_that_says_nothing_is_not_sent() -> None:
    """It is a wrong use of the command."""
    api = Api()

    assert 2 == api.run("runs", "review", "r-1").exit_code
    assert [] == api.requests


def test_outcomes_are_listed() -> None:
    """With how they ended, and what was said of them."""
    api = Api({"GET /v1/outcomes": page(OUTCOME, {**OUTCOME, "review": None, "success": False})})
    output = api.run("outcomes", "--label", "resolved", "--from", "2026-01-01").output

    assert "answered  yes      0.90   resolved  $0.000123  12.3 ms" in output
    assert "answered  no       -      -" in output
    assert (["resolved"], ["2026-01-01"]) == tuple(
        query(api.requests[0])[name] for name in ("label", "from")
    )


def _tables(request: HttpRequest) -> HttpResponse:
    """Two pieces of one table."""
    more: Mapping[str, str] = {"OrchStack-Next-Cursor": "c-2"}
    rest = "cursor" in query(request)
    line = "r-2\r\n" if rest else "r-1\r\n"
    return HttpResponse(200, {} if rest else more, [b"run_id\r\n", line.encode()])


def test_a_long_table_is_printed_as_one() -> None:
    """Piece after piece, with one header."""
    with OrchStack("http://api.test", "os_live_x", transport=MockTransport(_tables)) as client:
        table = "".join(client.outcomes.csv(agent="adder"))

    assert "run_id\r\nr-1\r\nr-2\r\n" == table


def test_usage_is_added_up_with_a_total() -> None:
    """By what was asked for."""
    used = {
        "runs": 1_200,
        "failures": 3,
        "input_tokens": 5_000,
        "output_tokens": 600,
        "cost_micro_usd": 2_500_000,
    }
    row = {**used, "day": None, "agent": "adder", "version": None, "key_id": None}
    report = {"range": RANGE, "group_by": "agent", "rows": [row], "total": used, "truncated": False}
    api = Api({"GET /v1/usage": (200, report)})
    output = api.run("usage", "--by", "agent").output

    assert ["agent"] == query(api.requests[0])["group_by"]
    assert "adder  1,200  3       5,000      600         $2.50" in output
    assert "TOTAL" in output


@pytest.mark.parametrize("command", ["usage", "outcomes"])
def test_a_table_is_passed_on_as_it_comes(command: str) -> None:
    """And asked for as text/csv."""
    asked: list[HttpRequest] = []

    class Tables(Api):
        def __call__(self, request: HttpRequest) -> HttpResponse:
            asked.append(request)
            return HttpResponse(200, {}, [b"a,b\r\n1,2\r\n"])

    result = Tables().run(command, "--csv")

    assert "a,b\n1,2\n" == result.stdout.replace("\r\n", "\n")
    assert "text/csv" == asked[0].headers["Accept"]


def test_the_versions_of_an_agent_are_shown() -> None:
    """Success with its interval, what a success costs, percentiles."""
    stats = {"agent": "adder", "range": RANGE, "versions": [version(2, 0.8)]}
    output = (
        Api({"GET /v1/agents/adder/stats": (200, stats)}).run("agents", "stats", "adder").output
    )

    assert "80.0%    70.0% … 90.0%" in output
    assert "$0.000250" in output
    assert "3.00 s" in output


def test_two_versions_are_compared() -> None:
    """With each difference, what is better, and the sentence that says it."""
    difference = {"estimate": 0.1, "low": 0.02, "high": 0.18, "better": "b", "method": "newcombe"}
    found = {
        "agent": "adder",
        "range": RANGE,
        "a": version(1, 0.7),
        "b": version(2, 0.8),
        "differences": {
            "success_rate": difference,
            "cost_micro_usd": {**difference, "estimate": -5.0, "better": None, "method": "welch"},
            "latency_ms": None,
            "score": None,
            "business_value_micro_usd": None,
        },
        "verdict": "b",
        "summary": "B is better: …",
        "more_runs": 0,
    }
    api = Api({"GET /v1/agents/adder/comparison": (200, found)})
    output = api.run("agents", "compare", "adder", "1", "2").output

    assert "success    +10.0 points  +2.0 points … +18.0 points" in output
    assert "-0.000005 $" in output
    assert output.endswith("B is better: …\n")
    assert (["1"], ["2"]) == (query(api.requests[0])["a"], query(api.requests[0])["b"])
