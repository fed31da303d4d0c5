"""What moto keeps of S3's objects, as plain documents and back; their bytes go to files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from moto.s3.models import FakeBucket, FakeDeleteMarker, FakeKey

from orchstack.kernel.plain import JsonObject
from orchstack.local.state import Moto, backends
from orchstack.local.state.snapshots import tag
from orchstack.local.template import ACCOUNT, REGION

# Where an object of ours says which file holds its bytes; they never change.
_KEPT_AS = "orchstack_kept_as"
_BUCKET_FIELDS = (
    "versioning_status",
    "object_lock_enabled",
    "default_lock_mode",
    "default_lock_days",
    "default_lock_years",
)
_KEY_FIELDS = (
    "name",
    "last_modified",
    "_storage_class",
    "_etag",
    "_version_id",
    "_is_versioned",
    "bucket_name",
    "encryption",
    "kms_key_id",
    "lock_mode",
    "lock_legal_status",
    "lock_until",
    "checksum_algorithm",
    "checksum_value",
    "checksum_type",
    "website_redirect_location",
)


def buckets(keep: Callable[[str, bytes], None]) -> list[JsonObject]:
    """Every bucket with all versions of its objects; `keep` stores bytes under their digest."""
    return [
        {
            "name": bucket.name,
            "fields": {field: getattr(bucket, field) for field in _BUCKET_FIELDS},
            "objects": [
                _version(version, keep)
                for name in list(bucket.keys)
                for version in list(bucket.keys.getlist(name, []))
            ],
        }
        for bucket in list(backends.buckets().buckets.values())
    ]


def restore_buckets(documents: list[JsonObject], read: Callable[[str], bytes]) -> None:
    """Put buckets and objects back; `read` gives the bytes of a digest."""
    for document in documents:
        bucket = FakeBucket(document["name"], ACCOUNT, REGION)
        for field, value in document["fields"].items():
            setattr(bucket, field, value)
        backends.buckets().buckets[bucket.name] = bucket
        for version in document["objects"]:
            # Assigning appends a version.
            bucket.keys[version["name"]] = _restored(version, read)


def digests(documents: list[JsonObject]) -> set[str]:
    """The digests of all bytes the documents refer to."""
    versions = (version for document in documents for version in document["objects"])
    return {version["digest"] for version in versions if "digest" in version}


def _version(version: Moto, keep: Callable[[str, bytes], None]) -> JsonObject:
    if isinstance(version, FakeDeleteMarker):
        return {
            "name": version.name,
            "last_modified": version.last_modified,
            "_version_id": version.version_id,
        }
    if not hasattr(version, _KEPT_AS):
        value = version.value
        digest = hashlib.sha256(value).hexdigest()
        keep(digest, value)
        setattr(version, _KEPT_AS, digest)
    tags = backends.buckets().tagger.get_tag_dict_for_resource(version.arn)
    return {
        **{field: getattr(version, field) for field in _KEY_FIELDS},
        "metadata": dict(version.metadata),
        "tags": tags,
        "digest": getattr(version, _KEPT_AS),
    }


def _restored(document: JsonObject, read: Callable[[str], bytes]) -> Moto:
    if "digest" not in document:
        marker = FakeDeleteMarker.__new__(FakeDeleteMarker)
        marker.__dict__.update(document, key=None)
        return marker
    key = FakeKey(document["name"], read(document["digest"]), ACCOUNT, REGION)
    for field in _KEY_FIELDS:
        setattr(key, field, document[field])
    key.set_metadata(document["metadata"], replace=False)
    setattr(key, _KEPT_AS, document["digest"])
    tag(backends.buckets().tagger, key.arn, document["tags"])
    return key
