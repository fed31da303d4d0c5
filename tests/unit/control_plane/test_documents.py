"""Rules of an agent's document."""

from __future__ import annotations

from orchstack.control_plane.documents import digest_of, faults_of
from orchstack.kernel.agents import AgentDocument
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


def test_a_good_document_has_no_faults() -> None:
    """Its name is that of the path, and its tools exist."""
    assert [] == faults_of(make.agent_document(), "adder", TOOLS)


def test_each_fault_is_named_by_place() -> None:
    """Wrong name, unknown tool and repeated tool at once, each with what to do."""
    document = make.agent_document(tools=("calculator", "abacus", "calculator"))

    faults = faults_of(document, "other", TOOLS)

    assert ["/name", "/tools/1", "/tools/2"] == [fault["path"] for fault in faults]
    assert "calculator, current_time" in faults[1]["message"]
