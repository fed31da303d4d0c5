"""The text of API keys."""

from __future__ import annotations

import hashlib
import string
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchstack.control_plane.keys import key_digest, make_key, platform_key, read_key
from orchstack.control_plane.model.tenants import Environment
from orchstack.kernel.tenancy import PLATFORM_TENANT

ALPHABET = string.digits + string.ascii_letters
TENANTS = st.uuids()
SECRETS = st.binary(min_size=32, max_size=32)
ENVIRONMENTS: st.SearchStrategy[Environment] = st.sampled_from(("live", "test"))


@given(TENANTS, ENVIRONMENTS, SECRETS)
def test_a_key_says_whose_it_is(tenant: UUID, environment: Environment, secret: bytes) -> None:
    """Reading a key gives back what it was made of, and the digest to look it up by."""
    text = make_key(tenant, environment, secret)

    claimed = read_key(text)

    assert claimed is not None
    assert (tenant, environment) == (claimed.tenant_id, claimed.environment)
    assert hashlib.sha256(text.encode()).digest() == claimed.digest == key_digest(text)
    assert len("os_live_") + 22 + 43 + 6 == len(text)


@given(TENANTS, SECRETS, st.integers(8, 78), st.sampled_from(ALPHABET))
def test_a_wrong_character_is_noticed(
    tenant: UUID, secret: bytes, place: int, character: str
) -> None:
    """Any single edit breaks the checksum, so a typing error needs no look-up."""
    text = make_key(tenant, "live", secret)
    edited = text[:place] + character + text[place + 1 :]

    assert edited == text or read_key(edited) is None


@given(TENANTS, SECRETS)
def test_a_key_cannot_be_relabelled(tenant: UUID, secret: bytes) -> None:
    """A test key does not become a live one by its prefix."""
    text = make_key(tenant, "test", secret)

    assert read_key(text.replace("os_test_", "os_live_")) is None


@given(TENANTS, SECRETS, st.integers(0, 77))
def test_swapped_neighbours_are_noticed(tenant: UUID, secret: bytes, place: int) -> None:
    """The other common typing error."""
    text = make_key(tenant, "live", secret)
    swapped = text[:place] + text[place + 1] + text[place] + text[place + 2 :]

    assert swapped == text or read_key(swapped) is None


@given(st.text(max_size=100))
def test_other_text_is_no_key(text: str) -> None:
    """Whatever it is, it is refused and not an error."""
    assert read_key(text) is None


@pytest.mark.parametrize("suffix", ["\n", " ", "0", "\0"])
def test_a_key_ends_where_it_ends(suffix: str) -> None:
    """Nothing may follow."""
    assert read_key(make_key(UUID(int=1), "live") + suffix) is None


def test_a_number_beyond_its_width_is_refused() -> None:
    """22 characters can say more than 128 bits; such a tenant does not exist."""
    too_large = make_key(UUID(int=0), "live", b"\0" * 32)
    forged = too_large[:8] + "z" * 22 + too_large[30:]

    assert read_key(forged) is None


def test_keys_are_not_repeated() -> None:
    """Each key has 256 random bits of its own."""
    assert 100 == len({make_key(UUID(int=1), "live") for _ in range(100)})


def test_the_platform_key_follows_from_the_secret() -> None:
    """The same secret gives the same key of the platform, another secret another key."""
    text = platform_key("a random string")

    claimed = read_key(text)

    assert claimed is not None
    assert PLATFORM_TENANT == claimed.tenant_id
    assert text == platform_key("a random string")
    assert text != platform_key("another random string")
    assert "random" not in text
