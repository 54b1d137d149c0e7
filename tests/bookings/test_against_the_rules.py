"""Why a visit stands against the rules is kept for people and readable in no table."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from portal.bookings import desk, find, notes, overrides
from portal.bookings.models import Booking
from portal.bookings.overrides import Place
from portal.clock import now
from portal.db import db
from portal.scheduling import claims
from portal.staff.access import Staff
from portal.staff.models import Practitioner

pytestmark = pytest.mark.usefixtures("ctx")
HOUR = timedelta(hours=1)
REASON = "Chemotherapy at noon"


def in_any_table(words: str) -> list[str]:
    tables = db.session.scalars(text("select tablename from pg_tables where schemaname = 'public'")).all()
    return [table for table in tables if words in str(db.session.execute(text(f'select * from "{table}"')).all())]


@pytest.fixture
def moved_twice(visit: Booking, pia: Staff, wren: Practitioner) -> Booking:
    """The patient knows of the first time, so undoing the second leads back to one that is against the rules itself."""
    first, second = (Place(visit.starts_at + hours * HOUR, wren.id, REASON) for hours in (10, 11))
    claims.claim(lambda: overrides.move_anyway(find.get_locked(visit.id), first, pia, now()))
    claims.claim(lambda: desk.tell_now(find.get_locked(visit.id), pia, now()))
    claims.claim(lambda: overrides.move_anyway(find.get_locked(visit.id), second, pia, now()))
    return visit


def test_the_reason_of_a_move_is_a_note_and_plain_nowhere(moved_twice: Booking) -> None:
    assert [note.text for note in notes.of(moved_twice)] == [f"Against the rules: {REASON}"] * 2
    assert in_any_table("Chemotherapy") == []


def test_the_reason_of_a_new_visit_too(visit: Booking, pia: Staff, wren: Practitioner) -> None:
    wanted = Place(visit.starts_at, wren.id, REASON)
    held = claims.claim(lambda: overrides.hold_anyway(visit.appointment_type, wanted, pia, now()))
    assert [note.text for note in notes.of(held)] == [f"Against the rules: {REASON}"]
    assert in_any_table("Chemotherapy") == []


def test_what_is_undone_stands_against_the_rules_as_before(moved_twice: Booking, pia: Staff) -> None:
    claims.claim(lambda: desk.take_back(find.get_locked(moved_twice.id), pia, now()))
    db.session.refresh(moved_twice)
    assert moved_twice.overlap_allowed
    assert in_any_table("Chemotherapy") == []
