"""What the desk does with a visit: move, cancel, tell, undo, no-shows, money, mails. And what it is kept from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import Range

from portal import clock, words
from portal.bookings import change, find
from portal.bookings.models import Booking, BookingEvent
from portal.bookings.states import Status
from portal.bookings.undo import WAIT
from portal.db import db, transaction
from portal.outbox.models import OutboxMessage
from portal.payments.models import Refund, RefundState
from portal.scheduling import claims
from portal.scheduling.models import Location
from portal.staff import audit
from portal.staff.access import Role
from portal.staff.models import AuditEntry, Practitioner
from portal.staff.tasks import raise_task
from portal.web.booking import slot_list
from tests.support import factories
from tests.support.outbox import jobs_owed, owed
from tests.support.page import Page
from tests.support.visitor import Visitor

SignIn = Callable[..., Visitor]
pytestmark = pytest.mark.usefixtures("ctx")
HOUR = timedelta(hours=1)
NOT_FOR = [Role.PRACTITIONER, Role.BOOKKEEPER]


@pytest.fixture
def place() -> Location:
    return factories.make_location(is_telehealth=True)


@pytest.fixture
def wren(place: Location) -> Practitioner:
    person = factories.make_practitioner(name="Tobias Wren")
    factories.make_hours(person, place)
    return person


@pytest.fixture
def visit(wren: Practitioner, place: Location) -> Booking:
    yesterday = clock.now() - timedelta(days=1)
    return factories.make_booking(practitioner=wren, location=place, confirmed_at=yesterday)


def panel(visitor: Visitor, visit: Booking) -> Page:
    return visitor.page(f"/staff/bookings/{visit.reference}")


def fresh(visit: Booking) -> Booking:
    db.session.rollback()
    return find.get(visit.id)


def events(visit: Booking) -> list[str]:
    db.session.rollback()
    rows = select(BookingEvent.name).where(BookingEvent.booking_id == visit.id).order_by(BookingEvent.id)
    return list(db.session.scalars(rows))


def last_audit() -> AuditEntry:
    return db.session.scalars(
        select(AuditEntry).where(AuditEntry.action != "read").order_by(AuditEntry.id.desc())
    ).first()  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("path", "part"), [("move", "move"), ("cancel", "cancel"), ("no-show", "no show"), ("patient", "who it is for")]
)
def test_a_page_that_says_whose_visit_it_is_is_a_look_at_their_record(as_role: SignIn, path: str, part: str) -> None:
    hours = -1 if path == "no-show" else 1
    visit = factories.make_booking(starts_at=clock.now() + timedelta(hours=hours))
    page = as_role(Role.RECEPTION).page(f"/staff/bookings/{visit.reference}/{path}")
    assert page.has("Nora Castellano")
    [entry] = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "read"))
    assert (entry.kind, entry.subject, entry.part) == ("booking", visit.reference, part)
    assert entry.patient_id == visit.patient_id


# --- moving


def test_a_quarter_of_an_hour_later_is_one_click(as_role: SignIn, visit: Booking) -> None:
    before = visit.starts_at
    page = panel(as_role(Role.RECEPTION), visit).submit("15 minutes later")
    assert page.has("Moved.")
    assert fresh(visit).starts_at == before + timedelta(minutes=15)
    assert page.has("Moved by Pia Wattle")
    assert last_audit().part == "time"


def test_a_visit_is_moved_from_the_list_of_times(as_role: SignIn, visit: Booking) -> None:
    page = panel(as_role(Role.RECEPTION), visit).follow("Move")
    # It opens on the visit's own day.
    assert page.part("#times-heading").has(words.day(visit.starts_at, factories.SYDNEY))
    wanted = list(page.choices("slot"))[-1]
    moved = page.submit("Move the visit", slot=wanted)
    assert moved.has("Moved.")
    assert f"{fresh(visit).starts_at:%Y-%m-%dT%H:%MZ}" == wanted.split("/")[0]


def test_undo_puts_it_back_and_nobody_is_told(as_role: SignIn, visit: Booking) -> None:
    before = visit.starts_at
    page = panel(as_role(Role.RECEPTION), visit).submit("15 minutes later").submit("Undo this change")
    assert page.has("Undone.")
    assert (fresh(visit).starts_at, fresh(visit).version) == (before, 0)
    assert "Moved by" not in page.part("main").text


def test_undo_says_when_the_time_is_gone(as_role: SignIn, visit: Booking, wren: Practitioner, place: Location) -> None:
    first = visit.starts_at
    page = panel(as_role(Role.RECEPTION), visit).follow("Move")
    page = page.submit("Move there", clock=f"{(first + 2 * HOUR).astimezone(factories.SYDNEY):%H:%M}")
    factories.make_booking(practitioner=wren, location=place, starts_at=first)
    refused = page.submit("Undo this change")
    assert refused.status == 422
    assert refused.has("That time is not open: taken a moment ago.")
    assert fresh(visit).starts_at == first + 2 * HOUR


def test_the_second_of_two_receptionists_sees_what_changed(as_role: SignIn, visit: Booking) -> None:
    pia, max = as_role(Role.RECEPTION), as_role(Role.MANAGER, name="Max Banksia")
    seen_by_max = panel(max, visit).follow("Move")
    moved = panel(pia, visit).submit("15 minutes later")
    stands = fresh(visit).starts_at
    refused = seen_by_max.submit("Move the visit", slot=list(seen_by_max.choices("slot"))[-1])
    assert refused.status == 409
    assert refused.has("Somebody was faster")
    assert refused.has("Pia Wattle: Moved from")
    assert fresh(visit).starts_at == stands
    # Having seen it, the same wish goes through.
    assert refused.submit("Move the visit", slot=list(refused.choices("slot"))[-1]).has("Moved.")
    assert moved.status == 200


@pytest.mark.parametrize("act", ["Undo this change", "Tell now", "Do not tell"])
def test_nobody_decides_about_a_change_they_have_not_seen(as_role: SignIn, visit: Booking, act: str) -> None:
    old = panel(as_role(Role.RECEPTION), visit).submit("15 minutes later")
    panel(as_role(Role.MANAGER), visit).submit("15 minutes later")
    assert old.submit(act).status == 409


def test_a_time_that_is_taken_needs_a_reason_and_keeps_it(
    as_role: SignIn, visit: Booking, wren: Practitioner, place: Location
) -> None:
    other = factories.make_booking(practitioner=wren, location=place, starts_at=visit.starts_at + HOUR)
    page = panel(as_role(Role.RECEPTION), visit).follow("Move")
    wanted = f"{other.starts_at.astimezone(factories.SYDNEY):%H:%M}"
    refused = page.submit("Move there", clock=wanted)
    assert refused.status == 422
    assert "taken by the 11:00 visit" in (refused.error_for("reason") or "")
    moved = refused.submit("Move there", reason="Twins come together")
    assert moved.has("Moved.")
    assert moved.has("Against the rules: Twins come together")
    assert fresh(visit).overlap_allowed
    assert audit.why(last_audit()) == "Twins come together"
    # It counts as busy for everybody else, and leaves the rules behind when it moves on.
    assert panel(as_role(Role.RECEPTION), visit).submit("Undo this change").status == 200
    assert not fresh(visit).overlap_allowed


def test_patients_see_no_such_time(as_role: SignIn, visit: Booking, client: Visitor) -> None:
    page = panel(as_role(Role.RECEPTION), visit).follow("Move")
    page.submit("Move there", clock="20:00", reason="She works all day")
    taken = fresh(visit).starts_at
    values = client.page(f"/book/{visit.appointment_type.slug}").choices("slot")
    assert values
    assert not any(value.startswith(f"{taken:%Y-%m-%dT%H:%MZ}") for value in values)


@pytest.mark.parametrize("role", NOT_FOR)
@pytest.mark.parametrize(
    "path", ["moves", "cancellation", "undo", "telling", "silence", "mails", "patients", "retries"]
)
def test_only_the_desk_changes_when_and_for_whom(as_role: SignIn, visit: Booking, role: Role, path: str) -> None:
    visitor = as_role(role, practitioner=visit.practitioner if role == Role.PRACTITIONER else None)
    token = visitor.page("/staff").value("csrf_token")
    answer = visitor.post(
        f"/staff/bookings/{visit.reference}/{path}", headers={"X-CSRFToken": token, "Origin": visitor.portal_url}
    )
    assert answer.status_code == 403
    assert events(visit) == []


# --- cancelling


def test_the_exact_refund_stands_on_the_page_before(as_role: SignIn, visit: Booking) -> None:
    factories.make_payment(visit)
    with transaction():
        visit.starts_at, visit.ends_at = clock.now() + 2 * HOUR, clock.now() + 3 * HOUR
        visit.blocked = Range(visit.starts_at, visit.ends_at)
    page = panel(as_role(Role.RECEPTION), visit).follow("Cancel")
    assert page.has("If the patient wishes it The fee is $59.50. $59.50 goes back.")
    assert page.has("If the clinic has to No fee. All of $119.00 goes back.")


@pytest.mark.parametrize(
    ("fields", "back"),
    [
        ({"wished_by": "The patient"}, 5950),
        ({"wished_by": "The clinic has to"}, 11900),
        ({"wished_by": "The patient", "waives": True, "waiver": "In hospital"}, 11900),
    ],
)
def test_what_goes_back_is_what_the_page_said(
    as_role: SignIn, visit: Booking, fields: dict[str, object], back: int
) -> None:
    from portal.payments import jobs

    payment = factories.make_payment(visit)
    with transaction():
        visit.starts_at, visit.ends_at = clock.now() + 2 * HOUR, clock.now() + 3 * HOUR
        visit.blocked = Range(visit.starts_at, visit.ends_at)
    page = panel(as_role(Role.RECEPTION), visit).follow("Cancel").submit("Cancel this visit", **fields)
    assert page.has("Cancelled.")
    jobs.refund_if_due(visit.id)
    assert db.session.scalars(select(Refund)).all() == []  # not while it can be undone
    page.submit("Tell now")
    jobs.refund_if_due(visit.id)
    (refund,) = db.session.scalars(select(Refund).where(Refund.payment_id == payment.id)).all()
    assert refund.amount_cents == back


def test_a_waived_fee_needs_a_reason(as_role: SignIn, visit: Booking) -> None:
    factories.make_payment(visit)
    with transaction():
        visit.starts_at, visit.ends_at = clock.now() + 2 * HOUR, clock.now() + 3 * HOUR
        visit.blocked = Range(visit.starts_at, visit.ends_at)
    page = panel(as_role(Role.RECEPTION), visit).follow("Cancel").submit("Cancel this visit", waives=True)
    assert page.status == 422
    assert page.errors == ["Write why the fee is waived, such as “ill” or “the time was taken by somebody else”."]
    assert fresh(visit).is_confirmed
    done = page.submit("Cancel this visit", waiver="ill")
    assert done.has("Fee waived: ill")


def test_the_mail_can_be_read_before_it_goes_and_kept_back(as_role: SignIn, visit: Booking) -> None:
    page = panel(as_role(Role.RECEPTION), visit).follow("Cancel").submit("Cancel this visit", reason_given="Away")
    assert page.has("is cancelled –")
    assert page.has("Hello Nora,")
    quiet = page.submit("Do not tell")
    assert quiet.has("The patient will not be told")
    assert quiet.has("Decided not to tell the patient Pia Wattle")
    assert "Away" not in quiet.part(".desk-mail").text


def test_a_cancelled_visit_is_put_back_with_one_click(as_role: SignIn, visit: Booking) -> None:
    page = panel(as_role(Role.RECEPTION), visit).follow("Cancel").submit("Cancel this visit")
    page = page.submit("Undo this change")
    assert fresh(visit).is_confirmed
    assert events(visit) == ["booking.cancelled", "booking.put_back"]
    assert page.part(".desk-badges").has("Confirmed")


# --- nobody came


@pytest.fixture
def missed(wren: Practitioner, place: Location) -> Booking:
    at = clock.now() - timedelta(minutes=20)
    return factories.make_booking(practitioner=wren, location=place, starts_at=at)


def test_the_fee_of_a_missed_visit_is_said_before(as_role: SignIn, missed: Booking) -> None:
    factories.make_payment(missed)
    page = panel(as_role(Role.PRACTITIONER, practitioner=missed.practitioner), missed).follow("Did not arrive")
    assert page.has("The fee is $119.00, all that was paid. Nothing goes back.")
    done = page.submit("Did not arrive")
    assert fresh(missed).status == Status.DID_NOT_ARRIVE
    assert done.has("Marked as “did not arrive”.")


def test_a_missed_visit_is_set_right_when_they_come_after_all(as_role: SignIn, missed: Booking) -> None:
    page = panel(as_role(Role.RECEPTION), missed).follow("Did not arrive").submit("Did not arrive")
    assert page.submit("Undo this change").part(".desk-badges").has("Confirmed")
    again = panel(as_role(Role.RECEPTION), missed).follow("Did not arrive").submit("Did not arrive")
    assert again.submit("Arrived after all").part(".desk-badges").has("Arrived")


def test_a_visit_that_has_not_begun_is_not_missed(as_role: SignIn, visit: Booking) -> None:
    assert "Did not arrive" not in panel(as_role(Role.RECEPTION), visit).links


def test_a_waived_missed_visit_gives_everything_back(as_role: SignIn, missed: Booking) -> None:
    from portal.payments import jobs

    factories.make_payment(missed)
    page = panel(as_role(Role.RECEPTION), missed).follow("Did not arrive")
    page.submit("Did not arrive", waives=True, waiver="Ambulance")
    jobs.refund_if_due(missed.id)
    (row,) = owed("payments.refund_if_due")
    assert row.not_before > clock.now()
    with transaction():
        db.session.execute(db.text("update staff_change set due_at = :then"), {"then": clock.now() - WAIT})
    jobs.refund_if_due(missed.id)
    assert [refund.amount_cents for refund in db.session.scalars(select(Refund))] == [11900]


# --- money at the desk


@pytest.mark.parametrize("role", [Role.RECEPTION, Role.BOOKKEEPER])
def test_money_taken_at_the_clinic_is_written_down_and_taken_back(as_role: SignIn, visit: Booking, role: Role) -> None:
    page = panel(as_role(role), visit).submit("$119.00 was paid to the desk")
    assert page.has("$119.00 to the desk")
    assert "$119.00 was paid to the desk" not in page.buttons
    words = "Undo: it was not paid" if role == Role.RECEPTION else "It was not paid: take the payment back"
    undone = panel(as_role(role), visit) if role == Role.BOOKKEEPER else page
    assert undone.submit(words).has("Still to pay $119.00")


def test_it_is_taken_once_however_often_somebody_clicks(as_role: SignIn, visit: Booking) -> None:
    page = panel(as_role(Role.RECEPTION), visit)
    page.submit("$119.00 was paid to the desk")
    assert page.submit("$119.00 was paid to the desk").status == 409


def test_what_was_paid_at_the_clinic_is_handed_back_there(as_role: SignIn, visit: Booking) -> None:
    from portal.payments import jobs

    visitor = as_role(Role.RECEPTION)
    panel(visitor, visit).submit("$119.00 was paid to the desk")
    page = panel(visitor, visit).follow("Cancel").submit("Cancel this visit", wished_by="The clinic has to")
    page.submit("Tell now")
    jobs.refund_if_due(visit.id)
    (refund,) = db.session.scalars(select(Refund)).all()
    jobs.send_refunds(refund.payment_id)
    assert visitor.page("/staff").has(f"Give back $119.00 for {visit.reference}: it was paid to the desk.")
    done = panel(visitor, visit).submit("$119.00 is handed back")
    assert done.has("$119.00 was given back")
    assert not visitor.page("/staff").has("Give back $119.00")
    db.session.rollback()
    assert db.session.scalars(select(Refund.state)).all() == [RefundState.DONE]


# --- mails and calendars


def test_the_confirmation_goes_once_more_however_often_the_button_is_pressed(as_role: SignIn, visit: Booking) -> None:
    page = panel(as_role(Role.RECEPTION), visit)
    page.submit("Send the confirmation again")
    page.submit("Send the confirmation again")
    assert jobs_owed().count("notices.send_confirmation_again") == 1
    assert last_audit().action == "sent"


def test_what_was_given_up_is_said_and_tried_again(as_role: SignIn, visit: Booking) -> None:
    at = clock.now()
    with transaction():
        row = OutboxMessage(
            job="sync.outlook",
            args=[visit.id],
            queue="graph",
            dedupe_key=f"sync.outlook:{visit.id}",
            created_at=at,
            not_before=at,
            attempts=3,
            parked_at=at,
            last_error="graph: ErrorAccessDenied",
        )
        db.session.add(row)
        raise_task("job-parked", "sync.outlook was given up", at, about=f"sync.outlook:{visit.id}")
    page = panel(as_role(Role.RECEPTION), visit)
    assert page.has("Given up: graph: ErrorAccessDenied.")
    again = page.submit("Try again: Outlook")
    assert again.has("Waiting since")
    (due,) = owed("sync.outlook")
    assert (due.parked_at, due.attempts) == (None, 0)


def test_a_row_of_another_booking_is_not_tried_from_here(as_role: SignIn, visit: Booking) -> None:
    other, at = factories.make_booking(), clock.now()
    with transaction():
        for booking in (visit, other):
            row = OutboxMessage(
                job="sync.outlook",
                args=[booking.id],
                queue="graph",
                dedupe_key=f"sync.outlook:{booking.id}",
                created_at=at,
                not_before=at,
                parked_at=at,
            )
            db.session.add(row)
    page = panel(as_role(Role.RECEPTION), visit)
    form = page.part("#sync-heading + ul")
    theirs = db.session.scalars(select(OutboxMessage.id).where(OutboxMessage.args == [other.id])).one()
    assert form.submit("Try again: Outlook", what=theirs).status == 422
    assert owed("sync.outlook") == []


# --- whose visit it is


def test_a_visit_for_the_wrong_patient_is_given_to_the_right_one(as_role: SignIn, visit: Booking) -> None:
    from portal.bookings import links

    right = factories.make_patient(given_name="Percy", family_name="Lilly")
    with transaction():
        token = links.make(visit.id, "test", clock.now(), expires_at=links.expiry_of(visit))
    page = panel(as_role(Role.RECEPTION), visit).follow("Wrong patient?").submit("Find", q="lilly")
    done = page.submit("Choose Percy Lilly, born 09/03/1984")
    assert done.heading == "Percy Lilly"
    assert done.has("nobody is written to yet")
    assert links.find(token, clock.now()) is None
    assert fresh(visit).patient_id == right.id
    entries = db.session.scalars(select(AuditEntry).where(AuditEntry.part == "patient")).all()
    assert len({entry.patient_id for entry in entries}) == 2
    sent = done.submit("Send them the confirmation")
    assert sent.has("The confirmation goes out once more.")


def test_the_desk_and_a_patient_want_one_time_and_one_of_them_gets_it(
    as_role: SignIn, visit: Booking, wren: Practitioner, place: Location
) -> None:
    page = panel(as_role(Role.RECEPTION), visit).follow("Move")
    other = factories.make_booking(
        type=visit.appointment_type, practitioner=wren, location=place, starts_at=visit.starts_at + 3 * HOUR
    )
    value = list(page.choices("slot"))[-1]
    wanted, _ = slot_list.read_value(value) or (None, None)
    assert wanted is not None
    claims.claim(lambda: change.move(find.get_locked(other.id), wanted, clock.now(), by="patient"))
    refused = page.submit("Move the visit", slot=value)
    assert refused.status == 422
    assert refused.has("That time is not open: taken by the")
    assert fresh(visit).version == 0
