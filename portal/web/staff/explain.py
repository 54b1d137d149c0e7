"""Explain a time: the first rule that keeps it from being booked, in words, and where that rule is changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, current_app, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from portal import clock, words
from portal.catalogue import offer
from portal.catalogue.models import AppointmentType
from portal.db import db
from portal.scheduling import availability
from portal.scheduling.blocks import Rule
from portal.scheduling.explain import Reason
from portal.staff.models import Practitioner
from portal.web import access
from portal.web.staff import who

bp = Blueprint("explain", __name__, url_prefix="/explain")

TYPE_RULES = {Rule.NOT_OFFERED, Rule.TOO_SOON, Rule.TOO_FAR, Rule.OFF_GRID, Rule.TYPE_CAP}
DIARY_RULES = {Rule.TAKEN, Rule.BUFFER, Rule.BUSY, Rule.FULL}


@dataclass(frozen=True)
class Asked:
    """What was asked, as far as it could be read; `errors` are by field."""

    type: AppointmentType | None
    practitioner: Practitioner | None
    starts_at: datetime | None
    errors: dict[str, str]

    @property
    def is_whole(self) -> bool:
        return self.type is not None and self.starts_at is not None and not self.errors


@dataclass(frozen=True)
class Link:
    words: str
    href: str


@bp.get("")
def time() -> ResponseReturnValue:
    now, zone = clock.now(), current_app.config["PORTAL"].zone
    types = list(db.session.scalars(select(AppointmentType).order_by(AppointmentType.position, AppointmentType.name)))
    people = list(db.session.scalars(select(Practitioner).order_by(Practitioner.position, Practitioner.name)))
    asked = _read(types, people, zone)
    page = render_template(
        "staff/explain.html",
        types=types,
        people=people,
        asked=asked,
        start=request.args.get("start", ""),
        zone=zone,
        **_answer(asked, now, zone),
    )
    return make_response(page, 422 if asked.errors else 200)


def _read(types: list[AppointmentType], people: list[Practitioner], zone: ZoneInfo) -> Asked:
    """An empty address asks nothing and has no errors."""
    wanted, whom, typed = (request.args.get(name, "").strip() for name in ("type", "practitioner", "start"))
    chosen = next((each for each in types if each.slug == wanted), None)
    person = next((each for each in people if each.slug == whom), None)
    starts_at = _instant(typed, zone)
    errors: dict[str, str] = {}
    if request.args:
        errors |= {"type": "Choose what is to be booked."} if chosen is None else {}
        errors |= {"practitioner": "Choose one of the practitioners, or anybody."} if whom and person is None else {}
        errors |= {"start": "Enter a day and a time."} if starts_at is None else {}
    return Asked(chosen, person, starts_at, errors)


def _instant(typed: str, zone: ZoneInfo) -> datetime | None:
    """A time without a zone is the clinic's."""
    try:
        found = datetime.fromisoformat(typed)
    except ValueError:
        return None
    if not 2000 <= found.year <= 2100:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)


def _answer(asked: Asked, now: datetime, zone: ZoneInfo) -> dict[str, object]:
    if not asked.is_whole:
        return {"verdict": None, "links": [], "reason": None}
    assert asked.type is not None
    assert asked.starts_at is not None
    if asked.starts_at <= now:
        return {"verdict": "This time has passed.", "links": _diary_links(asked, zone), "reason": None}
    if not offer.is_bookable(asked.type, now):
        told = "This type cannot be booked: it is off sale, or has no length or no price yet."
        return {"verdict": told, "links": _type_links(asked.type), "reason": None}
    person_id = asked.practitioner.id if asked.practitioner else None
    reason = availability.explain(asked.type, person_id, asked.starts_at, now)
    if reason is None:
        day = asked.starts_at.astimezone(zone).date().isoformat()
        href = url_for("times.times", type_slug=asked.type.slug, **_from(day))
        return {"verdict": None, "is_open": True, "links": [Link("See it as patients do", href)], "reason": None}
    return {"verdict": _sentence(reason), "links": _links(reason, asked, zone), "reason": reason}


def _sentence(reason: Reason) -> str:
    return f"{reason.words[:1].upper()}{reason.words[1:]}."


def _links(reason: Reason, asked: Asked, zone: ZoneInfo) -> list[Link]:
    """Where the rule is changed, or what stands in the way; only pages that they may open."""
    assert asked.type is not None
    assert asked.starts_at is not None
    if reason.rule in TYPE_RULES:
        return _type_links(asked.type)
    if reason.rule in DIARY_RULES:
        return _diary_links(asked, zone)
    return _clinic_links(reason.rule, asked, zone)


def _clinic_links(rule: Rule, asked: Asked, zone: ZoneInfo) -> list[Link]:
    person = asked.practitioner
    if rule == Rule.OUTSIDE_HOURS and person is not None and asked.type is not None and asked.starts_at is not None:
        day, calendar = asked.starts_at.astimezone(zone).date().isoformat(), asked.type.calendar_slug
        href = url_for("staff.hours.listed", slug=person.slug, calendar=calendar, **_from(day))
        extra = url_for("staff.extra_hours.listed", practitioner=person.slug)
        return [Link(f"Hours of {person.name}", href), Link("Add extra hours", extra)]
    if rule == Rule.HOLIDAY and asked.starts_at is not None:
        return [Link("Public holidays", url_for("staff.holidays.listed", year=asked.starts_at.astimezone(zone).year))]
    if rule in (Rule.CLOSED, Rule.LEAVE):
        return [Link("Closures and leave", url_for("staff.closures.listed"))]
    if rule == Rule.NO_ROOM:
        return [Link("Places and rooms", url_for("staff.places.listed")), *_diary_links(asked, zone)]
    if person is not None:
        return [Link(person.name, url_for("staff.practitioners.page", slug=person.slug))]
    return [Link("Practitioners", url_for("staff.practitioners.listed"))]


def _from(day: str) -> dict[str, Any]:
    """As a name of its own it would be a keyword of Python."""
    return {"from": day}


def _type_links(appointment_type: AppointmentType) -> list[Link]:
    if not access.may_open(who.staff(), "staff.catalogue.type_page"):
        return []
    return [Link("Rules of this type", url_for("staff.catalogue.type_page", slug=appointment_type.slug))]


def _diary_links(asked: Asked, zone: ZoneInfo) -> list[Link]:
    assert asked.starts_at is not None
    day = asked.starts_at.astimezone(zone).date()
    whose: dict[str, Any] = {"practitioner": asked.practitioner.slug} if asked.practitioner else {}
    return [Link(f"Diary of {words.day(day)}", url_for("staff.diary.day", date=day.isoformat(), **whose))]
