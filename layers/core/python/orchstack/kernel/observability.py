"""Structured logs: one JSON line each, with the ids of the request, and without any secret.

The standard library's logging with the formatter below costs 2 ms of CPU to import; the logger of
Powertools costs 45 to 60, which every cold start would pay.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cached_property
from types import MappingProxyType
from uuid import UUID

from orchstack.kernel.plain import JsonObject
from orchstack.kernel.scrubbing import scrub_fields, scrub_text
from orchstack.kernel.settings import RuntimeSettings, load

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
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


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON: time, service, function, level, message, ids, extras."""

    def __init__(self, settings: RuntimeSettings) -> None:
        super().__init__()
        self._service = settings.powertools_service_name
        self._function = settings.aws_lambda_function_name

    def format(self, record: logging.LogRecord) -> str:
        """Write the record, scrubbed."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: JsonObject = {
            "time": at.replace("+00:00", "Z"),
            "service": self._service,
            "function": self._function,
            "level": record.levelname,
            "message": scrub_text(record.getMessage()),
            **_bound.get(),
        }
        extras = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        line.update(
            (name, value) for name, value in scrub_fields(extras).items() if name not in line
        )
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = _error(record.exc_info[1])
        return json.dumps(line, ensure_ascii=True, separators=(",", ":"))


def _error(error: BaseException) -> dict[str, str]:
    return {
        "type": type(error).__name__,
        "message": scrub_text(str(error)),
        "stack": scrub_text("".join(traceback.format_exception(error))),
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
