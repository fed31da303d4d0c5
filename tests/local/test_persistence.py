"""What survives a restart of the local cloud, whichever way it ended."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from orchstack.local.failures import CannotDeploy
from orchstack.local.persistence import Persistence
from tests.local.kit import Cloud

_WRITER = """
import sys, pathlib
sys.path.insert(0, sys.argv[2])
from orchstack.local.persistence import Persistence
from tests.local.kit import Cloud
cloud = Cloud()
kept = Persistence(pathlib.Path(sys.argv[1]))
kept.restore()
kept.start()
cloud.on_change = kept.changed
s3 = cloud.client("s3")
if not s3.list_buckets()["Buckets"]:
    s3.create_bucket(Bucket="bucket")
number = 0
while True:
    number += 1
    s3.put_object(Bucket="bucket", Key=f"{number % 50}", Body=str(number).encode() * 1000)
    s3.put_object(Bucket="bucket", Key="last", Body=str(number).encode())
    print(number, flush=True)
"""

Restarted = Callable[[], Cloud]


@pytest.fixture
def restart(tmp_path: Path) -> Iterator[Restarted]:
    """A cloud over one folder; each call ends the one before and starts from what it kept."""
    running: list[tuple[Cloud, Persistence]] = []

    def stop() -> None:
        cloud, kept = running.pop()
        kept.stop()
        cloud.stop()

    def start() -> Cloud:
        if running:
            stop()
        cloud, kept = Cloud(), Persistence(tmp_path / "aws")
        kept.restore()
        kept.start()
        cloud.on_change = kept.changed
        running.append((cloud, kept))
        return cloud

    yield start
    if running:
        stop()


def test_objects_survive_with_versions_and_metadata(restart: Restarted) -> None:
    """Every version, delete marker, content type, metadata and tag is there again."""
    s3 = restart().client("s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="bucket", Key="a/1", Body=b"old")
    s3.put_object(
        Bucket="bucket",
        Key="a/1",
        Body=b"\x00new",
        ContentType="image/png",
        Metadata={"made-by": "us"},
        Tagging="k=v",
    )
    s3.put_object(Bucket="bucket", Key="gone", Body=b"x")
    s3.delete_object(Bucket="bucket", Key="gone")
    before = s3.list_object_versions(Bucket="bucket")
    s3 = restart().client("s3")
    after = s3.list_object_versions(Bucket="bucket")
    for part in ("Versions", "DeleteMarkers"):
        assert [(v["Key"], v["VersionId"]) for v in before[part]] == [
            (v["Key"], v["VersionId"]) for v in after[part]
        ]
    found = s3.get_object(Bucket="bucket", Key="a/1")
    assert (b"\x00new", "image/png", {"made-by": "us"}) == (
        found["Body"].read(),
        found["ContentType"],
        found["Metadata"],
    )
    assert [{"Key": "k", "Value": "v"}] == s3.get_object_tagging(Bucket="bucket", Key="a/1")[
        "TagSet"
    ]
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket="bucket", Key="gone")


def test_a_deleted_object_stays_deleted(restart: Restarted, tmp_path: Path) -> None:
    """What was deleted does not come back, and leaves no file."""
    s3 = restart().client("s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="k", Body=b"x")
    s3 = restart().client("s3")
    s3.delete_object(Bucket="bucket", Key="k")
    s3 = restart().client("s3")
    assert 0 == s3.list_objects_v2(Bucket="bucket")["KeyCount"]
    assert [] == list((tmp_path / "aws" / "objects").iterdir())


def test_secrets_keep_their_arn_and_versions(restart: Restarted) -> None:
    """A secret has the same ARN, its current value and the one before."""
    secrets = restart().client("secretsmanager")
    arn = secrets.create_secret(Name="s", SecretString="one")["ARN"]
    secrets.put_secret_value(SecretId="s", SecretString="two")
    secrets.create_secret(Name="binary", SecretBinary=b"\x00\x01")
    secrets = restart().client("secretsmanager")
    assert "two" == secrets.get_secret_value(SecretId=arn)["SecretString"]
    previous = secrets.get_secret_value(SecretId="s", VersionStage="AWSPREVIOUS")
    assert "one" == previous["SecretString"]
    assert b"\x00\x01" == secrets.get_secret_value(SecretId="binary")["SecretBinary"]


def test_keys_decrypt_what_they_encrypted_before(restart: Restarted) -> None:
    """Ciphertexts and signatures of an earlier start are understood; aliases point to their key."""
    kms = restart().client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/a", TargetKeyId=key)
    context = {"tenant": "t"}
    sealed = kms.encrypt(KeyId="alias/a", Plaintext=b"x", EncryptionContext=context)
    signer = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    signing = {"KeyId": signer, "Message": b"m", "SigningAlgorithm": "ECDSA_SHA_256"}
    signature = kms.sign(**signing)["Signature"]
    kms = restart().client("kms")
    blob = sealed["CiphertextBlob"]
    opened = kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)
    assert (b"x", key) == (opened["Plaintext"], opened["KeyId"].rsplit("/", 1)[-1])
    assert kms.verify(Signature=signature, **signing)["SignatureValid"]
    assert key == kms.describe_key(KeyId="alias/a")["KeyMetadata"]["KeyId"]


def test_a_change_is_on_disk_within_a_second(restart: Restarted, tmp_path: Path) -> None:
    """Nobody has to stop the cloud for a change to be kept."""
    restart().client("secretsmanager").create_secret(Name="s", SecretString="x")
    time.sleep(0.9)
    assert "s" == json.loads((tmp_path / "aws" / "secretsmanager.json").read_text())[0]["name"]


def test_only_the_owner_can_read_it(restart: Restarted, tmp_path: Path) -> None:
    """The folder is closed to everybody else."""
    restart()
    assert 0o700 == (tmp_path / "aws").stat().st_mode & 0o777


def test_a_damaged_document_is_reported_and_left_alone(tmp_path: Path) -> None:
    """Nothing is overwritten when a document cannot be read."""
    kept = Persistence(tmp_path)
    (tmp_path / "kms.json").write_text("[{")
    with pytest.raises(CannotDeploy, match=r"kms\.json is damaged"):
        kept.restore()
    assert "[{" == (tmp_path / "kms.json").read_text()


def test_kill_9_loses_at_most_the_last_second(tmp_path: Path) -> None:
    """After each of two kills every object is whole, and what is a second old is there."""
    for _ in range(2):
        old_enough = _write_until_killed(tmp_path / "aws")
        cloud = Cloud()
        Persistence(tmp_path / "aws").restore()
        kept = _numbers(cloud.client("s3"))
        cloud.stop()
        assert kept["last"] >= old_enough


def _write_until_killed(folder: Path) -> int:
    """Let another process write and kill it; returns the last number that was a second old."""
    root = str(Path(__file__).parents[2])
    written: list[tuple[float, int]] = []
    writer = subprocess.Popen(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", _WRITER, str(folder), root], stdout=subprocess.PIPE
    )
    assert writer.stdout is not None
    for line in writer.stdout:
        written.append((time.monotonic(), int(line)))
        if written[-1][0] - written[0][0] > 1.5:
            writer.send_signal(signal.SIGKILL)
            break
    killed = time.monotonic()
    writer.wait()
    writer.stdout.close()
    return max(number for at, number in written if at < killed - 1)


def _numbers(s3: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for entry in s3.list_objects_v2(Bucket="bucket")["Contents"]:
        body = s3.get_object(Bucket="bucket", Key=entry["Key"])["Body"].read().decode()
        number = body if entry["Key"] == "last" else body[: len(body) // 1000]
        assert body in (number, number * 1000)
        found[entry["Key"]] = int(number)
    return found
