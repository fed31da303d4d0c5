"""Images and files that come with a run's input."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from orchstack.kernel.chat import Image
from orchstack.kernel.frozen import Frozen

MAX_ATTACHMENTS: Final = 16
# Of all attachments together, in characters of Base64: a Lambda's request holds six megabytes.
MAX_ENCODED: Final = 4_500_000
# A name is shown to the model beside untrusted text, so it can hold nothing that ends its quotes.
FILE_NAME: Final = r"^[^\u0000-\u001f\u007f\"<>]{1,200}$"

FileName = Annotated[
    str, Field(pattern=FILE_NAME, description="Without control characters, quotes and < >.")
]


class AttachmentIn(Frozen):
    """An image or a file as a request brings it."""

    name: FileName = "attachment"
    data: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_ENCODED,
            pattern=r"^[A-Za-z0-9+/]+={0,2}$",
            description="The bytes in Base64. Images: PNG, JPEG, GIF, WebP. Files: PDF, or text "
            "in UTF-8 (plain, Markdown, CSV, JSON, XML, code). The bytes say which, not the name.",
        ),
    ]


class Attachment(Frozen):
    """An attachment as it is kept with its run: the bytes in the blob store, a file's text here."""

    kind: Literal["image", "file"]
    name: FileName
    media_type: str
    sha256: str
    size: int
    # What a file says, after the guards; untrusted wherever it goes.
    text: str = ""

    @property
    def image(self) -> Image | None:
        """The picture, if it is one."""
        if self.kind != "image":
            return None
        return Image.model_validate(
            {"sha256": self.sha256, "media_type": self.media_type, "size": self.size}
        )


class AttachmentView(Frozen):
    """An attachment as the API shows it, without its bytes."""

    kind: Literal["image", "file"]
    name: FileName
    media_type: str
    sha256: str
    size: int
    # Characters of text that were read from it.
    characters: int

    @classmethod
    def of(cls, attachment: Attachment) -> AttachmentView:
        """Show an attachment."""
        return cls(**attachment.model_dump(exclude={"text"}), characters=len(attachment.text))
