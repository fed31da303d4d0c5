"""The one store of bytes of a process; its bucket and client are asked for by the first bytes."""

from __future__ import annotations

from functools import cache, partial

from orchstack.kernel.aws import client
from orchstack.kernel.blobs import S3Blobs
from orchstack.kernel.settings import BlobsSettings, load


@cache
def blobs() -> S3Blobs:
    """Where images and files are kept."""
    return S3Blobs(lambda: load(BlobsSettings).bucket, partial(client, "s3"))
