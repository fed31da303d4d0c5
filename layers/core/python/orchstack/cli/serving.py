"""`orchstack up`: from nothing to an agent that answers, then serving until Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from orchstack.cli.demo import AGENT, QUESTION, ensure_agent, ensure_key
from orchstack.cli.models import chosen_model, keep_providers
from orchstack.cli.state import CREDENTIALS_FILE
from orchstack.cli.synthesis import project_root, synthesize, up_to_date
from orchstack.cli.watching import watch
from orchstack.sdk import OrchStack

if TYPE_CHECKING:
    from orchstack.local.cloud import CloudInfo

DOCUMENT = Path("examples") / f"{AGENT}.yaml"
PHASES = {
    "imports": "load the cloud's services",
    "postgres": "start PostgreSQL",
    "valkey": "start Valkey",
    "state": "put back what was kept",
    "deploy": "deploy the template",
    "gateway": "open the gateway",
}
CURL = """export ORCHSTACK_URL={url}
export ORCHSTACK_API_KEY={key}
curl -N "$ORCHSTACK_URL/v1/agents/{agent}/runs" \\
  -H "Authorization: Bearer $ORCHSTACK_API_KEY" -H "Content-Type: application/json" \\
  -d '{{"input": "What is 17 * 23?", "mode": "stream"}}'
"""
KEPT = (
    "PostgreSQL, S3 objects, secrets and KMS keys are kept in {folder}; `orchstack reset` forgets "
    "them."
)
NOT_KEPT = "Messages on queues, running executions and Valkey's counters are not."


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What was asked for on the command line."""

    model: str | None
    port: int | None
    demo: bool
    folder: Path


@dataclass
class Progress:
    """Says what is being done, and how long each part took."""

    console: Console
    began: float = field(default_factory=time.monotonic)

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Show that something is under way, and its time when it is done."""
        began = time.monotonic()
        with self.console.status(f"{what} …"):
            yield
        self.done(what, time.monotonic() - began)

    def done(self, what: str, seconds: float) -> None:
        """Say that something is done."""
        self.console.print(f"  [green]✓[/] {what} [dim]{seconds:.1f} s[/]")

    def phase(self, name: str, seconds: float) -> None:
        """Hear of a part of the cloud's start."""
        if name in PHASES:
            self.done(PHASES[name], seconds)

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self.began


def serve(wish: Wish, console: Console) -> None:
    """Start, show, serve; returns when Ctrl-C has stopped everything that ran.

    Raises NoSources, SynthesisFailed, and the OrchStackError of the local cloud and of the client;
    then everything is stopped too.
    """
    progress = Progress(console)
    console.print("[bold]OrchStack[/] on this machine")
    wish.folder.mkdir(parents=True, exist_ok=True)
    root = project_root()
    assembly = wish.folder / "cdk.out"
    if not up_to_date(root, assembly):
        with progress.doing("synthesize the template"):
            synthesize(root, assembly)
    try:
        with chosen_model(wish.model) as model, _running(assembly, wish, progress) as info:
            keep_providers(info, model)
            key = ensure_key(info.api_url, info.platform_key or "", wish.folder)
            if wish.demo:
                _demonstrate(info.api_url, key, root / DOCUMENT, model.sentence, progress)
            _say_how_to_go_on(console, info, key, wish.folder)
            threading.Event().wait()
    except KeyboardInterrupt:
        console.print(f"\nStopped. {KEPT.format(folder=wish.folder)} {NOT_KEPT}", soft_wrap=True)


@contextmanager
def _running(assembly: Path, wish: Wish, progress: Progress) -> Iterator[CloudInfo]:
    """Run the local cloud for the length of the block; its end cannot be interrupted."""
    from orchstack.local.cloud import PREFERRED_PORT, LocalCloud

    # Both stop us cleanly, also where a shell started us in the background, with Ctrl-C ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    cloud = LocalCloud(
        assembly,
        wish.folder,
        PREFERRED_PORT if wish.port is None else wish.port,
        postgres_dsn=os.environ.get("ORCHSTACK_LOCAL_POSTGRES"),
        on_phase=progress.phase,
    )
    try:
        with progress.console.status("starting …"):
            info = cloud.start()
        yield info
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        cloud.stop()


def _demonstrate(api_url: str, key: str, document: Path, model: str, progress: Progress) -> None:
    """Ask the demo's agent a question that needs a tool, through the whole stack."""
    with OrchStack(api_url, key) as client:
        ensure_agent(client, document)
        progress.console.print(f"\n{model}", soft_wrap=True)
        progress.console.print(f"[bold]> {QUESTION}[/]")
        watch(client.runs.stream(AGENT, QUESTION))
    progress.console.print(f"[dim]The answer came {progress.seconds:.1f} s after the start.[/]\n")


def _say_how_to_go_on(console: Console, info: CloudInfo, key: str, folder: Path) -> None:
    grid = Table.grid(padding=(0, 2))
    for name, value in (
        ("URL", info.api_url),
        ("Key", f"in {folder / CREDENTIALS_FILE}, and below"),
        ("Ask", f'orchstack ask {AGENT} "What time is it in Asia/Tokyo?"'),
        ("Look", "orchstack status · orchstack runs list · orchstack logs -f"),
        ("API", f"{info.api_url}/openapi.json"),
        ("Stop", "Ctrl-C"),
    ):
        grid.add_row(f"[bold]{name}[/]", Text(value, overflow="fold"))
    console.print(Panel(grid, title="How to go on", title_align="left", expand=False))
    # Outside the panel, so that it can be copied without its border.
    console.print(CURL.format(url=info.api_url, key=key, agent=AGENT), markup=False, soft_wrap=True)
