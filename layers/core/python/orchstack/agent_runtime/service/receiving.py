"""Takes in what a run is asked: words, images and files, each past the input guard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from orchstack.agent_runtime.attaching import PDF, decoded, media_type, text_of
from orchstack.agent_runtime.model.attachments import MAX_ENCODED, Attachment, AttachmentIn
from orchstack.agent_runtime.model.steps import GuardOutcome, GuardStage, GuardWork
from orchstack.agent_runtime.ports import Documents, Guards
from orchstack.kernel.agents import GuardPolicy
from orchstack.kernel.blobs import Blobs, digest
from orchstack.kernel.chat import MAX_TEXT
from orchstack.kernel.errors import ContentBlocked, PayloadTooLarge

# What the marks around a file's text take of a message, at most.
_MARKS: Final = 600


@dataclass(frozen=True, kw_only=True)
class Received:
    """What may be kept of a request, and what the guard decided; nothing, if it blocked."""

    decision: GuardWork
    text: str = ""
    attachments: tuple[Attachment, ...] = ()


@dataclass(kw_only=True)
class _Checking:
    """Checks one text after the other, and counts what was found in all of them."""

    guards: Guards
    policy: GuardPolicy
    found: Counter[str] = field(default_factory=Counter)

    def __call__(self, text: str, name: str = "") -> str:
        """Give the text less what was redacted. Raises ContentBlocked, PayloadTooLarge."""
        try:
            checked = self.guards.check_input(text, self.policy)
        except PayloadTooLarge as error:
            raise PayloadTooLarge(f"{name}: {error.detail}" if name else error.detail) from error
        self.found.update(checked.findings)
        return checked.text


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """Reads and checks inputs; the bytes of attachments go to the blob store."""

    guards: Guards
    blobs: Blobs
    documents: Documents

    def receive(
        self, tenant_id: UUID, text: str, attachments: Sequence[AttachmentIn], policy: GuardPolicy
    ) -> Received:
        """Take an input in; a block is a decision. Raises PayloadTooLarge, UnreadableAttachment."""
        check = _Checking(guards=self.guards, policy=policy)
        try:
            passed = check(text)
            read = [self._read(attachment, check) for attachment in attachments]
        except ContentBlocked as block:
            blocked = GuardOutcome.BLOCKED
            stage = GuardStage.INPUT
            return Received(decision=GuardWork(stage=stage, outcome=blocked, detail=block.detail))
        kept = tuple(attachment for attachment, _ in read)
        _bound(passed, kept, sum(len(each.data) for each in attachments))
        for attachment, data in read:
            self.blobs.keep(tenant_id, data, attachment.media_type)
        outcome = GuardOutcome.REDACTED if check.found else GuardOutcome.ALLOWED
        findings = dict(sorted(check.found.items()))
        decision = GuardWork(stage=GuardStage.INPUT, outcome=outcome, findings=findings)
        return Received(decision=decision, text=passed, attachments=kept)

    def _read(self, given: AttachmentIn, check: _Checking) -> tuple[Attachment, bytes]:
        data = decoded(given)
        name = check(given.name)
        kind = media_type(name, data)
        known = {"name": name, "media_type": kind, "sha256": digest(data), "size": len(data)}
        if kind.startswith("image/"):
            return Attachment.model_validate({**known, "kind": "image"}), data
        limit = check.policy.max_input_chars + 1
        if kind == PDF:
            text = self.documents.read(name, data, max_chars=limit)
        else:
            text = text_of(name, data)
        return Attachment.model_validate({**known, "kind": "file", "text": check(text, name)}), data


def _bound(text: str, attachments: Sequence[Attachment], encoded: int) -> None:
    if encoded > MAX_ENCODED:
        raise PayloadTooLarge(
            f"The attachments take {encoded} characters of Base64; all together may take "
            f"{MAX_ENCODED}."
        )
    total = len(text) + sum(len(each.text) + _MARKS for each in attachments)
    if total > MAX_TEXT:
        raise PayloadTooLarge(
            f"The words and the files' texts have {total} characters together; a message takes "
            f"{MAX_TEXT}."
        )
