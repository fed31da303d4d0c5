from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from orchstack.kernel.observability import JsonFormatter, bind, logger
from orchstack.kernel.scrubbing import HIDDEN, scrub
from orchstack.kernel.settings import RuntimeSettings

_KEY = "os_live_" + "2aZ" * 20 + "x7F3kQ"
_LEAKS = {
    "platform key": f"refused {_KEY} today",
    "test key": f"refused {_KEY.replace('live', 'test')}",
    "bearer": f"Authorization: Bearer {_KEY}",
    "basic": "authorization: basic dXNlcjpodW50ZXIyaHVudGVyMg==",
    "openai": "sk-proj-hunter2hunter2hunter2",
    "anthropic": "key=sk-ant-api03-hunter2-hunter2",
    "google": "AIzaSyhunter2hunter2hunter2",
    "github": "ghp_hunter2hunter2hunter2",
    "aws": "AKIAHUNTER2HUNTER2AB",
    "dsn": "postgresql://orchstack:hunter2@db.example:5432/orchstack",
    "conninfo": "host=db user=a password=hunter2 dbname=b",
    "quoted conninfo": "password='hunter2 and more' dbname=b",
    "json": '{"password": "hunter2", "api_key":"hunter2"}',
    "signed url": "https://bucket/?X-Amz-Signature=hunter2&X-Amz-Security-Token=hunter2",
    "jwt": "eyJhunter2hunter2.eyJhunter2hunter2.hunter2",
}


class _Lines(logging.Handler):
    """Keeps what was logged, as the lines it would be written as."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.setFormatter(JsonFormatter(RuntimeSettings(powertools_service_name="tests")))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.texts.append(self.format(record))

    def last(self) -> dict[str, Any]:
        """The last line, read."""
        line: dict[str, Any] = json.loads(self.texts[-1])
        return line


@pytest.fixture
def lines() -> Iterator[_Lines]:
    """What is logged during the test."""
    handler = _Lines()
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def test_a_line_says_when_where_and_what(lines: _Lines) -> None:
    """Time, service, function, level, message and extras are fields of one JSON object."""
    logger.warning("queue is slow", extra={"queue": "nudge", "depth": 3})
    line = lines.last()
    assert {
        "service": "tests",
        "function": "local",
        "level": "WARNING",
        "message": "queue is slow",
        "queue": "nudge",
        "depth": 3,
    } == {name: value for name, value in line.items() if name != "time"}
    assert line["time"].endswith("Z")


def test_bound_ids_are_on_every_line_inside(lines: _Lines) -> None:
    """Ids bound outside stay inside, and go with their block."""
    with bind(request_id="r1", tenant_id=UUID(int=7)), bind(run_id="u1", trace_id="t1"):
        logger.info("inside")
    inside = lines.last()
    logger.info("outside")
    assert ("r1", str(UUID(int=7)), "u1", "t1") == tuple(
        inside[name] for name in ("request_id", "tenant_id", "run_id", "trace_id")
    )
    assert "request_id" not in lines.last()


def test_ids_survive_an_interrupted_generator(lines: _Lines) -> None:
    """A stream that is given up leaves no ids behind."""

    def stream() -> Iterator[int]:
        with bind(request_id="r1"):
            yield 1

    running = stream()
    next(running)
    del running
    logger.info("after")
    assert "request_id" not in lines.last()


def test_an_extra_cannot_forge_a_field(lines: _Lines) -> None:
    """What a caller sent never replaces the ids or the level of a line."""
    with bind(tenant_id="mine"):
        logger.info("x", extra={"tenant_id": "other", "level": "ERROR"})
    assert ("mine", "INFO") == (lines.last()["tenant_id"], lines.last()["level"])


def test_a_line_is_one_line(lines: _Lines) -> None:
    """Line breaks in a message do not begin another entry."""
    logger.info('first\n{"level":"ERROR"}\u2028third')
    assert 1 == len(lines.texts[-1].splitlines())


def test_an_error_is_logged_with_its_stack(lines: _Lines) -> None:
    """The class, the message and the place of an error are fields."""
    try:
        raise ValueError("of no use")  # noqa: TRY301 - the error is the test
    except ValueError:
        logger.exception("failed")
    error = lines.last()["error"]
    assert ("ValueError", "of no use") == (error["type"], error["message"])
    assert "test_observability.py" in error["stack"]


@pytest.mark.parametrize("place", ["message", "extra", "nested", "name", "error"])
@pytest.mark.parametrize("leak", _LEAKS)
def test_no_secret_reaches_a_log(lines: _Lines, leak: str, place: str) -> None:
    """Keys, tokens and passwords are hidden wherever they stand, known by their looks."""
    text = _LEAKS[leak]
    match place:
        case "message":
            logger.info("got %s", text)
        case "extra":
            logger.info("got", extra={"given": text})
        case "nested":
            logger.info("got", extra={"given": [{"deep": (text,)}]})
        case "name":
            logger.info("got", extra={"given": {text: 1}})
        case _:
            try:
                raise RuntimeError(text)  # noqa: TRY301 - the error is the test
            except RuntimeError:
                logger.exception("failed")
    written = lines.texts[-1].lower()
    assert "hunter2" not in written
    assert _KEY.lower() not in written
    assert HIDDEN in written


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "password",
        "api_key",
        "x-api-key",
        "SecretString",
        "refresh_token",
        "cookie",
    ],
)
def test_a_field_with_a_telling_name_is_hidden(name: str) -> None:
    """What such a field holds is hidden, whatever it looks like."""
    assert {name: HIDDEN} == scrub({name: {"any": "thing"}})


@pytest.mark.parametrize(
    "text",
    [
        "the task-force met",
        "output_tokens=12",
        "agents/adder v3",
        "0198c5a0-0000-7000-8000-000000000001",
        "https://example.org/a?b=c",
        "max_tokens: 100",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    """What is no secret stays readable."""
    assert text == scrub(text)


def test_token_counts_are_no_secrets() -> None:
    """Usage is logged: only names that end in `token`, not in `tokens`, are hidden."""
    assert {"input_tokens": 3} == scrub({"input_tokens": 3})


def test_long_and_deep_values_are_cut() -> None:
    """A line stays bounded, and a secret behind the cut does not appear."""
    assert len(str(scrub("x" * 100_000))) < 9_000
    deep: Any = "bottom"
    for _ in range(50):
        deep = [deep]
    assert "bottom" not in json.dumps(scrub(deep))
