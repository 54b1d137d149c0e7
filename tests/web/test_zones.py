"""A second zone for telehealth: chosen by the patient, told beside ours on every step, and never guessed."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from portal import words
from portal.catalogue.models import AppointmentType, Mode
from portal.web.booking import zones
from tests.support.factories import SYDNEY
from tests.support.funnel import DETAILS, booking_of, free_times, make_offer
from tests.support.page import Page
from tests.support.visitor import Visitor

PERTH, LONDON, BRISBANE = map(ZoneInfo, ("Australia/Perth", "Europe/London", "Australia/Brisbane"))
OFFER = "Not in Sydney? Show times in your zone too"


def in_perth(client: Visitor, made: AppointmentType) -> Page:
    return client.page(f"/book/{made.slug}").follow(OFFER).submit("Show times this way", zone="Australia/Perth")


def test_both_times_stand_on_every_step_until_the_visit_is_booked(consult: AppointmentType, client: Visitor) -> None:
    page = in_perth(client, consult)
    assert page.has("All times are Sydney time")
    assert page.has("Perth time is told below each")
    value, label = list(page.choices("slot").items())[-1]
    details = page.submit("Continue", slot=value)
    there = f"{words.clock(booking_of(details).starts_at, PERTH)} Perth time"
    assert f", {there}, 30 minutes with Dr Ines Moreau" in label
    check = details.submit("Continue", **DETAILS)
    booked = check.submit("Book this free visit")
    assert [each.has(there) for each in (details, check, booked)] == [True, True, True]
    assert booked.follow("Change the time").has("Perth time is told below each")


def test_it_is_remembered_and_can_be_dropped(consult: AppointmentType, client: Visitor, stranger: Visitor) -> None:
    in_perth(client, consult)
    again = client.page(f"/book/{consult.slug}")
    assert again.has("Perth time")
    assert not stranger.page(f"/book/{consult.slug}").has("Perth time")
    choice = again.follow("Change your zone")
    assert choice.value("zone") == "Australia/Perth"
    assert not choice.submit("Show times this way", zone="Sydney time is enough").has("Perth time")


def test_the_list_comes_back_as_it_was(consult: AppointmentType, client: Visitor) -> None:
    page = client.page(f"/book/{consult.slug}").submit("Show", part="Morning, before 12", weekday=["monday", "friday"])
    back = page.follow(OFFER).submit("Show times this way", zone="Australia/Perth")
    assert (back.value("part"), back.value("weekday")) == ("morning", ["monday", "friday"])


def test_a_place_with_the_same_time_is_said_to_have_it(consult: AppointmentType, client: Visitor) -> None:
    choice = client.page(f"/book/{consult.slug}").follow(OFFER)
    page = choice.submit("Show times this way", zone="Australia/Melbourne")
    assert page.has("It is the same time in Melbourne on these days.")
    assert not page.has("Melbourne time")


def test_a_patient_in_brisbane_is_told_their_own_time_where_sydney_keeps_daylight_saving(
    consult: AppointmentType, client: Visitor
) -> None:
    choice = client.page(f"/book/{consult.slug}").follow(OFFER)
    page = choice.submit("Show times this way", zone="Australia/Brisbane")
    labels = page.choices("slot")
    assert labels
    for value, label in labels.items():
        starts_at = datetime.fromisoformat(value.split("/")[0])
        differs = starts_at.astimezone(SYDNEY).utcoffset() != starts_at.astimezone(BRISBANE).utcoffset()
        assert (f"{words.clock(starts_at, BRISBANE)} Brisbane time" in label) == differs


def test_brisbane_and_sydney_part_within_one_list() -> None:
    """Daylight saving ends on Sunday 4 April 2027: from then on it is the same time in both."""
    saturday, monday = datetime(2027, 4, 3, 9, tzinfo=SYDNEY), datetime(2027, 4, 5, 9, tzinfo=SYDNEY)
    assert [zones.beside(each, SYDNEY, BRISBANE) for each in (saturday, monday)] == ["8:00 am Brisbane time", None]
    assert zones.explained([saturday, monday], SYDNEY, BRISBANE) == "Brisbane time is told below each that differs."


def test_another_day_there_is_named(consult: AppointmentType, client: Visitor) -> None:
    choice = client.page(f"/book/{consult.slug}").follow(OFFER)
    page = choice.submit("Show times this way", zone="Europe/London")
    labels = page.choices("slot")
    assert labels
    # Nine in Sydney is the evening before in London, but for the weeks in which it is midnight.
    for value, label in labels.items():
        starts_at = datetime.fromisoformat(value.split("/")[0])
        there = starts_at.astimezone(LONDON)
        is_other_day = there.date() != starts_at.astimezone(SYDNEY).date()
        assert (f" {there:%A}, London time" in label) == is_other_day
        assert "London time" in label


@pytest.mark.parametrize("junk", ["", "Mars/Olympus", "../../etc/passwd", "\0", "x" * 5000])
def test_a_zone_that_we_never_offered_is_none(consult: AppointmentType, client: Visitor, junk: str) -> None:
    choice = client.page(f"/book/{consult.slug}/zone")
    data = {"csrf_token": choice.value("csrf_token"), "zone": junk}
    answer = client.post(f"/book/{consult.slug}/zone", data=data, headers={"Origin": client.portal_url})
    assert answer.status_code == 303
    assert len(free_times(client.page(answer.location))) > 0


def test_a_visit_in_person_has_one_zone(ctx: None, client: Visitor) -> None:
    made = make_offer(mode=Mode.IN_PERSON)
    assert OFFER not in client.page(f"/book/{made.slug}").links
    assert client.get(f"/book/{made.slug}/zone").status_code == 404
