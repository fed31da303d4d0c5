"""The store of bytes: what every adapter promises."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial

import pytest
from moto import mock_aws

from orchstack.kernel import aws
from orchstack.kernel.blobs import Blobs, InMemoryBlobs, S3Blobs
from orchstack.kernel.errors import NotFound, Unavailable
from orchstack.kernel.ids import new_id

BUCKET = "blobs"


@pytest.fixture(params=["memory", "s3"])
def blobs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Blobs]:
    """Each adapter in turn, empty."""
    if request.param == "memory":
        yield InMemoryBlobs()
        return
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    with mock_aws():
        aws.client("s3").create_bucket(Bucket=BUCKET)
        yield S3Blobs(lambda: BUCKET, partial(aws.client, "s3"))


def test_bytes_come_back_under_the_name_of_their_content(blobs: Blobs) -> None:
    """The name is the SHA-256; keeping the same bytes again changes nothing."""
    tenant = new_id()

    name = blobs.keep(tenant, b"\x00\xff", "image/png")

    assert hashlib.sha256(b"\x00\xff").hexdigest() == name
    assert name == blobs.keep(tenant, b"\x00\xff", "image/png")
    assert b"\x00\xff" == blobs.read(tenant, name)


def test_another_tenant_finds_nothing(blobs: Blobs) -> None:
    """Knowing the content is not enough to read it."""
    name = blobs.keep(new_id(), b"ours", "text/plain")

    with pytest.raises(NotFound):
        blobs.read(new_id(), name)


def test_what_is_erased_is_gone(blobs: Blobs) -> None:
    """Erasing twice is no error."""
    tenant = new_id()
    name = blobs.keep(tenant, b"secret", "text/plain")

    blobs.erase(tenant, name)
    blobs.erase(tenant, name)

    with pytest.raises(NotFound):
        blobs.read(tenant, name)


@pytest.mark.parametrize("blobs", ["s3"], indirect=True)
@pytest.mark.usefixtures("blobs")
def test_a_store_that_refuses_is_unavailable() -> None:
    """The caller hears that it may try again, and nothing of the bucket."""
    broken = S3Blobs(lambda: "no-such-bucket", partial(aws.client, "s3"))

    with pytest.raises(Unavailable, match="not answering: NoSuchBucket"):
        broken.keep(new_id(), b"x", "text/plain")
