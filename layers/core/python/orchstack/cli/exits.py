"""The exit codes of the `orchstack` command; 2 is a wrong command line."""

from __future__ import annotations

FAILED = 1
# Only where `--detailed-exitcode` asks for it.
CHANGES = 2
UNREACHABLE = 3
NOT_ALLOWED = 4
INTERRUPTED = 130
