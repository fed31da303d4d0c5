"""The text of PDF files, by pypdf; loaded with the first one."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Final

from orchstack.kernel.clock import Clock
from orchstack.kernel.errors import UnreadableAttachment

MAX_PAGES: Final = 200
# Between pages it is seen whether the time is over: a page can be built to take for ever.
MAX_SECONDS: Final = 5.0


class PdfText:
    """Reads PDF files."""

    def __init__(self, clock: Clock) -> None:
        """Take the clock that bounds the reading."""
        self._clock = clock

    def read(self, name: str, data: bytes, *, max_chars: int) -> str:
        """Give the text, page by page, cut at `max_chars`. Raises UnreadableAttachment."""
        from pypdf import PdfReader
        from pypdf.errors import PyPdfError

        try:
            reader = PdfReader(io.BytesIO(data))
            if reader.is_encrypted:
                raise UnreadableAttachment(f"{name} is encrypted; send it without a password.")
            pages = self._pages(name, (page.extract_text() for page in reader.pages))
            text = "\n\n".join(pages)
        # A broken file fails in many ways; none of them is ours to mend.
        except (PyPdfError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise UnreadableAttachment(f"{name} is a broken PDF file.") from error
        if not text.strip():
            raise UnreadableAttachment(
                f"{name} holds no text, only pictures; send its pages as images."
            )
        return text[:max_chars]

    def _pages(self, name: str, texts: Iterator[str]) -> Iterator[str]:
        until = self._clock.monotonic() + MAX_SECONDS
        for number, text in enumerate(texts, start=1):
            if number > MAX_PAGES or self._clock.monotonic() > until:
                raise UnreadableAttachment(
                    f"{name} is too long: at most {MAX_PAGES} pages or {MAX_SECONDS:.0f} seconds "
                    "of reading; send a part of it."
                )
            yield text
