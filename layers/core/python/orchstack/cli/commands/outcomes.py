"""`orchstack outcomes`, `usage`, `runs review`, `agents stats|compare`: what runs came to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from orchstack.cli.output import NONE, duration, moment, money, print_json, print_table
from orchstack.cli.setup import AsJson, Limit, RunId, at_run, connected
from orchstack.kernel.plain import JsonMapping

if TYPE_CHECKING:
    from orchstack.sdk import Comparison, Outcome, OutcomeDetail, VersionStats
    from orchstack.sdk.outcomes import Chosen, Judgement

Agent = Annotated[str, typer.Argument(help="The agent's name.")]
Since = Annotated[
    str | None, typer.Option("--from", help="A date or time (UTC); else 30 days ago.")
]
Until = Annotated[str | None, typer.Option("--to", help="A date or time (UTC); else now.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV, for spreadsheets.")]
_WORDS = {True: "yes", False: "no", None: NONE}
_MICRO = 1_000_000


def review(  # noqa: PLR0913 - each is an option of the command
    context: typer.Context,
    which: RunId,
    *,
    success: Annotated[
        bool | None, typer.Option("--success/--failure", help="Whether it did what it was for.")
    ] = None,
    score: Annotated[float | None, typer.Option(min=0, max=1, help="From 0 to 1.")] = None,
    label: Annotated[str | None, typer.Option(help="A word to find it by.")] = None,
    value: Annotated[float | None, typer.Option(help="What it was worth, in dollars.")] = None,
    comment: Annotated[str | None, typer.Option(help="In your own words.")] = None,
    reviewer: Annotated[str | None, typer.Option(help="Who says so; else your key.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what you think of a run; it counts, whole, until the next review."""
    given = {
        "success": success,
        "score": score,
        "label": label,
        "business_value_micro_usd": None if value is None else round(value * _MICRO),
        "comment": comment,
        "reviewer": reviewer,
    }
    said = {name: word for name, word in given.items() if word is not None}
    if not said:
        raise typer.BadParameter("Say something, such as --success or --score 0.9.")
    with at_run(context, which) as (client, run_id):
        outcome = client.outcomes.review(run_id, **cast("Judgement", said))
    if as_json:
        print_json(outcome.raw)
    else:
        typer.echo(_said(outcome))


def _said(outcome: OutcomeDetail) -> str:
    count = len(outcome.reviews)
    times = "once" if count == 1 else f"{count} times"
    return f"Run {outcome.run_id}: success {_WORDS[outcome.success]}; reviewed {times}."


def outcomes(  # noqa: PLR0913 - each is an option of the command
    context: typer.Context,
    *,
    agent: Annotated[str | None, typer.Option(help="Of this agent only.")] = None,
    version: Annotated[int | None, typer.Option(min=1, help="Of this version only.")] = None,
    label: Annotated[str | None, typer.Option(help="Reviewed with this label only.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 20,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """List what became of runs, the last to end first; as CSV all of them."""
    chosen: Chosen = {
        "agent": agent,
        "version": version,
        "label": label,
        "since": since,
        "until": until,
    }
    with connected(context) as client:
        if as_csv:
            for piece in client.outcomes.csv(**chosen):
                typer.echo(piece, nl=False)
            return
        found = list(client.outcomes.list(limit=limit, **chosen))
    if as_json:
        print_json([outcome.raw for outcome in found])
        return
    print_table(
        ("RUN", "AGENT", "ENDED (UTC)", "HOW", "SUCCESS", "SCORE", "LABEL", "COST", "TOOK"),
        map(_outcome, found),
        empty="No outcomes yet: they come seconds after a run's end.",
    )


def _outcome(outcome: Outcome) -> tuple[str, ...]:
    taken, review_ = outcome.measured or {}, outcome.review
    score = None if review_ is None else review_.score
    return (
        outcome.run_id,
        f"{outcome.agent} v{outcome.version}",
        moment(datetime.fromisoformat(taken["finished_at"])),
        taken["error_code"] or taken["finish_reason"],
        _WORDS[outcome.success],
        NONE if score is None else f"{score:.2f}",
        NONE if review_ is None else review_.label or NONE,
        money(taken["cost_micro_usd"]),
        duration(taken["latency_ms"]["total"]),
    )


def usage(
    context: typer.Context,
    by: Annotated[
        Literal["day", "agent", "version", "key"], typer.Option(help="What it is added up by.")
    ] = "day",
    since: Since = None,
    until: Until = None,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """Add up the runs that ended, their tokens and their cost."""
    with connected(context) as client:
        if as_csv:
            typer.echo(client.outcomes.usage_csv(by=by, since=since, until=until), nl=False)
            return
        report = client.outcomes.usage(by=by, since=since, until=until)
    if as_json:
        print_json(report.raw)
        return
    print_table(
        (by.upper(), "RUNS", "FAILED", "TOKENS IN", "TOKENS OUT", "COST"),
        (
            *((_group(row), *_used(row)) for row in report.rows),
            *([("TOTAL", *_used(report.total))] if report.rows else []),
        ),
        empty="No run ended in this time.",
    )


def _group(row: JsonMapping) -> str:
    if row["version"] is not None:
        return f"{row['agent']} v{row['version']}"
    return str(row["day"] or row["agent"] or row["key_id"] or NONE)


def _used(row: JsonMapping) -> tuple[str, ...]:
    numbers = (row[n] for n in ("runs", "failures", "input_tokens", "output_tokens"))
    return (*(f"{number:,}" for number in numbers), money(row["cost_micro_usd"]))


def stats(
    context: typer.Context,
    agent: Agent,
    since: Since = None,
    until: Until = None,
    as_json: AsJson = False,
) -> None:
    """Show how the versions of an agent do: success, cost of a success, latency."""
    with connected(context) as client:
        found = client.outcomes.stats(agent, since=since, until=until)
    if as_json:
        print_json(found.raw)
        return
    _print_versions({str(v.version): v for v in found.versions}, f"No run of {agent} ended yet.")


def compare(  # noqa: PLR0913 - each is an option of the command
    context: typer.Context,
    agent: Agent,
    a: Annotated[int, typer.Argument(min=1, help="The version that is there already.")],
    b: Annotated[int, typer.Argument(min=1, help="The version that would follow it.")],
    *,
    since: Since = None,
    until: Until = None,
    as_json: AsJson = False,
) -> None:
    """Compare two versions of an agent by their outcomes."""
    with connected(context) as client:
        found = client.outcomes.compare(agent, a, b, since=since, until=until)
    if as_json:
        print_json(found.raw)
        return
    _print_versions({f"A: {a}": found.a, f"B: {b}": found.b}, "")
    typer.echo()
    print_table(("B LESS A", "", "95 % BETWEEN", "BETTER"), _differences(found), empty="")
    typer.echo(f"\n{found.summary}")


def _print_versions(versions: Mapping[str, VersionStats], empty: str) -> None:
    columns = ("VERSION", "RUNS", "SUCCESS", "95 % BETWEEN", "$ PER SUCCESS", "P50", "P95", "P99")
    print_table(
        (*columns, "SCORE", "TOKENS"),
        ((name, *_version(version)) for name, version in versions.items()),
        empty=empty,
    )


def _version(version: VersionStats) -> Iterator[str]:
    rate, price, score = (
        version.success_rate,
        version.cost_per_success_micro_usd,
        version.mean_score,
    )
    yield f"{version.runs:,}"
    yield f"{rate.estimate:.1%}"
    yield f"{rate.low:.1%} … {rate.high:.1%}"
    yield NONE if price is None else money(round(price))
    yield from (duration(getattr(version.latency_ms, share)) for share in ("p50", "p95", "p99"))
    yield NONE if score is None else f"{score:.2f}"
    yield f"{version.input_tokens + version.output_tokens:,}"


_UNITS: Mapping[str, tuple[str, Callable[[float], str]]] = {
    "success_rate": ("success", lambda value: f"{100 * value:+.1f} points"),
    "cost_micro_usd": ("mean cost", lambda value: f"{value / _MICRO:+.6f} $"),
    "latency_ms": ("mean latency", lambda value: f"{value:+.1f} ms"),
    "score": ("score", lambda value: f"{value:+.3f}"),
    "business_value_micro_usd": ("value", lambda value: f"{value / _MICRO:+.2f} $"),
}


def _differences(found: Comparison) -> Iterator[tuple[str, ...]]:
    for name, (title, written) in _UNITS.items():
        difference = found.differences[name]
        if difference is not None:
            ends = f"{written(difference['low'])} … {written(difference['high'])}"
            better = (difference["better"] or NONE).upper()
            yield title, written(difference["estimate"]), ends, better
