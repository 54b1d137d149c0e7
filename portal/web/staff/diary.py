"""The diary: a day with a column for each practitioner, a week, and a list of who comes."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, abort, current_app, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from portal import clock
from portal.bookings import diary
from portal.bookings.diary import Diary, NoSuchDiary
from portal.db import db, transaction
from portal.scheduling.models import Location
from portal.staff import audit
from portal.staff.access import Staff
from portal.web.staff import diary_asked, diary_badges, diary_cards, diary_views, who
from portal.web.staff.diary_asked import Asked
from portal.web.staff.diary_cards import Cards

bp = Blueprint("diary", __name__, url_prefix="/diary")


@bp.get("")
def day() -> ResponseReturnValue:
    """A day unless the address asks for another view. Whoever reads names is written down, once, with all of them."""
    me, now, zone = who.staff(), clock.now(), current_app.config["PORTAL"].zone
    today = now.astimezone(zone).date()
    asked = diary_asked.read(request.args, today)
    places = db.session.execute(select(Location.slug, Location.name, Location.id).order_by(Location.name)).all()
    location_id = next((id for slug, _, id in places if slug == asked.location), None)
    with transaction():
        try:
            found = diary.read(
                me,
                asked.first,
                asked.last,
                zone,
                now,
                practitioner=asked.practitioner,
                location_id=location_id,
                states=asked.states,
            )
        except NoSuchDiary:
            abort(404)
        badges = diary_badges.of(found.visits, me)
        _write_down(me, found, asked, now)
    cards = Cards(me, zone, badges)
    return render_template(
        "staff/diary/page.html",
        asked=asked,
        today=today,
        diary=found,
        places=places,
        states=diary_cards.STATES,
        hidden=sum(column.hidden for column in found.columns),
        cancelled=sum(column.cancelled for column in found.columns),
        **diary_views.of(asked, found, cards, now),
    )


def _write_down(me: Staff, found: Diary, asked: Asked, now: datetime) -> None:
    shown = [visit for visit in diary_views.shown(asked, found) if visit.patient_name]
    if not shown:
        return
    whose = {visit.practitioner_id for visit in shown}
    names = dict.fromkeys(column.who.slug for column in found.columns if column.who.id in whose)
    days = asked.first.isoformat() if asked.first == asked.last else f"{asked.first} to {asked.last}"
    audit.read_list(me, "diary", now, [visit.patient_id for visit in shown], subject=days, part=", ".join(names))
