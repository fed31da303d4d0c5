"""Rules of an agent's document."""

from __future__ import annotations

from itertools import pairwise

import pytest

from orchstack.control_plane.documents import MAX_SCHEMA, Links, digest_of, faults_of
from orchstack.kernel.agents import AgentDocument, AgentLink
from orchstack.kernel.errors import Fault
from orchstack.kernel.plain import JsonObject
from tests import make

TOOLS = frozenset({"calculator", "current_time"})


def test_spelling_out_a_default_changes_nothing() -> None:
    """A document that says what would hold anyway is the same document."""
    spelled = make.agent_document(history_messages=20, labels={"b": "1", "a": "2"})
    brief = make.agent_document(labels={"a": "2", "b": "1"})

    assert digest_of(brief) == digest_of(spelled)


def test_a_change_is_another_document() -> None:
    """Also in the order of tools, which the model is shown."""
    documents = (
        make.agent_document(),
        make.agent_document(description="x"),
        make.agent_document(tools=("calculator", "current_time")),
        make.agent_document(tools=("current_time", "calculator")),
    )

    assert len(documents) == len({digest_of(document) for document in documents})


def test_the_digest_is_fixed() -> None:
    """Stored digests stay comparable: this one changes only with the document's model."""
    document = AgentDocument(name="a", instructions="b")

    assert 64 == len(digest_of(document))
    assert digest_of(document) == digest_of(AgentDocument.model_validate(document.model_dump()))


def faults(document: AgentDocument, name: str = "adder", links: Links | None = None) -> list[Fault]:
    """Judge a document, among agents that link to nothing unless told otherwise."""
    return faults_of(document, name, TOOLS, links or {"asker": (), "teller": ()})


def asks(*agents: str) -> tuple[AgentLink, ...]:
    """Links by which an agent asks others."""
    return tuple(AgentLink(agent=agent, kind="tool") for agent in agents)


def test_a_good_document_has_no_faults() -> None:
    """Its name is that of the path, and all that it names exists."""
    document = make.agent_document(
        tools=("calculator", "ask_human"),
        agents=(*asks("asker"), {"agent": "asker", "kind": "handoff"}),
        tool_order=(
            {"first": "calculator", "then": "ask_asker"},
            {"first": "ask_human", "then": "ask_human"},
        ),
        output_schema={"type": "object", "properties": {"sum": {"type": "number"}}},
    )

    assert [] == faults(document)


def test_each_fault_is_named_by_place() -> None:
    """Wrong name, unknown tool and repeated tool at once, each with what to do."""
    document = make.agent_document(tools=("calculator", "abacus", "calculator"))

    found = faults(document, "other")

    assert ["/name", "/tools/1", "/tools/2"] == [fault["path"] for fault in found]
    assert "calculator, current_time" in found[1]["message"]


def test_tools_are_ordered_among_those_offered() -> None:
    """A tool that is installed but not in the document is not offered."""
    order = [{"first": "current_time", "then": "calculator"}]
    (fault,) = faults(make.agent_document(tool_order=order))

    assert "/tool_order/0/first" == fault["path"]


def test_tools_do_not_wait_for_each_other() -> None:
    """The circle is shown, at the rule that closes it; a tool after itself is none."""
    names = ("calculator", "current_time", "ask_human", "calculator")
    order = [{"first": a, "then": b} for a, b in pairwise(names)]
    (fault,) = faults(make.agent_document(tools=names[:3], tool_order=order))

    assert "/tool_order/2" == fault["path"]
    assert "ask_human → calculator → current_time → ask_human" in fault["message"]


@pytest.mark.parametrize(
    ("links", "path", "word"),
    [
        (asks("adder"), "/agents/0/agent", "itself"),
        (asks("nobody"), "/agents/0/agent", "no agent “nobody”"),
        (asks("teller", "teller"), "/agents/1", "ask_teller"),
        (asks("a" * 63), "/agents/0/agent", "64 characters"),
        (asks("teller", "asker"), "/agents/1/agent", "adder → asker → back → adder"),
    ],
    ids=["self", "unknown", "twice", "long", "circle"],
)
def test_links_lead_to_others(links: tuple[AgentLink, ...], path: str, word: str) -> None:
    """To agents that are there, once a kind, and never back by asking; the circle is shown."""
    others = {"asker": asks("back"), "back": asks("adder"), "teller": (), "a" * 63: ()}
    (fault,) = faults(make.agent_document(agents=links), links=others)

    assert path == fault["path"]
    assert word in fault["message"]


def test_a_hand_off_may_lead_back() -> None:
    """The run goes on under the other's document; its depth bounds that."""
    back = {"asker": (AgentLink(agent="adder", kind="handoff"),)}
    document = make.agent_document(agents=[{"agent": "asker", "kind": "handoff"}])

    assert [] == faults(document, links=back)


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ({"type": "objct"}, "/output_schema/type"),
        ({"properties": {"a": {"minLength": -1}}}, "/output_schema/properties/a/minLength"),
        ({"$ref": "https://example.com/schema"}, "/output_schema"),
        ({"description": "x" * MAX_SCHEMA}, "/output_schema"),
    ],
    ids=["word", "inside", "elsewhere", "long"],
)
def test_the_schema_of_answers_is_one(schema: JsonObject, path: str) -> None:
    """JSON Schema 2020-12 that needs nothing from elsewhere, of a bounded size."""
    (fault,) = faults(make.agent_document(output_schema=schema))

    assert path == fault["path"]
