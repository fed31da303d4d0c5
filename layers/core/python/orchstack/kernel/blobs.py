"""Bytes kept by their content under a tenant: the same bytes twice are kept once.

In S3 a tenant's blobs stand under `tenants/<tenant id>/blobs/<sha256>`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol
from uuid import UUID

from orchstack.kernel.errors import NotFound, Unavailable


class Blobs(Protocol):
    """Keeps bytes for a tenant."""

    def keep(self, tenant_id: UUID, data: bytes, media_type: str) -> str:
        """Keep bytes; gives their name, the SHA-256 in hex. Raises Unavailable."""

    def read(self, tenant_id: UUID, sha256: str) -> bytes:
        """Give the bytes of a name. Raises NotFound, Unavailable."""

    def erase(self, tenant_id: UUID, sha256: str) -> None:
        """Forget the bytes of a name; nothing if they are not there. Raises Unavailable."""


def digest(data: bytes) -> str:
    """Name bytes by their content."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class InMemoryBlobs:
    """Keeps bytes in this process."""

    kept: dict[tuple[UUID, str], bytes] = field(default_factory=dict)

    def keep(self, tenant_id: UUID, data: bytes, media_type: str) -> str:
        """Keep bytes; gives their name."""
        del media_type
        name = digest(data)
        self.kept[tenant_id, name] = data
        return name

    def read(self, tenant_id: UUID, sha256: str) -> bytes:
        """Give the bytes of a name. Raises NotFound."""
        if (tenant_id, sha256) not in self.kept:
            raise NotFound
        return self.kept[tenant_id, sha256]

    def erase(self, tenant_id: UUID, sha256: str) -> None:
        """Forget the bytes of a name."""
        self.kept.pop((tenant_id, sha256), None)


class S3Blobs:
    """Keeps bytes in a bucket."""

    def __init__(self, bucket: Callable[[], str], client: Callable[[], Any]) -> None:
        """Take what tells the bucket's name and makes the client, once they are needed."""
        self._bucket = bucket
        self._client = cache(client)

    def keep(self, tenant_id: UUID, data: bytes, media_type: str) -> str:
        """Keep bytes; gives their name. Raises Unavailable."""
        name = digest(data)
        with _answering():
            self._client().put_object(
                **self._at(tenant_id, name), Body=data, ContentType=media_type
            )
        return name

    def read(self, tenant_id: UUID, sha256: str) -> bytes:
        """Give the bytes of a name. Raises NotFound, Unavailable."""
        with _answering():
            answer = self._client().get_object(**self._at(tenant_id, sha256))
            return bytes(answer["Body"].read())

    def erase(self, tenant_id: UUID, sha256: str) -> None:
        """Forget the bytes of a name. Raises Unavailable."""
        with _answering():
            self._client().delete_object(**self._at(tenant_id, sha256))

    def _at(self, tenant_id: UUID, name: str) -> dict[str, str]:
        return {"Bucket": self._bucket(), "Key": f"tenants/{tenant_id}/blobs/{name}"}


@contextmanager
def _answering() -> Iterator[None]:
    """Word the errors of S3 as ours."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in {"NoSuchKey", "404"}:
            raise NotFound from error
        raise Unavailable(f"The store of files is not answering: {code}.") from error
    except BotoCoreError as error:
        raise Unavailable("The store of files is not answering.") from error
