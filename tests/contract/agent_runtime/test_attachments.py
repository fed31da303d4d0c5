"""Images and files that come with an input, over every store."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest

from orchstack.agent_runtime.model.attachments import AttachmentIn
from orchstack.kernel.errors import UnreadableAttachment
from orchstack.kernel.pagination import PageQuery
from tests.contract.agent_runtime.conftest import MakeStage
from tests.contract.agent_runtime.worlds import Stage, says

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 8


@pytest.fixture
def stage(make_stage: MakeStage) -> Stage:
    """A stage on which the model answers at once."""
    return make_stage((says("I see."),))


def _attached(name: str, data: bytes) -> AttachmentIn:
    return AttachmentIn(name=name, data=b64encode(data).decode())


def test_the_model_is_shown_pictures_and_files(stage: Stage) -> None:
    """In one message of the user's: words, the file's text between marks, the picture."""
    attachments = (_attached("cat.png", PNG), _attached("a.json", json.dumps([1]).encode()))

    stage.ask("What is this?", attachments=attachments)

    shown = stage.models.asked[0].messages[-1]
    assert shown.content.startswith("What is this?\n\n<file ")
    assert 'name="a.json" type="application/json"' in shown.content
    assert ["image/png"] == [image.media_type for image in shown.images]


def test_the_record_names_them_without_their_bytes(stage: Stage) -> None:
    """Name, kind, size and hash are shown; the bytes wait in the store under that hash."""
    run = stage.ask("Look.", attachments=(_attached("cat.png", PNG),))

    (shown,) = stage.records.detail(stage.tenant_id, run.id).attachments
    assert ("image", "cat.png", "image/png", 16) == (
        shown.kind,
        shown.name,
        shown.media_type,
        shown.size,
    )
    assert PNG == stage.world.blobs.read(stage.tenant_id, shown.sha256)


def test_an_unreadable_attachment_leaves_no_run(stage: Stage) -> None:
    """The refusal comes before anything is kept."""
    with pytest.raises(UnreadableAttachment):
        stage.ask("Look.", attachments=(_attached("a.bin", b"\xff\xfe\xfd"),))

    assert () == stage.records.page(stage.tenant_id, PageQuery()).items
