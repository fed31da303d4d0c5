"""`python -m orchstack.local`: runs a cloud assembly in the foreground, until Ctrl-C.

`python -m orchstack.local types` prints which resource types are emulated, as Markdown.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

from orchstack.kernel.errors import OrchStackError
from orchstack.local.cloud import PREFERRED_PORT, LocalCloud


def main() -> int:
    """Parse the command line and run; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m orchstack.local", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["run", "types"], default="run")
    parser.add_argument("--assembly", type=Path, default=Path("cdk.out"))
    parser.add_argument("--state", type=Path, default=Path(".orchstack"))
    parser.add_argument("--port", type=int, default=PREFERRED_PORT, help="0: any free port")
    options = parser.parse_args()
    if options.what == "types":
        from orchstack.local.resources.registry import types_as_markdown

        _say(types_as_markdown())
        return 0
    return _run(options.assembly, options.state, options.port)


def _run(assembly: Path, state: Path, port: int) -> int:
    # Both stop us cleanly, also where a shell started us in the background, with Ctrl-C ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    cloud = LocalCloud(
        assembly,
        state,
        port,
        postgres_dsn=os.environ.get("ORCHSTACK_LOCAL_POSTGRES"),
        on_phase=lambda phase, seconds: _say(f"{phase}: {seconds:.1f} s"),
    )
    try:
        info = cloud.start()
        _say(f"serving {info.api_url}; Ctrl-C stops")
        threading.Event().wait()
    except KeyboardInterrupt:
        pass
    except OrchStackError as error:
        sys.stderr.write(f"{error.detail}\n")
        return 1
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        cloud.stop()
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
