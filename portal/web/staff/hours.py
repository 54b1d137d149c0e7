"""A practitioner's weekly hours: several ranges a day, from a day on, with what patients would see beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, current_app, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from portal import clock, words
from portal.bookings import outside_hours
from portal.bookings.models import Booking
from portal.catalogue.models import Calendar
from portal.db import db, transaction
from portal.scheduling import places, week
from portal.scheduling.week import HoursChanged
from portal.staff import audit
from portal.staff.access import MANAGERS
from portal.staff.models import Action, AuditEntry, Practitioner
from portal.web.htmx import go
from portal.web.staff import patient_view, week_form, who
from portal.web.staff.patient_view import Line
from portal.web.staff.week_form import WeekForm

bp = Blueprint("hours", __name__, url_prefix="/practitioners/<slug>/hours")

KIND = "hours"


@dataclass
class Shown:
    """A page of hours: whose, in which calendar, and for which days."""

    person: Practitioner
    calendar: Calendar
    first: date
    last: date | None
    seen: str
    form: WeekForm
    errors: dict[str, str]
    changed_by_others: list[str]
    typed_days: tuple[str, str]


@bp.get("")
def listed(slug: str) -> ResponseReturnValue:
    person, calendar = _person(slug), _calendar(slug, request.args.get("calendar"))
    rows, first = week.rows_of(person.id, calendar.slug), _first(request.args.get("from", ""))
    period = next(each for each in reversed(week.periods(rows, _today())) if each.first <= first)
    form = week_form.of_hours(period.hours)
    typed = first.isoformat(), period.last.isoformat() if period.last else ""
    shown = Shown(person, calendar, first, period.last, week.written(rows), form, {}, [], typed)
    return _page(shown, *_seen_by_patients(shown))


@bp.post("")
def save(slug: str) -> ResponseReturnValue:
    """Save, or only look at what would follow, or ask for another line. What was typed is never lost."""
    person, calendar = _person(slug), _calendar(slug, request.form.get("calendar"))
    act = request.form.get("act", "save")
    shown = _typed(person, calendar, more=act == "more")
    if act == "more":
        shown.errors, shown.form.errors = {}, {}
        return _page(shown, [], [])
    if shown.errors:
        return make_response(_page(shown, [], []), 422)
    if act == "preview":
        with _as_if_saved(shown):
            found = _seen_by_patients(shown)
            return _page(shown, *found, is_trial=True)
    try:
        with transaction():
            week.replace(person.id, calendar.slug, shown.form.hours, shown.first, shown.last, seen=shown.seen)
            now = clock.now()
            audit.record(who.staff(), Action.CHANGED, KIND, now, subject=_subject(shown), part=f"from {shown.first}")
    except HoursChanged:
        return make_response(_changed_by_others(shown), 422)
    days: dict[str, Any] = {"from": shown.first.isoformat()}
    return go(url_for(".listed", slug=slug, calendar=calendar.slug, **days, saved=1))


def _typed(person: Practitioner, calendar: Calendar, *, more: bool) -> Shown:
    known = places.everywhere()
    telehealth = [place.id for place in known if place.is_telehealth]
    form = week_form.read(request.form, [place.id for place in known], telehealth, more=more)
    days = request.form.get("first", "").strip(), request.form.get("last", "").strip()
    first, last, errors = _days(*days)
    seen = request.form.get("seen", "")
    return Shown(person, calendar, first, last, seen, form, errors | form.errors, [], days)


def _days(typed_first: str, typed_last: str) -> tuple[date, date | None, dict[str, str]]:
    """From when and until when, and what is wrong with either."""
    first, last = _read_day(typed_first), _read_day(typed_last)
    errors = {}
    if first is None:
        errors["first"] = "Enter the day from which these hours hold."
    elif first < _today():
        errors["first"] = "Hours of past days stay as they were. Choose today or later."
    if typed_last and last is None:
        errors["last"] = "Enter a date, such as 27/03/2027, or leave it empty."
    elif first and last and last < first:
        errors["last"] = "The last day is before the first."
    return first or _today(), last, errors


@contextmanager
def _as_if_saved(shown: Shown) -> Iterator[None]:
    """The very function that patients ask answers over the edited rows; nothing of it stays."""
    trial = db.session.begin_nested()
    try:
        rows = week.rows_of(shown.person.id, shown.calendar.slug)
        week.write(shown.person.id, shown.calendar.slug, rows, shown.form.hours, shown.first, shown.last)
        yield
    finally:
        trial.rollback()


def _seen_by_patients(shown: Shown) -> tuple[list[Line], list[Booking]]:
    """The free times of the week that begins on the first day, and the visits that stand outside the hours."""
    now = clock.now()
    lines = patient_view.of(shown.person, shown.calendar.slug, shown.first, now, _zone())
    visits = outside_hours.visits(shown.person.id, shown.calendar.slug, shown.first, shown.last, now)
    return lines, visits


def _changed_by_others(shown: Shown) -> str:
    """Somebody else was faster: say what they changed and keep what was typed. Sent again, it replaces theirs."""
    rows = week.rows_of(shown.person.id, shown.calendar.slug)
    names = {place.id: place.name for place in places.everywhere()}
    shown.changed_by_others = week.differences(shown.seen, rows, names)
    shown.seen = week.written(rows)
    entry = db.session.scalars(
        select(AuditEntry)
        .where(AuditEntry.kind == KIND, AuditEntry.subject == _subject(shown))
        .order_by(AuditEntry.id.desc())
        .limit(1)
    ).one_or_none()
    by = entry.staff_member.name if entry and entry.staff_member else "Somebody"
    at = f" at {words.clock(entry.at, _zone())}" if entry else ""
    shown.errors = {"save": f"{by} has changed these hours{at}. Nothing of yours is saved yet."}
    return _page(shown, [], [])


def _page(shown: Shown, lines: Sequence[Line], outside: Sequence[Booking], *, is_trial: bool = False) -> str:
    rows, known = week.rows_of(shown.person.id, shown.calendar.slug), places.everywhere()
    with db.session.no_autoflush:
        return render_template(
            "staff/hours/week.html",
            shown=shown,
            calendars=db.session.scalars(select(Calendar).order_by(Calendar.name)).all(),
            periods=week.periods(rows, _today()),
            places=known,
            place_names={place.id: place.name for place in known},
            strip=lines,
            strip_days=[shown.first + timedelta(days=n) for n in range(patient_view.DAYS)],
            outside=outside,
            is_trial=is_trial,
            is_saved="saved" in request.args and request.method == "GET",
            can_change=who.staff().may(MANAGERS),
            weekdays=week.DAYS,
            zone=_zone(),
        )


def _subject(shown: Shown) -> str:
    return f"{shown.person.slug}/{shown.calendar.slug}"


def _person(slug: str) -> Practitioner:
    found = db.session.scalars(select(Practitioner).where(Practitioner.slug == slug)).one_or_none()
    return found if found is not None else abort(404)


def _calendar(slug: str, asked: str | None) -> Calendar:
    """The one asked for, else the first in which they have hours, else the first there is."""
    calendars = list(db.session.scalars(select(Calendar).order_by(Calendar.name)))
    if not calendars or (asked and asked not in [each.slug for each in calendars]):
        abort(404)
    own = {each.slug for each in calendars if not asked and week.rows_of(_person(slug).id, each.slug)}
    return next((each for each in calendars if each.slug == asked or each.slug in own), calendars[0])


def _first(typed: str) -> date:
    return max(_read_day(typed) or _today(), _today())


def _read_day(typed: str) -> date | None:
    try:
        day = date.fromisoformat(typed)
    except ValueError:
        return None
    return day if 2000 <= day.year <= 2100 else None


def _today() -> date:
    return clock.now().astimezone(_zone()).date()


def _zone() -> ZoneInfo:
    found: ZoneInfo = current_app.config["PORTAL"].zone
    return found
