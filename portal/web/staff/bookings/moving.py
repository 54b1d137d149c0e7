"""Moving a visit: from the list of times, by a quarter of an hour, or to any time for a typed reason."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import current_app, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal import clock
from portal.bookings import desk, overrides
from portal.bookings.auditing import write_down
from portal.bookings.models import Booking, BookingEvent
from portal.db import transaction
from portal.scheduling import availability
from portal.scheduling.facts import Offering
from portal.staff.access import Staff
from portal.staff.models import Action
from portal.web.booking import listing, slot_list
from portal.web.htmx import go, is_htmx
from portal.web.staff import who
from portal.web.staff.bookings import history_words, panel
from portal.web.staff.bookings.desk import Act, act, bp, get
from portal.web.staff.bookings.typed_time import TypedTimeForm


@bp.get("/<reference>/move")
def move_page(reference: str) -> ResponseReturnValue:
    booking = get(reference)
    if not booking.is_confirmed:
        return go(url_for(".panel", reference=reference))
    return _page(booking)


@bp.post("/<reference>/moves")
def move(reference: str) -> ResponseReturnValue:
    booking = get(reference)
    if not booking.is_confirmed:
        return make_response(panel.page(reference, "This visit cannot be moved any more."), 422)
    form = None
    if "clock" in request.form:
        form = _form(booking)
        chosen = _typed(form, booking)
    else:
        chosen = _from_list(request.form.get("slot", ""))
    if chosen is None:
        words = None if form is not None else "Choose a time, then move the visit."
        return make_response(_page(booking, problem=words, form=form), 422)
    return act(reference, chosen, lambda problem, newer: _page(get(reference), problem, newer, form=form), told="moved")


def _typed(form: TypedTimeForm, booking: Booking) -> Act | None:
    if not form.validate():
        return None
    people = _people(booking)
    place = form.place(people, booking.appointment_type, _zone(), clock.now(), booking)
    if place is None:
        return None
    if place.reason:
        return lambda locked, me, now: overrides.move_anyway(locked, place, me, now)
    return _move_to(place.starts_at, place.practitioner_id)


def _from_list(value: str) -> Act | None:
    chosen = slot_list.read_value(value.strip())
    return _move_to(*chosen) if chosen is not None else None


def _move_to(starts_at: datetime, practitioner_id: int | None) -> Act:
    def do(booking: Booking, me: Staff, now: datetime) -> None:
        desk.move(booking, starts_at, me, now, practitioner_id=practitioner_id)

    return do


def _page(
    booking: Booking,
    problem: str | None = None,
    newer: Sequence[BookingEvent] = (),
    form: TypedTimeForm | None = None,
) -> str:
    shown = _times(booking, problem)
    if is_htmx():
        return render_template("booking/_times.html", **shown)
    with transaction():
        write_down(booking, Action.READ, who.staff(), clock.now(), part="move")
        return render_template(
            "staff/bookings/move.html",
            booking=booking,
            seen=desk.last_event(booking.id),
            newer=history_words.lines(newer, _zone()),
            form=form or _form(booking, formdata=None),
            **shown,
        )


def _times(booking: Booking, problem: str | None) -> dict[str, Any]:
    """The same list of times as the patient's, without what is only theirs."""
    reference = booking.reference
    shown = listing.context(
        booking.appointment_type,
        form_action=url_for(".move", reference=reference),
        here=url_for(".move_page", reference=reference),
        zone_path="",
        error=problem,
        moving=booking,
    )
    hidden = {"seen": desk.last_event(booking.id)}
    return shown | {"zone_href": None, "times_button": "Move the visit", "hidden": hidden}


def _form(booking: Booking, **filled: Any) -> TypedTimeForm:
    local = booking.starts_at.astimezone(_zone())
    data = {"day": local.date(), "clock": local.time(), "with_whom": booking.practitioner.slug}
    return TypedTimeForm.offering(_people(booking), data=data, **filled)


def _people(booking: Booking) -> tuple[Offering, ...]:
    day, now = booking.starts_at.astimezone(_zone()).date(), clock.now()
    return availability.timetable(booking.appointment_type, day, day, now).practitioners


def _zone() -> ZoneInfo:
    return current_app.config["PORTAL"].zone  # type: ignore[no-any-return]
