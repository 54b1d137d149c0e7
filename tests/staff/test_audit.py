"""The audit: written with its cause or not at all, never altered, and its reasons sealed."""

from __future__ import annotations

import pytest
import structlog
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from portal import clock
from portal.db import db, transaction
from portal.staff import audit
from portal.staff.access import Role
from portal.staff.models import Action, AuditEntry
from tests.support import factories
from tests.support.staff import admitted

pytestmark = pytest.mark.usefixtures("ctx")


def entries() -> list[AuditEntry]:
    return list(db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)))


def test_reading_a_record_says_who_whose_and_which_part() -> None:
    pia, nora = admitted(Role.RECEPTION), factories.make_patient()
    with transaction():
        audit.read(pia, "patient", clock.now(), patient_id=nora.id, part="bookings")
    (entry,) = entries()
    assert (entry.staff_member_id, entry.action, entry.patient_id, entry.part) == (
        pia.id,
        Action.READ,
        nora.id,
        "bookings",
    )


def test_looking_at_a_list_is_one_entry_with_all_whom_it_shows() -> None:
    pia, nora = admitted(Role.RECEPTION), factories.make_patient()
    percy = factories.make_patient(given_name="Percy", email="percy@example.com")
    with transaction():
        audit.read_list(pia, "diary", clock.now(), [percy.id, None, nora.id, percy.id], subject="2026-03-09")
    (entry,) = entries()
    assert (entry.action, entry.subject, entry.patient_id) == (Action.READ, "2026-03-09", None)
    assert entry.patient_ids == sorted([nora.id, percy.id])


def test_an_act_that_fails_leaves_no_entry() -> None:
    with pytest.raises(RuntimeError), transaction():
        audit.record(None, Action.CHANGED, "booking", clock.now())
        raise RuntimeError("the act failed")
    assert entries() == []


def test_a_reason_is_sealed_and_opens_again() -> None:
    with transaction():
        audit.record(None, Action.CHANGED, "booking", clock.now(), why="Her iron was low")
    (entry,) = entries()
    assert "iron" not in entry.why_sealed
    assert audit.why(entry) == "Her iron was low"


def test_an_entry_names_the_request_that_the_log_names() -> None:
    with structlog.contextvars.bound_contextvars(request_id="abc123"), transaction():
        audit.record(None, Action.CHANGED, "booking", clock.now(), why="Asked to")
    (entry,) = entries()
    assert entry.request_id == "abc123"
    assert audit.why(entry) == "Asked to"


@pytest.mark.parametrize("change", ["update audit_entry set part = 'nothing'", "delete from audit_entry"])
def test_an_entry_stays_as_it_was_written(change: str) -> None:
    with transaction():
        audit.record(None, Action.CHANGED, "booking", clock.now())
    with pytest.raises(DBAPIError, match="only ever added"), transaction():
        db.session.execute(text(change))
    assert len(entries()) == 1
