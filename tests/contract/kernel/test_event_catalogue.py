"""The event catalogue: what is announced is described, and described as it is announced."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from orchstack.kernel.events import Event
from orchstack.wiring.event_catalogue import EVENT_TYPES, EventType, files

_FOLDER = Path(__file__).parents[3] / "events/catalog"


def test_the_files_are_what_the_models_say() -> None:
    """Whoever changes an event writes its files anew: `make generate`."""
    found = {
        str(path.relative_to(_FOLDER)): path.read_text(encoding="utf-8")
        for path in _FOLDER.rglob("*.json")
    }
    assert files() == found


@pytest.mark.parametrize("kind", EVENT_TYPES, ids=lambda kind: kind.type)
def test_an_example_fits_its_schema(kind: EventType) -> None:
    """The schema takes the example, and refuses it with a field that nobody described."""
    schema = json.loads(files()[f"{kind.file_stem}.schema.json"])
    example = json.loads(files()[f"{kind.file_stem}.example.json"])
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    assert [] == list(validator.iter_errors(example))
    example["data"]["undescribed"] = 1
    assert [] != list(validator.iter_errors(example))


@pytest.mark.parametrize("kind", EVENT_TYPES, ids=lambda kind: kind.type)
def test_an_example_is_a_whole_event(kind: EventType) -> None:
    """The example is an envelope that the bus would carry."""
    event = Event.model_validate_json(files()[f"{kind.file_stem}.example.json"])
    assert (kind.type, f"orchstack.{kind.service}") == (event.type, event.source)


def test_no_type_is_described_twice() -> None:
    """One type, one schema."""
    assert len(EVENT_TYPES) == len({kind.type for kind in EVENT_TYPES})
