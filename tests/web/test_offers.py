"""The page behind the link of an offer: three times, and what to do when none of them suits."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from portal import clock
from portal.bookings import offers
from portal.bookings.models import Booking, OfferState
from portal.bookings.states import Status
from portal.db import db, transaction
from portal.scheduling import claims
from portal.scheduling.models import ExceptionKind, HoursException
from portal.staff.models import StaffTask
from tests.support import factories
from tests.support.microsoft import PEOPLE
from tests.support.outbox import drain, settle
from tests.support.sandbox import RunningSandbox
from tests.support.visitor import Visitor

pytestmark = pytest.mark.usefixtures("ctx")


@pytest.fixture
def visit() -> Booking:
    person, place = factories.make_practitioner(), factories.make_location(is_telehealth=True)
    factories.make_hours(person, place)
    return factories.make_booking(type=factories.make_type(), practitioner=person, location=place)


def make_offer(visit: Booking, *, hours: int = 48) -> str:
    """-> the address in the mail"""
    visit_id, now = visit.id, clock.now()
    made = claims.claim(lambda: offers.make(visit_id, now, now + timedelta(hours=hours)))
    assert made is not None
    with transaction():
        token = offers.make_token(made)
    return f"/offers/{token}"


def lapse(visit: Booking) -> None:
    with transaction():
        db.session.execute(text("update offer set expires_at = :then"), {"then": clock.now() - timedelta(minutes=1)})
        offers.sweep(clock.now())


def test_the_link_shows_three_times_and_stays_out_of_the_address(visit: Booking, client: Visitor) -> None:
    address = make_offer(visit)
    first = client.get(address)
    assert first.headers["Referrer-Policy"] == "no-referrer"
    page = client.page(address)
    assert page.heading == "We need to find another time"
    assert page.url == f"/bookings/{visit.reference}/offer"
    assert len(page.choices("time")) == 3
    assert page.has("Dr Ines Moreau")
    assert page.has("10:00 am Sydney time")


def test_looking_takes_nothing(visit: Booking, client: Visitor) -> None:
    address = make_offer(visit)
    for _ in range(3):
        client.get(address)
        client.open(address, method="HEAD")
    made = offers.find_open(visit.id)
    assert made is not None
    assert len(offers.held_times(visit.id, clock.now())) == 3


def test_taking_one_leads_to_the_visit_at_its_new_time(visit: Booking, client: Visitor) -> None:
    page = client.page(make_offer(visit))
    value, said = list(page.choices("time").items())[1]
    page = page.submit("Take this time", time=value)
    assert page.url == f"/bookings/{visit.reference}"
    assert said.partition("Sydney")[0].strip() in page.text.replace("\xa0", " ")
    db.session.refresh(visit)
    assert visit.version == 1


def test_a_choice_must_be_made(visit: Booking, client: Visitor) -> None:
    page = client.page(make_offer(visit)).submit("Take this time")
    assert page.status == 422
    assert page.errors == ["Choose one of the times, then continue."]
    assert page.error_for("time") == "Choose one of the times, then continue."


@pytest.mark.parametrize("junk", ["BK-AAAAAA", "\x00", "x" * 5000, "'; drop table offer"])
def test_what_we_did_not_offer_is_not_taken(visit: Booking, client: Visitor, junk: str) -> None:
    page = client.page(make_offer(visit))
    answer = client.post(
        f"/bookings/{visit.reference}/offer/acceptance",
        data={"csrf_token": page.part("form[action$=acceptance]").value("csrf_token"), "time": junk},
    )
    assert answer.status_code == 422
    db.session.refresh(visit)
    assert visit.version == 0


def test_a_time_that_is_closed_meanwhile_says_so_and_keeps_the_others(visit: Booking, client: Visitor) -> None:
    page = client.page(make_offer(visit))
    first = offers.held_times(visit.id, clock.now())[0]
    with transaction():
        db.session.add(HoursException(kind=ExceptionKind.CLOSED, starts_at=first.starts_at, ends_at=first.ends_at))
    page = page.submit("Take this time", time=first.reference)
    assert page.status == 422
    assert page.errors == ["That time cannot be kept any more. We are sorry. Please choose another."]
    assert len(page.choices("time")) == 3


def test_none_of_these_asks_for_a_call(visit: Booking, client: Visitor) -> None:
    page = client.page(make_offer(visit)).submit("Ask us to call")
    assert page.heading == "We will call you"
    [task] = db.session.scalars(select(StaffTask.words))
    assert visit.reference in task
    db.session.refresh(visit)
    assert visit.status == Status.CONFIRMED


def test_none_of_these_may_also_cancel_with_a_full_refund(visit: Booking, client: Visitor) -> None:
    factories.make_payment(visit)
    page = client.page(make_offer(visit))
    assert page.has("you get back everything you have paid, $119.00")
    page = page.submit("Cancel with full refund")
    assert page.url == f"/bookings/{visit.reference}"
    assert page.has("$119.00 goes back")
    db.session.refresh(visit)
    assert visit.is_cancelled


def test_a_lapsed_offer_says_what_is_next(visit: Booking, client: Visitor) -> None:
    page = client.page(make_offer(visit))
    lapse(visit)
    late = page.submit("Take this time", time=next(iter(page.choices("time"))))
    assert late.heading == "These times are not held any more"
    assert late.has("We will call you")
    assert "See your booking" in late.links
    db.session.refresh(visit)
    assert visit.version == 0


def test_an_answered_offer_leads_to_the_visit(visit: Booking, client: Visitor) -> None:
    address = make_offer(visit)
    page = client.page(address)
    page.submit("Take this time", time=next(iter(page.choices("time"))))
    assert client.page(address).url == f"/bookings/{visit.reference}"
    late = page.submit("Cancel this visit")
    assert late.url == f"/bookings/{visit.reference}"
    db.session.refresh(visit)
    assert visit.is_confirmed


def test_an_unknown_link_and_a_replaced_one_open_nothing(visit: Booking, client: Visitor) -> None:
    first = make_offer(visit)
    second = make_offer(visit)
    assert client.get(first).status_code == 404
    assert client.get("/offers/unknown").status_code == 404
    assert client.get(second).status_code == 303


def test_only_a_browser_that_opened_the_link_sees_the_page(visit: Booking, client: Visitor) -> None:
    make_offer(visit)
    assert client.get(f"/bookings/{visit.reference}/offer").status_code == 404


def test_the_mail_carries_the_times_and_a_link_that_works(
    visit: Booking, client: Visitor, sandbox: RunningSandbox
) -> None:
    sandbox.seed(PEOPLE)
    visit_id, now = visit.id, clock.now()
    claims.claim(lambda: offers.make(visit_id, now, now + timedelta(hours=48)))
    settle(sandbox)
    [mail] = [each for each in sandbox.get("/_emu/graph/messages") if each["state"] == "sent"]
    assert "needs a new time" in mail["subject"]
    [path] = set(re.findall(r"/offers/[\w-]{40,}", mail["html"]))
    assert len(client.page(path).choices("time")) == 3
    # Nothing of the held times was written into anybody's calendar.
    assert db.session.execute(text("select count(*) from outlook_link")).scalar() == 0


def test_a_mail_that_comes_too_late_is_not_written(visit: Booking, sandbox: RunningSandbox) -> None:
    make_offer(visit)
    lapse(visit)
    made = offers.latest(visit.id)
    assert made is not None
    assert made.state == OfferState.LAPSED
    drain()
    assert db.session.execute(text("select count(*) from message")).scalar() == 0
