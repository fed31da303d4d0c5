"""Structured logs: one JSON line each, with the ids of the request, and without any secret.

The standard library's logging with the formatter below costs 2 ms of CPU to import; the logger of
Powertools costs 45 to 60, which every cold start would pay.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cached_property
from types import MappingProxyType
from typing import Any
from uuid import UUID

from orchstack.kernel.settings import RuntimeSettings, load

HIDDEN = "[hidden]"
MAX_TEXT = 8_192
_MAX_DEPTH = 6
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SECRET_FIELDS = re.compile(
    r"(?i)^(.*[-_.])?(authorization|cookie|password|passwd|pwd|secret|secretstring|api[-_]?key|"
    r"access[-_]?key|private[-_]?key|token|credentials?)$"
)
_SECRETS = re.compile(
    r"""
      (?P<key>\b(os_live_|os_test_|sk-|sk_live_|xox[abp]-|gh[pousr]_|AIza|AKIA|ASIA)[\w-]{8,})
    | (?P<jwt>\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)
    | (?P<scheme>\b(bearer|basic)\s+)[\w.~+/=-]{6,}
    | (?P<dsn>\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s@/]+(?=@)
    | (?P<field>["']?\b(password|passwd|pwd|secret|api[_-]?key|authorization|token)\b["']?
        \s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;&}]+)
    | (?P<signed>\bX-Amz-(Signature|Security-Token|Credential)=)[^&\s]+
    """,
    re.VERBOSE | re.IGNORECASE,
)
_bound: ContextVar[Mapping[str, str]] = ContextVar(
    "orchstack_log_ids", default=MappingProxyType({})
)


@contextmanager
def bind(
    request_id: str | None = None,
    tenant_id: UUID | str | None = None,
    run_id: UUID | str | None = None,
    trace_id: str | None = None,
) -> Iterator[None]:
    """Put ids on every line logged inside; ids bound outside stay unless they are given anew."""
    before = _bound.get()
    add_ids(request_id, tenant_id, run_id, trace_id)
    try:
        yield
    finally:
        # Not by token: a generator may be closed in another context than it was started in.
        _bound.set(before)


def add_ids(
    request_id: str | None = None,
    tenant_id: UUID | str | None = None,
    run_id: UUID | str | None = None,
    trace_id: str | None = None,
) -> None:
    """Put ids that became known meanwhile on every line to the end of the innermost `bind`."""
    given = {
        "request_id": request_id,
        "tenant_id": tenant_id,
        "run_id": run_id,
        "trace_id": trace_id,
    }
    named = {name: str(value) for name, value in given.items() if value is not None}
    _bound.set({**_bound.get(), **named})


def scrub(value: object, depth: int = 0) -> object:
    """Give a copy of a JSON-like value in which secrets are hidden and long text is cut."""
    if depth > _MAX_DEPTH:
        return "…"
    if isinstance(value, str):
        return _scrub_text(value)
    if isinstance(value, Mapping):
        return _scrub_fields(value, depth)
    if isinstance(value, list | tuple | set | frozenset):
        return [scrub(inner, depth + 1) for inner in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return _scrub_text(str(value))


def _scrub_fields(fields: Mapping[str, object], depth: int = 0) -> dict[str, object]:
    return {
        _scrub_text(str(name)): (
            HIDDEN if _SECRET_FIELDS.match(str(name)) else scrub(value, depth + 1)
        )
        for name, value in fields.items()
    }


def _scrub_text(text: str) -> str:
    cut = text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}… ({len(text)} characters)"
    return _SECRETS.sub(_hide, cut)


def _hide(match: re.Match[str]) -> str:
    kept = match["scheme"] or match["dsn"] or match["field"] or match["signed"] or ""
    return f"{kept}{HIDDEN}"


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON: time, service, function, level, message, ids, extras."""

    def __init__(self, settings: RuntimeSettings) -> None:
        super().__init__()
        self._service = settings.powertools_service_name
        self._function = settings.aws_lambda_function_name

    def format(self, record: logging.LogRecord) -> str:
        """Write the record, scrubbed."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": at.replace("+00:00", "Z"),
            "service": self._service,
            "function": self._function,
            "level": record.levelname,
            "message": _scrub_text(record.getMessage()),
            **_bound.get(),
        }
        extras = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        line.update(
            (name, value) for name, value in _scrub_fields(extras).items() if name not in line
        )
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = _error(record.exc_info[1])
        return json.dumps(line, ensure_ascii=True, separators=(",", ":"))


def _error(error: BaseException) -> dict[str, str]:
    return {
        "type": type(error).__name__,
        "message": _scrub_text(str(error)),
        "stack": _scrub_text("".join(traceback.format_exception(error))),
    }


class _Output(logging.Handler):
    """Writes to standard output; reads its settings with the first line, not at import."""

    @cached_property
    def settings(self) -> RuntimeSettings:
        """Where this code runs."""
        return load(RuntimeSettings)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record that is important enough."""
        if record.levelno < logging.getLevelNamesMapping()[self.settings.powertools_log_level]:
            return
        if self.formatter is None:
            self.setFormatter(JsonFormatter(self.settings))
        sys.stdout.write(self.format(record) + "\n")
        sys.stdout.flush()


logger = logging.getLogger("orchstack")
logger.setLevel(logging.DEBUG)
logger.propagate = False
logger.addHandler(_Output())
