from __future__ import annotations

from orchstack.kernel.ids import new_id


def test_ids_are_uuid_version_7() -> None:
    """Version and variant are those of RFC 9562."""
    made = new_id()
    assert (7, "specified in RFC 4122") == (made.version, made.variant)


def test_ids_sort_by_their_millisecond() -> None:
    """A later id is the greater one."""
    assert new_id(1_000) < new_id(1_001) < new_id(1_700_000_000_000)


def test_an_id_carries_its_time() -> None:
    """The first 48 bits are the Unix time in milliseconds."""
    assert 1_700_000_000_123 == new_id(1_700_000_000_123).int >> 80


def test_ids_of_one_millisecond_differ() -> None:
    """74 random bits keep them apart."""
    assert 1_000 == len({new_id(1) for _ in range(1_000)})
