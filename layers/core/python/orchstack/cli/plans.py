"""What applying documents would do: each document judged by the API, and in which order to publish.

Nothing here publishes: `orchstack agents apply` does, after it has shown the plans.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from orchstack.cli.documents import Document, Unreadable, read

if TYPE_CHECKING:
    from orchstack.sdk import ApiError, OrchStack, Validation

Action = Literal["create", "update", "restore", "unchanged", "refused"]
_ENDINGS = (".yaml", ".yml")


@dataclass(frozen=True)
class Fault:
    """What is wrong with a document, and where that was written (file:line:column)."""

    path: str
    message: str
    line: int
    column: int
    place: str


@dataclass(frozen=True)
class Plan:
    """A document and what publishing it would come to; None: it could not even be judged."""

    document: Document
    validation: Validation | None
    faults: tuple[Fault, ...]

    @property
    def agent(self) -> str:
        """The agent that the document names."""
        return str(self.document.content.get("name", ""))

    @property
    def action(self) -> Action:
        """What publishing would do: `restore` makes an older version live again."""
        found = self.validation
        if found is None or self.faults:
            return "refused"
        if found.live_version is None:
            return "create"
        if found.same_as == found.live_version:
            return "unchanged"
        return "update" if found.same_as is None else "restore"

    @property
    def does_something(self) -> bool:
        """Whether there is something to publish."""
        return self.action in ("create", "update", "restore")

    def as_json(self) -> dict[str, Any]:
        """The plan for programs."""
        found = self.validation
        changes = None if found is None else found.raw["changes"]
        return {
            "file": self.document.file,
            "agent": self.agent,
            "action": self.action,
            "live_version": None if found is None else found.live_version,
            "same_as": None if found is None else found.same_as,
            "changes": changes,
            "faults": [
                {"path": f.path, "message": f.message, "line": f.line, "column": f.column}
                for f in self.faults
            ],
        }


def documents_in(paths: Iterable[str]) -> list[Document]:
    """Read the documents of files, of the YAML files in folders, of `-`. Raises Unreadable."""
    return [document for path in paths for file in _files(path) for document in read(file)]


def planned(client: OrchStack, documents: Sequence[Document]) -> list[Plan]:
    """Judge documents, in the order to publish them in: who is linked to comes first."""
    plans = [_plan(client, document) for document in documents]
    coming = {plan.agent for plan in plans if plan.action == "create" or _is_new(plan)}
    return _in_order([_with_company(plan, coming) for plan in plans])


def refused_by(plan: Plan, error: ApiError) -> Plan:
    """The plan after the API refused to publish its document."""
    told = error.faults or ({"path": "", "message": error.detail},)
    return Plan(plan.document, plan.validation, tuple(_faults(plan.document, told)))


def _files(path: str) -> list[str]:
    folder = Path(path)
    if path == "-" or not folder.is_dir():
        return [path]
    found = sorted(str(file) for file in folder.iterdir() if file.suffix in _ENDINGS)
    if not found:
        raise Unreadable(path, "holds no .yaml file")
    return found


def _plan(client: OrchStack, document: Document) -> Plan:
    from orchstack.sdk import InvalidDocument, InvalidRequest

    if not str(document.content.get("name") or ""):
        return Plan(document, None, (_placed(document, "/name", "is missing: name the agent"),))
    try:
        found = client.agents.validate(document.content)
    except (InvalidDocument, InvalidRequest) as error:
        return refused_by(Plan(document, None, ()), error)
    return Plan(document, found, tuple(_faults(document, found.faults)))


def _faults(document: Document, told: Iterable[Any]) -> Iterator[Fault]:
    for fault in told:
        yield _placed(document, str(fault.get("path", "")), str(fault.get("message", "")))


def _placed(document: Document, path: str, message: str) -> Fault:
    place = document.place(path)
    return Fault(path, message, place.line, place.column, str(place))


def _is_new(plan: Plan) -> bool:
    return plan.validation is not None and plan.validation.live_version is None


def _with_company(plan: Plan, coming: set[str]) -> Plan:
    """An agent that is published with this one is no unknown agent."""
    absent = {
        f"/agents/{index}/agent"
        for index, agent in enumerate(_linked(plan))
        if agent in coming and agent != plan.agent
    }
    left = tuple(fault for fault in plan.faults if fault.path not in absent)
    return Plan(plan.document, plan.validation, left)


def _linked(plan: Plan) -> list[str]:
    links = plan.document.content.get("agents")
    if not isinstance(links, list):
        return []
    return [str(link.get("agent", "")) if isinstance(link, dict) else "" for link in links]


def _in_order(plans: list[Plan]) -> list[Plan]:
    """Keep the order given, but put those linked to before those that link."""
    by_name: dict[str, list[Plan]] = {}
    for plan in plans:
        by_name.setdefault(plan.agent, []).append(plan)
    ordered: list[Plan] = []
    begun: set[int] = set()

    def visit(plan: Plan) -> None:
        if id(plan) in begun:
            return
        begun.add(id(plan))
        for name in _linked(plan):
            for other in by_name.get(name, ()):
                visit(other)
        ordered.append(plan)

    for plan in plans:
        visit(plan)
    return ordered
