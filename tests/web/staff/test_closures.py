"""Closing a time: what stands there, the closing itself, and other times for those who are booked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time, timedelta

import pytest
from sqlalchemy import select

from portal import clock
from portal.bookings import offers
from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.catalogue.models import AppointmentType
from portal.db import db, transaction
from portal.scheduling import availability
from portal.scheduling.models import ExceptionKind, Holiday, HoursException, Location
from portal.staff.access import Role
from portal.staff.models import Action, AuditEntry, Practitioner
from tests.support import factories
from tests.support.factories import SYDNEY, ten_in_a_week
from tests.support.outbox import owed
from tests.support.visitor import Visitor

SignIn = Callable[..., Visitor]
pytestmark = pytest.mark.usefixtures("ctx")


@dataclass
class Scene:
    person: Practitioner
    place: Location
    type: AppointmentType

    def visit(self, **columns: object) -> Booking:
        return factories.make_booking(
            type=self.type,
            practitioner=self.person,
            location=self.place,
            **columns,  # type: ignore[arg-type]
        )


@pytest.fixture
def scene() -> Scene:
    person, place = (
        factories.make_practitioner(slug="ines", name="Ines Calloway"),
        factories.make_location(slug="video", is_telehealth=True),
    )
    factories.make_hours(person, place)
    return Scene(person, place, factories.make_type())


def day() -> date:
    return ten_in_a_week(clock.now()).astimezone(SYDNEY).date()


def address(what: str = "clinic", **more: str) -> str:
    return "/staff/closures/impact?" + "&".join(
        f"{name}={value}" for name, value in {"what": what, "first": day().isoformat(), **more}.items()
    )


def is_bookable(scene: Scene, at: date | None = None) -> bool:
    return bool(availability.timetable(scene.type, at or day(), at or day(), clock.now()).open_slots)


def test_first_one_sees_what_stands_there(as_role: SignIn, scene: Scene) -> None:
    paid = scene.visit()
    factories.make_payment(paid)
    scene.visit(starts_at=ten_in_a_week(clock.now()) + timedelta(hours=1), status=Status.HELD)
    scene.visit(starts_at=ten_in_a_week(clock.now()) + timedelta(hours=2), status=Status.CANCELLED)
    scene.visit(starts_at=ten_in_a_week(clock.now()) + timedelta(days=1))
    page = as_role(Role.MANAGER).page("/staff/closures").submit("See what stands there", first=day().isoformat())
    facts = page.part(".staff-facts").text
    assert facts == "Visits 1 Paid 1 Being booked right now 1"
    assert page.has(paid.reference)
    assert page.has("$119.00")
    assert is_bookable(scene)
    [entry] = db.session.scalars(select(AuditEntry).where(AuditEntry.kind == "closure"))
    assert (entry.action, entry.patient_ids) == (Action.READ, [paid.patient_id])


@pytest.mark.parametrize("what", ["clinic", "person:ines", "place:video"])
def test_closed_means_that_nobody_can_book(as_role: SignIn, scene: Scene, what: str) -> None:
    visit = scene.visit()
    page = as_role(Role.MANAGER).page(address(what)).submit("Close, and keep 1 visit for now", reason="Flood")
    assert page.has("Closed: nobody can book here.")
    assert not is_bookable(scene)
    assert is_bookable(scene, day() + timedelta(days=1))
    db.session.refresh(visit)
    assert visit.is_confirmed
    assert "Flood" not in page.url


def test_closing_can_be_undone(as_role: SignIn, scene: Scene) -> None:
    page = as_role(Role.MANAGER).page(address("person:ines")).submit("Close").submit("Undo: open it again")
    assert page.heading == "Closures and leave"
    assert is_bookable(scene)
    assert db.session.scalars(select(HoursException)).all() == []


def test_a_place_closes_like_a_local_holiday(as_role: SignIn, scene: Scene) -> None:
    last = (day() + timedelta(days=2)).isoformat()
    as_role(Role.MANAGER).page(address("place:video", last=last)).submit("Close", reason="Painting")
    found = db.session.scalars(select(Holiday).where(Holiday.location_id == scene.place.id).order_by(Holiday.day)).all()
    assert [each.day for each in found] == [day() + timedelta(days=n) for n in range(3)]
    assert {each.name for each in found} == {"Painting"}


def test_some_hours_close_and_the_others_stay_open(as_role: SignIn, scene: Scene) -> None:
    page = as_role(Role.MANAGER).page(address("person:ines", starts="09:00", ends="12:00"))
    assert page.heading.endswith("9:00 am to 12:00 pm")
    page.submit("Close")
    starts = [slot.starts_at for slot in availability.timetable(scene.type, day(), day(), clock.now()).open_slots]
    assert min(starts).astimezone(SYDNEY).time() == time(12)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"first": ""}, "Enter the first day."),
        ({"first": "x"}, "Enter a date, such as 27/03/2027."),
        ({"last": "2020-01-01"}, "The last day is before the first."),
        ({"last": "2099-01-01"}, "Close a year at most in one go."),
        ({"starts": "12:00", "ends": "09:00"}, "The end is before the start."),
        ({"starts": "noon"}, "Enter a time, such as 09:30."),
        (
            {"what": "place:video", "starts": "09:00"},
            "A place closes for whole days. For hours, close each practitioner.",
        ),
        ({"what": "nobody"}, "Choose what closes."),
        ({"first": "1066-01-01"}, "Enter a date between 2000 and 2100."),
    ],
)
def test_what_is_wrong_is_said_at_its_field(as_role: SignIn, scene: Scene, typed: dict[str, str], words: str) -> None:
    path = address(**{"what": "clinic", **typed})
    answer = as_role(Role.MANAGER).page(path, status=422)
    assert answer.errors == [words]


def test_everybody_booked_is_offered_three_times(as_role: SignIn, scene: Scene) -> None:
    at = ten_in_a_week(clock.now())
    visits = [scene.visit(starts_at=at + timedelta(hours=n)) for n in range(3)]
    page = as_role(Role.MANAGER).page(address("person:ines"))
    assert not [button for button in page.buttons if button.startswith("Offer")]
    page = page.submit("Close, and keep 3 visits for now")
    page = page.submit("Offer other times for 3 visits", hours="24")
    assert page.has("Other times are offered for 3 visits.")
    for visit in visits:
        held = offers.held_times(visit.id, clock.now())
        assert len(held) == 3
        assert all(each.starts_at.astimezone(SYDNEY).date() != day() for each in held)
    assert page.text.count("Asked, held until") == 3
    assert len(owed("notices.send_offer")) == 3
    assert not [button for button in page.buttons if button.startswith("Offer")]
    sent = db.session.scalars(select(AuditEntry).where(AuditEntry.action == Action.SENT)).all()
    assert {entry.patient_id for entry in sent} == {visit.patient_id for visit in visits}


def test_where_nothing_is_free_the_desk_is_told_to_call(as_role: SignIn, scene: Scene) -> None:
    scene.visit()
    last = (day() + timedelta(days=300)).isoformat()
    first = clock.now().astimezone(SYDNEY).date().isoformat()
    page = as_role(Role.MANAGER).page(address("clinic", first=first, last=last))
    page = page.submit("Close, and keep 1 visit for now").submit("Offer other times for 1 visit")
    assert page.has("For 1 nothing is free: please call, see Tasks.")


@pytest.mark.parametrize("hours", ["0", "1", "169", "soon", ""])
def test_the_time_to_answer_has_bounds(as_role: SignIn, scene: Scene, hours: str) -> None:
    scene.visit()
    page = as_role(Role.MANAGER).page(address()).submit("Close, and keep 1 visit for now")
    page = page.submit("Offer other times for 1 visit", hours=hours)
    assert page.status == 422
    assert page.errors == ["Enter a number of hours from 2 to 168."]


def test_times_are_offered_only_for_what_is_closed(as_role: SignIn, scene: Scene) -> None:
    visit = scene.visit()
    browser = as_role(Role.MANAGER)
    token = browser.page(address()).part("form[method=post].panel").value("csrf_token")
    path = address().replace("impact?", "offers?")
    answer = browser.post(path, data={"csrf_token": token, "hours": "48"}, headers={"Origin": browser.portal_url})
    assert answer.status_code == 400
    assert offers.find_open(visit.id) is None


def test_reception_sees_and_closes_nothing(as_role: SignIn, scene: Scene) -> None:
    scene.visit()
    page = as_role(Role.RECEPTION).page(address())
    assert page.has("Visits 1")
    assert page.buttons == ["Sign out"]


def test_what_is_over_stays_as_it_was(as_role: SignIn, scene: Scene) -> None:
    now = clock.now()
    with transaction():
        past = HoursException(
            kind=ExceptionKind.CLOSED, starts_at=now - timedelta(days=2), ends_at=now - timedelta(days=1)
        )
        running = HoursException(
            kind=ExceptionKind.CLOSED, starts_at=now - timedelta(hours=2), ends_at=now + timedelta(days=1)
        )
        db.session.add_all([past, running])
    browser = as_role(Role.MANAGER)
    page = browser.page("/staff/closures")
    [button] = [button for button in page.buttons if button.startswith("Open again")]
    token = page.part(".confirm-form[action$=removal]").value("csrf_token")
    for exception_id, status in ((past.id, 404), (99999, 404)):
        answer = browser.post(
            f"/staff/closures/{exception_id}/removal",
            data={"csrf_token": token},
            headers={"Origin": browser.portal_url},
        )
        assert answer.status_code == status
    page.submit(button)
    db.session.refresh(running)
    assert running.starts_at < running.ends_at <= clock.now()


# --- extra hours and holidays


def test_extra_hours_open_a_day_and_can_be_undone(as_role: SignIn, scene: Scene) -> None:
    for row in db.session.scalars(select(HoursException)):
        db.session.delete(row)
    factories.make_calendar()
    page = as_role(Role.MANAGER).page("/staff/extra-hours")
    typed = {"practitioner": "ines", "location": "video", "day": day().isoformat(), "starts": "18:00", "ends": "20:00"}
    page = page.submit("Add extra hours", **typed)
    assert page.has("Extra hours are added.")
    starts = [slot.starts_at for slot in availability.timetable(scene.type, day(), day(), clock.now()).open_slots]
    assert max(starts).astimezone(SYDNEY).time() == time(19, 30)
    page = page.submit("Undo: take the extra hours back")
    assert page.has("taken back")
    assert db.session.scalars(select(HoursException)).all() == []


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"ends": "08:00"}, "The end is before the start."),
        ({"day": "2020-05-05"}, "That time has passed."),
        ({"day": ""}, "Enter the day."),
        ({"starts": ""}, "Enter a time, such as 09:30."),
        ({"ends": "x"}, "Enter a time, such as 09:30."),
    ],
)
def test_extra_hours_must_make_sense(as_role: SignIn, scene: Scene, typed: dict[str, str], words: str) -> None:
    page = as_role(Role.MANAGER).page("/staff/extra-hours")
    right = {"day": day().isoformat(), "starts": "18:00", "ends": "20:00"}
    page = page.submit("Add extra hours", **(right | typed))
    assert page.status == 422
    assert page.errors == [words]


def test_a_local_holiday_is_kept_until_somebody_works_on_it(as_role: SignIn, scene: Scene) -> None:
    visit = scene.visit()
    page = as_role(Role.MANAGER).page("/staff/holidays")
    page = page.submit("Add holiday", day=day().isoformat(), name="Show Day", location="video")
    assert page.has("Show Day")
    assert page.has("1 visit is booked on Show Day")
    assert page.has(visit.reference)
    assert not is_bookable(scene)
    page = page.submit("Undo: Show Day")
    assert page.has("is a working day.")
    assert is_bookable(scene)
    again = page.submit("Add holiday", day=day().isoformat(), name="Show Day", location="video")
    assert again.status == 422
    assert "already" in again.errors[0]
