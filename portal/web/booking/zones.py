"""Whose clock a time is told by: a visit in person keeps that of its place, telehealth that of the clinic.

Somebody who joins a telehealth visit from elsewhere may add a second zone: chosen by them, kept in their session. It is
never guessed: where somebody is tells more about them than we need to know.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, current_app, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from portal import words
from portal.bookings.models import Booking
from portal.catalogue import offer
from portal.catalogue.models import AppointmentType
from portal.clock import now
from portal.web.booking import narrow, visitor
from portal.web.htmx import go
from portal.web.limits import limit, limit_reads, limiter

bp = Blueprint("zones", __name__)

# zone -> what people call its time, and whom the name may not tell enough
AUSTRALIA = {
    "Australia/Adelaide": ("Adelaide", "South Australia"),
    "Australia/Brisbane": ("Brisbane", "Queensland"),
    "Australia/Broken_Hill": ("Broken Hill", "far west of New South Wales"),
    "Indian/Christmas": ("Christmas Island", ""),
    "Indian/Cocos": ("Cocos Islands", ""),
    "Australia/Darwin": ("Darwin", "Northern Territory"),
    "Australia/Eucla": ("Eucla", "south-east of Western Australia"),
    "Australia/Hobart": ("Hobart", "Tasmania"),
    "Australia/Lord_Howe": ("Lord Howe Island", ""),
    "Australia/Melbourne": ("Melbourne", "Victoria"),
    "Pacific/Norfolk": ("Norfolk Island", ""),
    "Australia/Perth": ("Perth", "Western Australia"),
    "Australia/Sydney": ("Sydney", "New South Wales and Canberra"),
}
ELSEWHERE = {
    "Asia/Makassar": ("Bali", ""),
    "Pacific/Fiji": ("Fiji", ""),
    "Asia/Tokyo": ("Japan", ""),
    "Europe/London": ("London", ""),
    "Pacific/Auckland": ("New Zealand", ""),
    "Pacific/Port_Moresby": ("Papua New Guinea", ""),
    "Asia/Singapore": ("Singapore", ""),
}
PLACES = AUSTRALIA | ELSEWHERE


def chosen() -> ZoneInfo | None:
    """The zone that this visitor wants to see beside the clinic's."""
    key = session.get("zone")
    return ZoneInfo(key) if key in PLACES and key != _clinic_zone().key else None


def of_booking(booking: Booking) -> ZoneInfo:
    """The zone that its time is told in, also by its mails."""
    return _clinic_zone() if booking.location.is_telehealth else ZoneInfo(booking.location.zone)


def place(zone: ZoneInfo) -> str:
    """ "Perth", as in "Perth time"."""
    known = PLACES.get(zone.key)
    return known[0] if known else zone.key.rpartition("/")[2].replace("_", " ")


def beside(instant: datetime, zone: ZoneInfo, second: ZoneInfo | None) -> str | None:
    """ "7:00 am Perth time", with the weekday where it is another one; None while both clocks show the same."""
    if second is None:
        return None
    here, there = instant.astimezone(zone), instant.astimezone(second)
    if here.utcoffset() == there.utcoffset():
        return None
    day = f" {there:%A}," if here.date() != there.date() else ""
    return f"{words.clock(instant, second)}{day} {place(second)} time"


def beside_booking(booking: Booking) -> str | None:
    """The time of a telehealth visit where the visitor lives."""
    return beside(booking.starts_at, _clinic_zone(), chosen()) if booking.location.is_telehealth else None


def explained(starts: Sequence[datetime], zone: ZoneInfo, second: ZoneInfo | None) -> str | None:
    """The line above a list of times about the second zone."""
    if second is None or not starts:
        return None
    told = [beside(each, zone, second) for each in (starts[0], starts[-1])]
    if not any(told):
        return f"It is the same time in {place(second)} on these days."
    return f"{place(second)} time is told below each" + ("." if all(told) else " that differs.")


def explained_elsewhere(others: Iterable[ZoneInfo]) -> str | None:
    """The line above a list about the zones of places that keep another clock than the list."""
    told = " or ".join(f"{place(zone)} time" for zone in others)
    return f"Where a visit takes place in {told}, that is told below it." if told else None


@bp.get("/book/<type_slug>/zone")
@limit_reads
def choose(type_slug: str) -> ResponseReturnValue:
    _telehealth(type_slug)
    return _page(_with_filters(url_for("times.times", type_slug=type_slug)))


@bp.post("/book/<type_slug>/zone")
@limiter.limit(lambda: limit("details"))
def remember(type_slug: str) -> ResponseReturnValue:
    _telehealth(type_slug)
    _remember()
    return go(_with_filters(url_for("times.times", type_slug=type_slug)))


@bp.get("/bookings/<reference>/zone")
@limit_reads
def choose_to_move(reference: str) -> ResponseReturnValue:
    visitor.known_booking(reference)
    return _page(_with_filters(url_for("confirmation.move_page", reference=reference)))


@bp.post("/bookings/<reference>/zone")
@limiter.limit(lambda: limit("details"))
def remember_to_move(reference: str) -> ResponseReturnValue:
    visitor.known_booking(reference)
    _remember()
    return go(_with_filters(url_for("confirmation.move_page", reference=reference)))


def _page(back_href: str) -> str:
    own = _clinic_zone()
    return render_template(
        "booking/zone.html",
        own_words=f"{place(own)} time",
        groups=[(name, _options(places, own)) for name, places in (("Australia", AUSTRALIA), ("Elsewhere", ELSEWHERE))],
        chosen_key=zone.key if (zone := chosen()) else "",
        back_href=back_href,
    )


def _options(places: dict[str, tuple[str, str]], own: ZoneInfo) -> list[tuple[str, str]]:
    """Each zone with its time of day now, by which people recognise theirs."""
    return [
        (key, f"{name} time{f' ({where})' if where else ''}, now {words.clock(now(), ZoneInfo(key))}")
        for key, (name, where) in places.items()
        if key != own.key
    ]


def _remember() -> None:
    wanted = request.form.get("zone", "")
    session["zone"] = wanted if wanted in PLACES else ""


def _with_filters(path: str) -> str:
    """Back to the list as it was."""
    kept = [(name, value) for name in narrow.NAMES for value in request.args.getlist(name)]
    return f"{path}?{urlencode(kept)}" if kept else path


def _telehealth(type_slug: str) -> AppointmentType:
    try:
        found = offer.on_sale(type_slug, now())
    except offer.NotOnSale:
        abort(404)
    return found if found.is_telehealth else abort(404)


def _clinic_zone() -> ZoneInfo:
    zone: ZoneInfo = current_app.config["PORTAL"].zone
    return zone
