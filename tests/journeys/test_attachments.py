"""Images and files as input, over the local cloud: from the client through S3 to the model."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from pathlib import Path

from orchstack.sdk import OrchStack
from tests.cloud import Caller
from tests.make import agent_document

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 24


def _publish(tenant: Caller) -> None:
    document = agent_document(name="reader", model="builtin/echo", tools=())
    tenant.put("/v1/agents/reader", document.model_dump(mode="json"))


def test_a_model_reads_what_a_client_attaches(tenant: Caller, tmp_path: Path) -> None:
    """The built-in model says how many bytes it was shown, and repeats what the file says."""
    _publish(tenant)
    picture, notes = tmp_path / "cat.png", tmp_path / "notes.md"
    picture.write_bytes(PNG)
    notes.write_text("Mail ada@example.com about the heron.")

    with OrchStack(tenant.url, tenant.key) as client:
        run = client.runs.start("reader", "Look.", attachments=[picture, notes])

    assert "I was shown 32 bytes of image/png." in run.output
    assert "about the heron" in run.output
    assert "ada@example.com" not in str(tenant.get(f"/v1/runs/{run.id}").body)


def test_another_tenants_picture_cannot_be_named(tenant: Caller) -> None:
    """A run's record gives the hash of a picture; no operation takes one."""
    _publish(tenant)
    sent = {"name": "cat.png", "data": b64encode(PNG).decode()}

    run = tenant.run("reader", "Look.", attachments=[sent]).body
    (shown,) = tenant.get(f"/v1/runs/{run['id']}").body["attachments"]
    forged = tenant.run("reader", "Look.", attachments=[{**sent, "sha256": shown["sha256"]}])

    assert hashlib.sha256(PNG).hexdigest() == shown["sha256"]
    assert (400, "invalid_request") == (forged.status, forged.code)


def test_what_no_model_can_read_is_refused(tenant: Caller) -> None:
    """The problem names the file and says what may come; nothing is kept."""
    _publish(tenant)
    program = {"name": "tool.exe", "data": b64encode(b"MZ\0\0").decode()}

    refused = tenant.run("reader", "Look.", attachments=[program])

    assert (400, "unreadable_attachment") == (refused.status, refused.code)
    assert "tool.exe is no image we know" in refused.body["detail"]
    assert [] == tenant.get("/v1/runs").body["items"]
