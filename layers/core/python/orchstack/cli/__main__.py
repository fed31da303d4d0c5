"""`python -m orchstack.cli` is the `orchstack` command."""

from __future__ import annotations

from orchstack.cli.app import main

main()
