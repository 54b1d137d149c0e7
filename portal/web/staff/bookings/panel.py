"""The panel: everything about one booking on one page, and what can be done next."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import current_app, render_template, request
from flask.typing import ResponseReturnValue

from portal import clinic, clock
from portal.bookings import desk, notes, undo
from portal.bookings.details import mismatch
from portal.bookings.models import Booking, BookingEvent, ChangeKind, StaffChange
from portal.bookings.scope import is_own_diary
from portal.bookings.states import Status
from portal.catalogue.models import FormDefinition
from portal.db import transaction
from portal.intake import submit
from portal.notices import letter
from portal.notices.compose import BadAddress
from portal.notices.kinds import MailKind
from portal.staff import audit
from portal.staff.access import DESK, MONEY, Staff
from portal.web.booking import slot_list
from portal.web.staff import who
from portal.web.staff.bookings import answers, history_words, money_words, sync_words
from portal.web.staff.bookings.desk import Again, bp, get_payable
from portal.web.staff.diary_cards import STATES

SAME_DAY = timedelta(hours=12)  # nobody arrives for a visit that is further ahead
LATER = timedelta(minutes=15)
OTHER_STATES = {Status.EXPIRED: ("Lapsed", "clock")}
# What has just happened, as the address of the answer names it.
TOLD = {
    "moved": "Moved.",
    "cancelled": "Cancelled.",
    "did-not-arrive": "Marked as “did not arrive”.",
    "undone": "Undone. Everything is as it was before, and nobody was told.",
    "told": "The mail goes out now.",
    "quiet": "The patient will not be told.",
    "status": "Marked.",
    "booked": "Booked. The confirmation is on its way.",
    "extended": "Held for longer.",
    "patient": "The patient is changed. Links in mails to the earlier one are closed, and nobody is written to yet.",
    "chosen": "The patient is chosen.",
    "mail": "The confirmation goes out once more.",
    "paid": "The payment is written down.",
    "unpaid": "The payment is taken back.",
    "handed-back": "Written down as given back.",
    "noted": "The note is kept.",
    "note-removed": "The note is removed.",
    "note-back": "The note is back.",
    "retry": "It is being tried again.",
}
MAIL_OF = {ChangeKind.MOVED: MailKind.MOVED, ChangeKind.CANCELLED: MailKind.CANCELLED}


@dataclass(frozen=True)
class News:
    """A change that can still be undone, and the mail that tells the patient of it."""

    change: StaffChange
    subject: str = ""
    to: str = ""
    text: str = ""
    problem: str = ""  # why there will be no mail

    @property
    def has_mail(self) -> bool:
        return bool(self.text)


@dataclass(frozen=True)
class FormState:
    """How far a form has come; what was answered is not here."""

    title: str
    words: str
    is_done: bool


@bp.get("/<reference>")
def panel(reference: str) -> ResponseReturnValue:
    return page(reference)


def page(reference: str, problem: str | None = None, newer: Sequence[BookingEvent] = ()) -> str:
    """The panel as this person may see it; `newer` is what happened while they looked at an older one."""
    me, now = who.staff(), clock.now()
    with transaction():
        booking = get_payable(reference)
        is_clinic = is_own_diary(me, booking.practitioner_id)
        audit.read(
            me,
            "booking",
            now,
            patient_id=booking.patient_id,
            subject=booking.reference,
            part="" if is_clinic else "money",
        )
    shared = _shared(booking, problem, newer)
    if not is_clinic:
        return render_template("staff/bookings/money_only.html", **shared)
    return render_template("staff/bookings/panel.html", **shared, **_for_clinic(booking, me, now))


def again(reference: str) -> Again:
    """The panel once more, with what stood in the way."""
    return lambda problem, newer: page(reference, problem, newer)


def state_words(booking: Booking) -> tuple[str, str]:
    """What a state is called, and its icon."""
    if booking.status == Status.CANCELLED and booking.confirmed_at is None:
        return "Let go", "cross"
    return STATES.get(booking.status) or OTHER_STATES[booking.status]


def _shared(booking: Booking, problem: str | None, newer: Sequence[BookingEvent]) -> dict[str, Any]:
    zone, me = current_app.config["PORTAL"].zone, who.staff()
    told = request.args.get("told", "") if request.method == "GET" else ""
    return {
        "booking": booking,
        "state": state_words(booking),
        "money": money_words.of(booking, zone),
        "seen": desk.last_event(booking.id),
        "problem": problem,
        "newer": history_words.lines(newer, zone),
        "told": TOLD.get(told),
        "told_key": told,
        "about": request.args.get("about", ""),
        "can_take_money": me.may(DESK | MONEY),
    }


def _for_clinic(booking: Booking, me: Staff, now: datetime) -> dict[str, Any]:
    zone, change = current_app.config["PORTAL"].zone, undo.find_open(booking, now)
    return {
        "news": _news(booking, change, now) if change is not None else None,
        "is_desk": me.may(DESK),
        "mismatch": mismatch(booking.says_new, booking.appointment_type.who_may_book),
        "can_read_answers": answers.may_read(booking, me),
        "forms": _forms(booking),
        "sync": sync_words.of(booking, zone, now),
        "notes": notes.of(booking),
        "history": history_words.of(booking, zone),
        "steps": _steps(booking) if booking.starts_at - now < SAME_DAY else [],
        "step_back": desk.ONE_BACK.get(booking.status),
        "is_coming": booking.is_confirmed and booking.starts_at > now,
        "has_begun": booking.starts_at <= now,
        "is_lapsed": booking.is_lapsed(now),
        "is_ours": booking.source == desk.SOURCE,
        "may_give": desk.may_give(booking),
        "can_extend": booking.hold_expires_at is not None
        and booking.hold_expires_at < booking.held_at + clinic.holds().longest,
        "later": slot_list.value_of(booking.starts_at + LATER, booking.practitioner_id),
        "move_from": booking.starts_at.astimezone(zone).date().isoformat(),
        "request_key": secrets.token_hex(6),
        "cancelled_words": _cancelled_words(booking),
    }


def _steps(booking: Booking) -> list[tuple[Status, str]]:
    """The next steps of the day, as the table of transitions has them, and what their buttons say."""
    after = {
        Status.CONFIRMED: [(Status.ARRIVED, "Arrived")],
        Status.ARRIVED: [(Status.IN_SESSION, "Session begins")],
        Status.IN_SESSION: [(Status.COMPLETED, "Completed")],
        Status.DID_NOT_ARRIVE: [(Status.ARRIVED, "Arrived after all")],
    }
    return after.get(booking.status, [])


def _news(booking: Booking, change: StaffChange, now: datetime) -> News:
    if change.kind not in MAIL_OF or booking.patient is None:
        return News(change)
    kind = MAIL_OF[change.kind]
    if kind == MailKind.MOVED and booking.starts_at <= now:
        return News(change, problem="The visit has begun, so there is nothing to tell any more.")
    try:
        mail = letter.preview(booking, kind, current_app.config["PORTAL"], now)
    except BadAddress:
        return News(change, problem="There is no mail address that can be used. Please call.")
    plain = mail.get_body(("plain",))
    assert plain is not None
    return News(change, mail["Subject"], booking.patient.email, plain.get_content().strip())


def _forms(booking: Booking) -> list[FormState]:
    wanted = [submit.questions_form(booking), submit.intake_form(booking)]
    return [_form_state(booking, form) for form in wanted if form is not None]


def _form_state(booking: Booking, form: FormDefinition) -> FormState:
    if submit.is_complete(booking, form):
        return FormState(form.title, "Completed", is_done=True)
    return FormState(form.title, "Begun" if submit.is_begun(booking, form) else "Not begun", is_done=False)


def _cancelled_words(booking: Booking) -> str:
    if not booking.is_cancelled or booking.confirmed_at is None:
        return ""
    return "The patient wished it." if booking.cancelled_by == "patient" else "The clinic could not keep it."
