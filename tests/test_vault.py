"""Sealed values open with the right key, for the right place, unchanged; nothing else opens them."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal import vault
from portal.vault import CannotOpen

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
PLACE = "intake_answer:ab12:reason"


@pytest.fixture(autouse=True)
def ring() -> Iterator[None]:
    """One key; afterwards the ring is as it was."""
    before = dict(vault._keys)
    vault.use_keys({"old": OLD})
    yield
    vault.use_keys(before)


@pytest.mark.parametrize("plain", ["", "I sleep badly", "Ünïcødé 🌿", "x" * 100_000])
def test_what_is_sealed_opens_again(plain: str) -> None:
    assert vault.unseal(vault.seal(plain, PLACE), PLACE) == plain


@given(st.text(), st.text())
def test_any_text_for_any_place_opens_again(plain: str, place: str) -> None:
    assert vault.unseal(vault.seal(plain, place), place) == plain


def test_a_sealed_value_tells_neither_its_text_nor_that_it_was_sealed_before() -> None:
    first, second = (vault.seal("I sleep badly", PLACE) for _ in range(2))
    assert first != second
    assert b"sleep" not in base64.b64decode(first.partition(".")[2])


@pytest.mark.parametrize("place", ["intake_answer:ab12:other", "intake_answer:ab13:reason", ""])
def test_a_value_moved_to_another_place_does_not_open(place: str) -> None:
    with pytest.raises(CannotOpen):
        vault.unseal(vault.seal("I sleep badly", PLACE), place)


@pytest.mark.parametrize("at", [0, 11, 12, 20, -1])
def test_a_value_with_a_single_bit_changed_does_not_open(at: int) -> None:
    key_id, _, encoded = vault.seal("I sleep badly", PLACE).partition(".")
    raw = bytearray(base64.b64decode(encoded))
    raw[at] ^= 1
    with pytest.raises(CannotOpen):
        vault.unseal(f"{key_id}.{base64.b64encode(bytes(raw)).decode()}", PLACE)


@pytest.mark.parametrize("rubbish", ["", ".", "old.", "old.AAAA", "old.not base64", "nobody.AAAA", "AAAA"])
def test_rubbish_does_not_open(rubbish: str) -> None:
    with pytest.raises(CannotOpen):
        vault.unseal(rubbish, PLACE)


def test_the_first_key_seals_and_every_key_of_the_ring_opens() -> None:
    before = vault.seal("I sleep badly", PLACE)
    vault.use_keys({"new": NEW, "old": OLD})
    after = vault.seal("I sleep badly", PLACE)
    assert (before.partition(".")[0], after.partition(".")[0]) == ("old", "new")
    assert vault.unseal(before, PLACE) == vault.unseal(after, PLACE) == "I sleep badly"

    vault.use_keys({"new": NEW})
    with pytest.raises(CannotOpen):
        vault.unseal(before, PLACE)


def test_another_key_under_the_same_name_does_not_open() -> None:
    sealed = vault.seal("I sleep badly", PLACE)
    vault.use_keys({"old": NEW})
    with pytest.raises(CannotOpen):
        vault.unseal(sealed, PLACE)


def test_a_failure_names_the_place_and_not_the_value() -> None:
    with pytest.raises(CannotOpen) as failure:
        vault.unseal("old.I-sleep-badly", PLACE)
    assert str(failure.value) == PLACE
