"""What the desk puts into MediRecords' appointment book takes the practitioner's time here, a few minutes later."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from portal.clock import now
from portal.db import transaction
from portal.integrations.medirecords import Appointment
from portal.scheduling.models import Outside
from portal.sync import busy_medirecords
from tests.support.chain import PROVIDERS, Chain, patient_who
from tests.support.factories import SYDNEY
from tests.support.medirecords import BOOK, Wire
from tests.support.microsoft import LARK, WREN
from tests.support.outbox import later, owed
from tests.support.outside import know_outside
from tests.sync import diaries
from tests.sync.diaries import calendar, is_open, ten
from tests.sync.tales import cancel, listen, tasks, written

HOUR = timedelta(hours=1)


def local(at: datetime) -> str:
    return f"{at.astimezone(SYDNEY):%Y-%m-%dT%H:%M}"


def block(chain: Chain, at: datetime, minutes: int = 60, provider: str = PROVIDERS[WREN]) -> str:
    """The desk keeps a provider's time free; the id of the row."""
    wanted = {"provider": provider, "at": local(at), "minutes": minutes}
    return str(chain.sandbox.post("/_emu/medirecords/staff-block", wanted)["id"])


def book(chain: Chain, at: datetime, **fields: Any) -> str:
    """The desk books a patient."""
    known = {"providerId": PROVIDERS[WREN], "scheduleTime": local(at), "notes": "Rang at noon"}
    return str(Wire(chain.sandbox).book(**(known | fields))["id"])


def edit(chain: Chain, appointment_id: str, **how: Any) -> None:
    chain.sandbox.post("/_emu/medirecords/staff-edit", {"appointment": appointment_id, **how})


def sweep(chain: Chain) -> None:
    later(chain.sandbox, minutes=6)
    diaries.sweep(chain)


def busy(chain: Chain) -> list[tuple[datetime, datetime]]:
    return diaries.busy(chain.wren, Outside.MEDIRECORDS)


def listings(chain: Chain) -> int:
    asked = [call["path"] for call in chain.sandbox.calls("medirecords") if call["method"] == "GET"]
    return len([path for path in asked if f"{BOOK}?" in path])


def test_what_the_desk_books_takes_the_practitioners_time(chain: Chain) -> None:
    at = ten()
    book(chain, at)
    block(chain, at + 2 * HOUR)
    sweep(chain)

    assert busy(chain) == [(at, at + HOUR / 2), (at + 2 * HOUR, at + 3 * HOUR)]
    assert (is_open(chain, at), is_open(chain, at + HOUR), is_open(chain, at + 2 * HOUR)) == (False, True, False)
    assert is_open(chain, at, chain.lark)
    known = calendar(chain.wren, Outside.MEDIRECORDS)
    assert (known.external_id, known.unknown_from) == (PROVIDERS[WREN], None)


def test_what_the_desk_moves_cancels_or_removes_is_followed(chain: Chain) -> None:
    at = ten()
    moved, cancelled, removed = book(chain, at), book(chain, at + HOUR), block(chain, at + 2 * HOUR)
    sweep(chain)
    assert len(busy(chain)) == 3
    edit(chain, moved, change={"scheduleTime": local(at + 5 * HOUR)})
    edit(chain, cancelled, cancel=True)
    edit(chain, removed, delete=True)
    sweep(chain)

    assert busy(chain) == [(at + 5 * HOUR, at + 5.5 * HOUR)]
    assert is_open(chain, at)


def test_an_appointment_that_changes_hands_takes_the_others_time(chain: Chain) -> None:
    at = ten()
    appointment_id = book(chain, at)
    sweep(chain)
    edit(chain, appointment_id, change={"providerId": PROVIDERS[LARK]})
    sweep(chain)

    assert busy(chain) == []
    assert diaries.busy(chain.lark, Outside.MEDIRECORDS) == [(at, at + HOUR / 2)]


def test_appointments_of_nobody_and_of_strangers_take_no_time_of_ours(chain: Chain) -> None:
    book(chain, ten() + HOUR, providerId=None)
    Wire(chain.sandbox).book(scheduleTime=local(ten()))  # with Dr Moreau, who is not in the portal
    sweep(chain)

    assert busy(chain) == []


def test_our_own_appointments_take_no_busy_time(chain: Chain) -> None:
    listen(chain)
    booking = written(chain, patient=patient_who())
    sweep(chain)
    assert busy(chain) == []

    cancel(booking)
    sweep(chain)
    assert busy(chain) == []
    assert is_open(chain, booking.starts_at)


def test_an_appointment_of_ours_that_we_have_not_noted_yet_is_ours_already(chain: Chain) -> None:
    booking = chain.booking()
    book(chain, booking.starts_at, notes=f"Booked online. [ref:{booking.reference}]")
    book(chain, booking.starts_at + HOUR, notes="Booked online. [ref:BK-ZZZZZZ]")  # nobody's
    sweep(chain)

    assert busy(chain) == [(booking.starts_at + HOUR, booking.starts_at + 1.5 * HOUR)]


def test_the_book_is_asked_for_once_for_everybody_and_not_too_often(chain: Chain) -> None:
    block(chain, ten())
    sweep(chain)
    assert listings(chain) == 1
    diaries.sweep(chain)
    assert listings(chain) == 1
    sweep(chain)
    assert listings(chain) == 2


def test_a_book_of_many_pages_is_read_to_its_end(chain: Chain) -> None:
    chain.sandbox.knob("medirecords", "MAX_PAGE_SIZE", 2)
    for hours in range(7):
        block(chain, ten() + hours * HOUR)
    sweep(chain)

    assert len(busy(chain)) == 7


def test_a_row_that_slips_between_two_pages_is_asked_for_by_itself(chain: Chain) -> None:
    """Lists lag behind here, which makes a known row go missing from them."""
    block(chain, ten())
    sweep(chain)
    first, last = busy(chain)[0]
    chain.sandbox.knob("medirecords", "SEARCH_LAG_SECONDS", 7 * 24 * 3600)
    sweep(chain)

    assert busy(chain) == [(first, last)]


def test_beyond_what_patients_can_book_nobody_looks(chain: Chain) -> None:
    block(chain, now() + timedelta(days=chain.type.horizon_days + 5))
    sweep(chain)

    assert busy(chain) == []


def test_a_book_that_cannot_be_read_keeps_what_was_known_and_offers_go_on(chain: Chain) -> None:
    at = ten()
    block(chain, at)
    sweep(chain)
    chain.sandbox.fault("GET /medirecords/*", "error", status=503, times=1000)
    block(chain, at + 2 * HOUR)
    sweep(chain)
    known = calendar(chain.wren, Outside.MEDIRECORDS)
    assert known.failed_at is not None
    assert known.problem == "there is no answer (server error, HTTP 503)"
    assert tasks() == []

    for _ in range(4):
        sweep(chain)
    (task,) = tasks()
    assert task.kind == "medirecords-unreadable"
    assert "What the desk has put there since then is not known here" in task.words
    later(chain.sandbox, hours=8)
    assert busy(chain) == [(at, at + HOUR)]
    know_outside()  # Outlook, which is read by nobody in these tests
    assert (is_open(chain, at), is_open(chain, at + 2 * HOUR)) == (False, True)

    chain.sandbox.delete("/_emu/faults")
    later(chain.sandbox, minutes=11)
    sweep(chain)
    assert tasks() == []
    assert busy(chain) == [(at, at + HOUR), (at + 2 * HOUR, at + 3 * HOUR)]


def test_a_book_that_asks_us_to_wait_is_left_alone_as_long(chain: Chain) -> None:
    chain.sandbox.fault("GET /medirecords/*/appointments", "429", retry_after=45)
    sweep(chain)

    (row,) = owed("sync.read_medirecords_busy")
    assert 35 < (row.not_before - now()).total_seconds() <= 45


def test_who_is_no_provider_any_more_is_busy_with_nothing(chain: Chain) -> None:
    block(chain, ten())
    sweep(chain)
    with transaction():
        chain.wren.medirecords_provider_id = None
    sweep(chain)

    assert busy(chain) == []


def test_an_appointment_of_unknown_length_takes_an_hour() -> None:
    row = Appointment("a", None, None, None, ten(), None, 2, "", None, None, {})

    assert busy_medirecords.busy_of(row).ends_at == row.starts_at + HOUR
