"""`orchstack agents plan` and `apply`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.kit import Answer, Api, judged, problem, version

YAML = """\
name: adder
instructions: Add.
limits:
  max_steps: 99
tools:
  - calculator
  - hammer
labels: {since: 2026-01-01}
"""
VALIDATE, PUT = "POST /v1/agents/adder/validate", "PUT /v1/agents/adder"
CHANGE = {"path": "/model", "kind": "changed", "before": "default", "after": "builtin/echo"}
UNCHANGED = judged(same_as=2)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A document."""
    path = tmp_path / "adder.yaml"
    path.write_text(YAML, encoding="utf-8")
    return path


def api(validation: Any, published: Answer = (201, version(3, "live"))) -> Api:
    """An API that judges the document so, and publishes it so."""
    return Api({VALIDATE: (200, validation), PUT: published})


def sent(used: Api) -> list[str]:
    """The methods of the requests that were sent."""
    return [request.method for request in used.requests]


def test_a_plan_shows_what_changes(file: Path) -> None:
    """Old and new value of each field, texts line by line; nothing is published."""
    text = {
        "path": "/instructions",
        "kind": "changed",
        "before": "Add.\nBe brief.\n",
        "after": "Add up.\nBe brief.\n",
    }
    label = {"path": "/labels/a~1b", "kind": "removed", "before": "x", "after": None}
    used = api(judged(CHANGE, text, label))
    result = used.run("agents", "plan", str(file))

    assert (0, ["POST"]) == (result.exit_code, sent(used))
    assert "~ adder: a new version, in place of version 2" in result.output
    assert '~ model: "default" → "builtin/echo"' in result.output
    assert "      -Add.\n      +Add up.\n       Be brief.\n" in result.output
    assert '- labels.a/b: "x"' in result.output
    assert "Plan: 1 changed." in result.output
    assert {"since": "2026-01-01"} == used.sent()["labels"]


@pytest.mark.parametrize(
    ("validation", "word"),
    [
        (judged(live_version=None), "+ adder: new"),
        (UNCHANGED, "= adder: unchanged, version 2"),
        (judged(CHANGE, same_as=1), "~ adder: version 1 again, in place of version 2"),
    ],
    ids=["new", "unchanged", "earlier"],
)
def test_a_plan_says_what_would_become_of_it(file: Path, validation: Any, word: str) -> None:
    """New, the same, or a version that there was before."""
    assert word in api(validation).run("agents", "plan", str(file)).output


@pytest.mark.parametrize(("validation", "code"), [(UNCHANGED, 0), (judged(CHANGE), 2)])
def test_a_plan_can_be_asked_by_a_program(file: Path, validation: Any, code: int) -> None:
    """With --detailed-exitcode, 2 says that there is something to apply; JSON says what."""
    used = api(validation)
    result = used.run("agents", "plan", str(file), "--json", "--detailed-exitcode")
    (found,) = json.loads(result.stdout)

    assert code == result.exit_code
    assert ("adder", validation["changes"]) == (found["agent"], found["changes"])
    assert 0 == used.run("agents", "plan", str(file)).exit_code


def test_a_fault_is_told_where_it_was_written(file: Path) -> None:
    """The server's JSON Pointers become file:line:column; a missing place, its parent's."""
    faults = [
        {"path": "/limits/max_steps", "message": "should be less than 50"},
        {"path": "/tools/1", "message": "is not known"},
        {"path": "/limits/max_seconds", "message": "is missing"},
        {"path": "", "message": "is strange"},
    ]
    used = api(judged(valid=False, faults=faults, changes=None))
    for command in ("plan", "apply"):
        result = used.run("agents", command, str(file))

        assert 1 == result.exit_code
        assert f"{file}:4:14: /limits/max_steps: should be less than 50" in result.output
        assert f"{file}:7:5: /tools/1" in result.output
        assert f"{file}:4:3: /limits/max_seconds" in result.output
        assert f"{file}:1:1: /: is strange" in result.output
    assert ["POST", "POST"] == sent(used)


def test_applying_says_what_came_of_it(file: Path) -> None:
    """The plan, and the new version."""
    used = api(judged(CHANGE))
    result = used.run("agents", "apply", str(file))

    assert (0, ["POST", "PUT"]) == (result.exit_code, sent(used))
    assert "Plan: 1 changed." in result.output
    assert "version 3 is live" in result.output


def test_what_is_unchanged_is_not_sent(file: Path) -> None:
    """So a canary that runs beside it goes on."""
    used = api(UNCHANGED)
    result = used.run("agents", "apply", str(file), "--json")

    assert ["POST"] == sent(used)
    (found,) = json.loads(result.stdout)
    assert ("unchanged", 2, False) == (found["action"], found["version"], found["created"])


@pytest.mark.parametrize(
    ("answer", "words", "code", "methods"),
    [
        ("n\n", (), 1, ["POST"]),
        ("y\n", (), 0, ["POST", "PUT"]),
        (None, ("--yes",), 0, ["POST", "PUT"]),
    ],
    ids=["no", "yes", "unasked"],
)
def test_a_person_is_asked(
    file: Path, answer: str | None, words: tuple[str, ...], code: int, methods: list[str]
) -> None:
    """After the plan; --yes needs no answer."""
    used = api(judged(CHANGE))
    result = used.run("agents", "apply", str(file), *words, stdin=answer, interactive=True)

    assert (code, methods) == (result.exit_code, sent(used))


@pytest.mark.parametrize(
    ("aliases", "word"),
    [((), "version 3 answers 10 % of the sessions"), (("live",), "version 3 is live")],
    ids=["beside", "first"],
)
def test_a_document_can_be_applied_as_a_canary(
    file: Path, aliases: tuple[str, ...], word: str
) -> None:
    """For a share of sessions; the first version of an agent has nothing to stand beside."""
    used = api(judged(CHANGE), (201, version(3, *aliases)))
    result = used.run("agents", "apply", str(file), "--canary", "10%")

    assert used.requests[-1].url.endswith("/v1/agents/adder?canary=0.1")
    assert word in result.output


@pytest.mark.parametrize("share", ["0", "0%", "101%", "1.5", "ten"])
def test_a_share_is_above_nothing_and_at_most_all(file: Path, share: str) -> None:
    """Anything else is a wrong command line."""
    used = api(judged(CHANGE))

    assert 2 == used.run("agents", "apply", str(file), "--canary", share).exit_code
    assert [] == used.requests


def test_one_faulty_document_does_not_hide_the_others() -> None:
    """Of two documents in one stream the good one is published, the other is told."""
    text = "name: bad\n---\nname: adder\n"
    fault = {"path": "/name", "message": "is bad"}
    used = api(judged(CHANGE), (201, version(1, "live")))
    used.answers["POST /v1/agents/bad/validate"] = (200, judged(valid=False, faults=[fault]))
    result = used.run("agents", "apply", "-", "--json", stdin=text)
    bad, good = json.loads(result.stdout)

    assert 1 == result.exit_code
    assert [{"path": "/name", "message": "is bad", "line": 1, "column": 7}] == bad["faults"]
    assert ("adder", 1, True) == (good["agent"], good["version"], good["created"])


def test_what_the_api_refuses_after_all_is_told(file: Path) -> None:
    """Between the plan and the publication the world may have changed."""
    refused = problem(422, "invalid_document", faults=[{"path": "/tools/1", "message": "is gone"}])
    result = api(judged(CHANGE), (422, refused)).run("agents", "apply", str(file))

    assert 1 == result.exit_code
    assert f"{file}:7:5: /tools/1: is gone" in result.output


def test_agents_that_link_to_each_other_are_applied_together(tmp_path: Path) -> None:
    """Who is linked to is published first, and is not unknown while it is in the plan."""
    (tmp_path / "a.yaml").write_text("name: asker\nagents: [{agent: adder, kind: tool}]\n")
    (tmp_path / "b.yml").write_text("name: adder\n")
    (tmp_path / "notes.txt").write_text("no document")
    unknown = {"path": "/agents/0/agent", "message": "There is no agent “adder”."}
    new: dict[str, Any] = {"live_version": None, "changes": []}
    used = api(judged(**new), (201, version(1, "live")))
    used.answers |= {
        "POST /v1/agents/asker/validate": (200, judged(valid=False, faults=[unknown], **new)),
        "PUT /v1/agents/asker": (201, version(1, "live")),
    }
    result = used.run("agents", "apply", str(tmp_path))

    assert 0 == result.exit_code
    published = [request.url for request in used.requests if request.method == "PUT"]
    assert ["adder", "asker"] == [url.rsplit("/", 1)[-1] for url in published]
    assert "Plan: 2 new." in result.output


def test_a_document_without_a_name_is_told() -> None:
    """The API has no address for it."""
    used = Api()
    result = used.run("agents", "plan", "-", stdin="instructions: Add.\n")

    assert (1, []) == (result.exit_code, used.requests)
    assert "<stdin>:1:1: /name: is missing" in result.output


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("name: [\n", ":2:1:"),
        ("name: a\nname: b\n", ":2:1: `name` stands here twice"),
        ("- a\n", ":1:1: an agent is a mapping"),
        ("a: &x 1\nb: *x\n", ":2:4: aliases are not used here"),
        ("name: !!python/object:os.system x\n", ":1:7:"),
    ],
)
def test_a_file_that_cannot_be_read_sends_nothing(tmp_path: Path, text: str, place: str) -> None:
    """A fault of the YAML itself is told with its place, before anything is published."""
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(YAML)
    bad.write_text(text)
    used = Api()
    result = used.run("agents", "apply", str(good), str(bad))

    assert (1, []) == (result.exit_code, used.requests)
    assert f"{bad}{place}" in result.output


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    """The file's name and the reason; so is a folder without documents."""
    absent = Api().run("agents", "apply", str(tmp_path / "none.yaml"))
    empty = Api().run("agents", "plan", str(tmp_path))

    assert (1, 1) == (absent.exit_code, empty.exit_code)
    assert "none.yaml: No such file" in absent.output
    assert "holds no .yaml file" in empty.output
