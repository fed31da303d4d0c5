"""What moto keeps of keys and secrets, as plain documents and back.

The documents hold moto's own fields: moto is pinned, and a newer one's extra fields keep the values
its constructors give them.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from moto.kms.models import Alias, Key
from moto.kms.utils import generate_private_key
from moto.secretsmanager.models import FakeSecret

from orchstack.kernel.plain import JsonObject
from orchstack.local.state import Moto, backends
from orchstack.local.template import ACCOUNT, REGION

_SYMMETRIC = ("SYMMETRIC_DEFAULT", "HMAC_224", "HMAC_256", "HMAC_384", "HMAC_512")


def keys() -> list[JsonObject]:
    """Every KMS key, with its material, tags and aliases."""
    store = backends.keys()
    return [
        {
            "fields": _fields(key, "aliases", "grants", "private_key"),
            "private_key": _pem(key),
            "aliases": sorted(key.aliases),
            "tags": store.tagger.get_tag_dict_for_resource(key.id),
        }
        for key in list(store.keys.values())
    ]


def restore_keys(documents: list[JsonObject]) -> None:
    """Put the keys back, under their ids."""
    store = backends.keys()
    for document in documents:
        key = Key.__new__(Key)
        key.__dict__.update(document["fields"], grants={}, private_key=None)
        key.aliases = {name: Alias(ACCOUNT, REGION, name, key) for name in document["aliases"]}
        if document["private_key"]:
            key.private_key = generate_private_key(key.key_spec)
            key.private_key.private_key = load_pem_private_key(
                document["private_key"].encode(), password=None
            )
        store.keys[key.id] = key
        tag(store.tagger, key.id, document["tags"])


def secrets() -> list[JsonObject]:
    """Every secret, with its versions."""
    stored = list(backends.secrets().secrets.values())
    return [_fields(secret, "replicas") for secret in stored]


def restore_secrets(documents: list[JsonObject]) -> None:
    """Put the secrets back, under their ARNs."""
    store = backends.secrets().secrets
    for document in documents:
        secret = FakeSecret(ACCOUNT, REGION, document["name"], {}, "")
        secret.__dict__.update(document)
        store[document["name"]] = secret


def tag(tagger: Moto, thing: str, tags: dict[str, str]) -> None:
    """Tag something of moto's; each service has its own names for a tag's parts."""
    pairs = [{tagger.key_name: key, tagger.value_name: value} for key, value in tags.items()]
    tagger.tag_resource(thing, pairs)


def _fields(thing: Moto, *without: str) -> JsonObject:
    return {name: value for name, value in vars(thing).items() if name not in without}


def _pem(key: Moto) -> str | None:
    if key.key_spec in _SYMMETRIC:
        return None
    encoded: bytes = key.private_key.private_key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    return encoded.decode()
