"""The text of an API key: made, checked without a look-up, and hashed.

    os_live_   22 characters      43 characters     6 characters
               the tenant's UUID  32 random bytes   CRC-32 of all that precedes

All numbers are base 62 of fixed width, so a key is one word that survives double clicks and URLs.
The checksum catches typing errors; only the SHA-256 of the whole text, found under the tenant's
row-level security, proves a key.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
from typing import Final, NamedTuple
from uuid import UUID
from zlib import crc32

from orchstack.control_plane.model.tenants import Environment
from orchstack.kernel.tenancy import PLATFORM_TENANT

_ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_VALUES: Final = {character: value for value, character in enumerate(_ALPHABET)}
_TENANT_WIDTH: Final = 22
_SECRET_WIDTH: Final = 43
_CHECK_WIDTH: Final = 6
_SECRET_BYTES: Final = 32
_SHAPE: Final = re.compile(
    rf"os_(?P<environment>live|test)_(?P<tenant>[0-9A-Za-z]{{{_TENANT_WIDTH}}})"
    rf"(?P<secret>[0-9A-Za-z]{{{_SECRET_WIDTH}}})(?P<check>[0-9A-Za-z]{{{_CHECK_WIDTH}}})"
)


class ClaimedKey(NamedTuple):
    """What a well-formed key says of itself; true only once its digest is found."""

    tenant_id: UUID
    environment: Environment
    digest: bytes


def make_key(tenant_id: UUID, environment: Environment, secret: bytes | None = None) -> str:
    """Make a key of 32 fresh random bytes, or of the 32 bytes given."""
    chosen = secrets.token_bytes(_SECRET_BYTES) if secret is None else secret
    number = int.from_bytes(chosen, "big")
    text = (
        f"os_{environment}_{_encode(tenant_id.int, _TENANT_WIDTH)}{_encode(number, _SECRET_WIDTH)}"
    )
    return text + _checksum(text)


def read_key(text: str) -> ClaimedKey | None:
    """Read a key; None if it is not one: wrong shape, wrong checksum or a number too large."""
    match = _SHAPE.fullmatch(text)
    if match is None or not hmac.compare_digest(match["check"], _checksum(text[:-_CHECK_WIDTH])):
        return None
    tenant = _decode(match["tenant"])
    if tenant >= 1 << 128 or _decode(match["secret"]) >= 1 << 8 * _SECRET_BYTES:
        return None
    environment: Environment = "live" if match["environment"] == "live" else "test"
    return ClaimedKey(UUID(int=tenant), environment, key_digest(text))


def key_digest(text: str) -> bytes:
    """Give the SHA-256 of a key, all that is stored of it; 256 random bits need no salt."""
    return hashlib.sha256(text.encode()).digest()


def platform_key(secret: str) -> str:
    """Derive the platform's first key from the random string that the stack put into its secret.

    The same string always gives the same key, so nobody has to carry a key out of a deployment:
    who may read the secret has the key, and a new string (rotation) is a new key.
    """
    derived = hmac.digest(secret.encode(), b"orchstack platform key v1", "sha256")
    return make_key(PLATFORM_TENANT, "live", derived)


def _checksum(text: str) -> str:
    return _encode(crc32(text.encode()), _CHECK_WIDTH)


def _encode(number: int, width: int) -> str:
    characters = []
    for _ in range(width):
        number, digit = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[digit])
    return "".join(reversed(characters))


def _decode(text: str) -> int:
    number = 0
    for character in text:
        number = number * len(_ALPHABET) + _VALUES[character]
    return number
