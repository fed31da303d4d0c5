from __future__ import annotations

from pathlib import Path

import pytest

from orchstack.kernel.db import queries
from orchstack.kernel.db.statements import split


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that may hold SQL files."""
    folder = tmp_path / f"package_of_{tmp_path.name}"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


def test_queries_are_found_by_their_names(package: Path) -> None:
    """Each query runs from its name to the next one, without the last semicolon."""
    (package / "queries.sql").write_text("-- about\n-- name: a\nselect 1;\n\n-- name: b\nselect 2")
    assert {"a": "select 1", "b": "select 2"} == queries.load(package.name)


def test_two_queries_of_one_name_are_refused(package: Path) -> None:
    """The second one would silently win."""
    (package / "twice.sql").write_text("-- name: a\nselect 1;\n-- name: a\nselect 2;")
    with pytest.raises(ValueError, match="share a name"):
        queries.load(package.name, "twice.sql")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select 1; select 2;", ["select 1", "select 2"]),
        ("select 1", ["select 1"]),
        (" ;; ", []),
        ("select ';' , \";\"; select 2", ["select ';' , \";\"", "select 2"]),
        ("select 'it''s; fine'", ["select 'it''s; fine'"]),
        (r"select e'\';'; select 2", [r"select e'\';'", "select 2"]),
        ("do $$ begin; end $$; select 2", ["do $$ begin; end $$", "select 2"]),
        ("do $x$ $$;$$ $x$; select 2", ["do $x$ $$;$$ $x$", "select 2"]),
        ("-- a; b\nselect 1 -- c;\n;select 2", ["select 1", "select 2"]),
        ("/* a; */ select 1 /* ; */ + 1", ["select 1  + 1"]),
    ],
)
def test_a_file_is_cut_at_its_own_semicolons(text: str, expected: list[str]) -> None:
    """Strings, quoted names, bodies and comments may hold semicolons."""
    assert expected == list(split(text))
