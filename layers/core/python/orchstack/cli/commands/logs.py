"""`orchstack logs`: what the functions of the local cloud write, merged, coloured by service."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from orchstack.cli.exits import FAILED, INTERRUPTED
from orchstack.cli.output import console, errors, print_json_line, short_name
from orchstack.cli.setup import AsJson
from orchstack.cli.state import state_dir

if TYPE_CHECKING:
    from rich.text import Text

LOG_FILE = Path("logs") / "functions.jsonl"
COLOURS = ("cyan", "magenta", "green", "blue", "yellow", "bright_cyan", "bright_magenta")
# With it no two of the services have the same colour.
_SALT = 73
LEVELS = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "bold red"}
SHOWN_ALREADY = frozenset(
    {"time", "level", "service", "function", "message", "request_id", "trace_id", "tenant_id"}
    | {"error", "type", "record", "invocation_id"}
)


def logs(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    service: Annotated[str | None, typer.Option(help="Such as agent_runtime.")] = None,
    run: Annotated[str | None, typer.Option(help="Lines of this run only.")] = None,
    level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], typer.Option(help="The lowest level.")
    ] = "INFO",
    limit: Annotated[int, typer.Option("--limit", "-n", min=0)] = 50,
    as_json: AsJson = False,
) -> None:
    """Show the last lines that functions logged, oldest first."""
    from orchstack.local.logs import LogFilter, tail

    path = state_dir() / LOG_FILE
    if not path.exists() and not follow:
        errors().print(f"✗ There is no {path}: `make up` starts the local cloud.", style="red")
        raise typer.Exit(FAILED)
    wanted = LogFilter(service=service, level=level, run_id=run)
    try:
        for entry in tail(path, follow=follow, last=limit, wanted=wanted):
            if as_json:
                print_json_line(entry)
            else:
                console().print(line(entry), soft_wrap=True)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def line(entry: Mapping[str, Any]) -> Text:
    """One entry on one line: time, level, service/function in its colour, message, the rest."""
    from rich.text import Text

    service = str(entry.get("service", "?"))
    level = str(entry.get("level", "INFO"))
    text = Text(str(entry.get("time", ""))[11:23], style="dim")
    text.append(f" {level:<7}", style=LEVELS.get(level, "dim"))
    text.append(f" {service}/{short_name(str(entry.get('function', '?')))}", style=colour(service))
    text.append(f" {entry.get('message', '')}", style="default")
    rest = {name: value for name, value in entry.items() if name not in SHOWN_ALREADY}
    for name, value in rest.items():
        text.append(f" {name}={value}", style="dim")
    if isinstance(error := entry.get("error"), Mapping):
        text.append(f"\n    {error.get('type')}: {error.get('message')}", style="red")
        text.append(f"\n{error.get('stack', '')}".replace("\n", "\n    ").rstrip(), style="dim")
    return text


def colour(service: str) -> str:
    """A service's colour, the same every day."""
    return COLOURS[zlib.crc32(service.encode(), _SALT) % len(COLOURS)]
