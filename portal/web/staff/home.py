"""Today: what needs a person, and where there is room in the week."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from flask import Blueprint, current_app, render_template, url_for
from flask.typing import ResponseReturnValue

from portal import clock
from portal.bookings.scope import is_own_diary
from portal.catalogue import offer
from portal.db import db
from portal.scheduling import gaps
from portal.scheduling.gaps import Gaps
from portal.staff import tasks
from portal.staff.access import CLINIC, Staff
from portal.staff.models import StaffTask
from portal.web import access
from portal.web.staff import task_rows, who

bp = Blueprint("home", __name__)

SHOWN_TASKS = 8
DAYS_AHEAD = 7
DIARY = "staff.diary.day"


@dataclass(frozen=True)
class Cell:
    """One practitioner's day: open minutes, and the diary's address for those who may open it."""

    day: date
    minutes: int
    href: str | None


@bp.get("")
def today() -> ResponseReturnValue:
    me, now = who.staff(), clock.now()
    opened = tasks.visible_to(me).where(StaffTask.done_at.is_(None)).order_by(StaffTask.created_at, StaffTask.id)
    found = list(db.session.scalars(opened.limit(SHOWN_TASKS + 1)))
    day = now.astimezone(current_app.config["PORTAL"].zone).date()
    days = [day + timedelta(days=n) for n in range(DAYS_AHEAD)]
    return render_template(
        "staff/today.html",
        day=day,
        rows=task_rows.of(found[:SHOWN_TASKS], me),
        has_more=len(found) > SHOWN_TASKS,
        shows_gaps=me.may(CLINIC),
        days=days,
        gaps=_gaps(days, me, now) if me.may(CLINIC) else [],
    )


def _gaps(days: list[date], me: Staff, now: datetime) -> list[tuple[str, list[Cell]]]:
    """A row per practitioner, a cell per day; practitioners see their own."""
    types = [each for service in offer.services_on_show() for each in service.types if offer.is_bookable(each, now)]
    found = gaps.between(types, days[0], days[-1], now, current_app.config["PORTAL"].zone)
    shown = [each for each in found if is_own_diary(me, each.practitioner.id)]
    has_diary = access.may_open(me, DIARY)
    return [(each.practitioner.name, [_cell(each, day, has_diary) for day in days]) for each in shown]


def _cell(found: Gaps, day: date, has_diary: bool) -> Cell:
    href = url_for(DIARY, date=day.isoformat(), practitioner=found.practitioner.slug) if has_diary else None
    return Cell(day, found.minutes.get(day, 0), href)
