"""Showing a run in the terminal while it happens."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from orchstack.cli.asking import Watch
from orchstack.cli.output import print_json_line

if TYPE_CHECKING:
    from orchstack.sdk import RunEvent

STYLES = {"doing": typer.colors.BRIGHT_BLACK, "trouble": typer.colors.RED}


ASKED = "run.waiting"


def watch(events: Iterable[RunEvent], *, as_json: bool = False, until_asked: bool = False) -> str:
    """Show a run's events as they come; gives the name of the last one.

    `until_asked`: that is also the one by which the run asks a human.
    """
    shown, last = Watch(), ""
    for event in events:
        last = event.name
        if as_json:
            print_json_line({"id": event.id, "event": event.name, "data": event.data})
        else:
            _show(shown, event)
        if until_asked and last == ASKED:
            break
    return last


def _show(shown: Watch, event: RunEvent) -> None:
    for said in shown.see(event):
        if said.channel == "text":
            typer.echo(said.text, nl=False)
        else:
            typer.secho(said.text, fg=STYLES[said.channel], err=True, nl=False)
        sys.stdout.flush()
