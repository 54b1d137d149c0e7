"""The steps of an appointment: each code of the seed, each length, and words for people when one leads nowhere."""

from __future__ import annotations

import pytest

from portal.bookings.models import Booking
from portal.catalogue.load import load, packaged_document
from portal.catalogue.models import AppointmentType, Price
from portal.clock import now
from portal.db import db, transaction
from portal.sync.models import RunState
from tests.support.chain import Chain, patient_who
from tests.support.factories import LONG_AGO, make_practitioner
from tests.support.outbox import settle
from tests.sync.appointments import make_start
from tests.sync.tales import confirmed, medirecords_link, runs, tasks, written

pytestmark = pytest.mark.usefixtures("heard")


# One type of the seed for each code; initial-weight-tbd gets its length and price in the test.
CODES = {
    "followup-alternative-30min": ("CONSULT_ALT_30", 30),
    "initial-inperson-20min": ("CONSULT_ALT_45", 20),
    "initial-gaps-60min": ("CONSULT_GAPS_60", 60),
    "followup-gaps-15min": ("CONSULT_GAPS_45", 15),
    "followup-weight-45min": ("CONSULT_WEIGHT_45", 45),
    "initial-weight-tbd": ("CONSULT_WEIGHT_15", 15),
}


def test_each_of_the_six_codes_of_the_seed_is_seen_on_an_appointment(chain: Chain) -> None:
    with transaction():
        load(packaged_document(), now(), "tests")
        weight = db.session.scalars(db.select(AppointmentType).filter_by(slug="initial-weight-tbd")).one()
        weight.length_minutes = 15
        db.session.add(Price(type_id=weight.id, amount_cents=8900, valid_from=LONG_AGO))
    patient, references = patient_who(), {}
    db.session.expire_all()
    for number, slug in enumerate(CODES):
        kind = db.session.scalars(db.select(AppointmentType).filter_by(slug=slug)).one()
        references[slug] = confirmed(chain, type=kind, starts_at=make_start(number), patient=patient).reference
    settle(chain.sandbox)

    seen = {}
    for slug, reference in references.items():
        (appointment,) = chain.appointments(reference)
        seen[slug] = (appointment["type_name"], appointment["minutes"])
        assert f"[bill:{appointment['type_name']}]" in appointment["notes"]
    assert seen == CODES


def test_the_length_is_the_mappings_own_and_never_the_codes_suffix(chain: Chain) -> None:
    with transaction():
        chain.type.length_minutes, chain.type.medi_minutes = 20, 45
    booking = written(chain, patient=patient_who())
    (appointment,) = chain.appointments(booking.reference)
    assert (appointment["type_name"], appointment["minutes"]) == ("CONSULT_ALT_30", 45)


def untouched(chain: Chain, booking: Booking) -> bool:
    """Whether nothing at all was written to the appointment book."""
    calls = chain.sandbox.calls("medirecords")
    writes = [one for one in calls if one["method"] != "GET" and "appointments" in one["path"]]
    return writes == [] and chain.appointments(booking.reference, live=False) == []


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"medi_code": "CONSULT_UNHEARD_OF"}, "no appointment type for CONSULT_UNHEARD_OF"),
        ({"medi_code": "House call"}, "the appointment type for House call is inactive"),
        ({"medi_type_id": "00000000-0000-0000-0000-000000000000"}, "no appointment type for CONSULT_ALT_30"),
        ({"medi_minutes": 17}, "no interval of 17 minutes"),
    ],
)
def test_a_mapping_that_is_missing_sends_nothing_and_asks_staff(
    chain: Chain, columns: dict[str, object], words: str
) -> None:
    with transaction():
        for name, value in columns.items():
            setattr(chain.type, name, value)
    booking = confirmed(chain, patient=patient_who())
    settle(chain.sandbox)

    assert untouched(chain, booking)
    assert medirecords_link(booking).needs_you == words
    (task,) = tasks()
    assert words in task.words
    # A second notification may have made it look again.
    assert {run.state for run in runs(booking)} == {RunState.NEEDS_YOU}
    assert "failed" in runs(booking)[0].steps[-1]


@pytest.mark.parametrize("provider", [None, "00000000-0000-0000-0000-000000000001"])
def test_a_practitioner_who_is_no_provider_there_sends_nothing_and_asks_staff(
    chain: Chain, provider: str | None
) -> None:
    with transaction():
        chain.wren.medirecords_provider_id = provider
    booking = confirmed(chain, patient=patient_who())
    settle(chain.sandbox)
    assert untouched(chain, booking)
    assert medirecords_link(booking).needs_you == "the practitioner is not an active provider there"


def test_a_practitioner_who_is_not_listed_is_no_reason_to_book_somebody_else(chain: Chain) -> None:
    stranger = make_practitioner(graph_user_id=None)
    booking = confirmed(chain, practitioner=stranger, patient=patient_who())
    settle(chain.sandbox)
    assert untouched(chain, booking)
