"""What the clinic sells and when it is free, as JSON for the clinic's other pages: read only, for everybody."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request, url_for
from flask.typing import ResponseReturnValue

from portal.catalogue import offer
from portal.catalogue.models import AppointmentType, Service
from portal.clock import now
from portal.config import Settings
from portal.db import db
from portal.scheduling import availability
from portal.web import openapi
from portal.web.limits import limit, limiter
from portal.web.problems import problem

bp = Blueprint("api", __name__, url_prefix="/api/v1")

# Only years that arithmetic on either side stays inside of.
_DAY = re.compile(r"2\d{3}-\d{2}-\d{2}", re.ASCII)
_NUMBER = re.compile(r"\d{1,3}", re.ASCII)


class BadParameters(ValueError):
    """A sentence for each wrong parameter, by its name."""

    def __init__(self, words: dict[str, str]) -> None:
        super().__init__(" ".join(words.values()))
        self.words = words


@dataclass(frozen=True)
class Wanted:
    """What the parameters ask for. The last day is included."""

    first: date
    last: date
    practitioner: str | None

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]


@bp.get("/services")
@limiter.limit(lambda: limit("api"))
def services() -> ResponseReturnValue:
    _parameters()
    at = now()
    return jsonify(services=[_service(each, at) for each in offer.services_on_show()])


@bp.get("/types/<type_slug>/times")
@limiter.limit(lambda: limit("api"))
def times(type_slug: str) -> ResponseReturnValue:
    """The same answer that the page of times shows and that a hold is judged by."""
    at, zone = now(), _settings().zone
    wanted = _wanted(at.astimezone(zone).date())
    # Looking needs no transaction: the two rounds to the database that frame one are saved.
    db.session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
    try:
        appointment_type = offer.on_sale(type_slug, at)
    except offer.NotOnSale:
        return problem(404, "There is no such appointment type, or it cannot be booked at the moment.")
    table = availability.timetable(appointment_type, wanted.first, wanted.last, at)
    slugs = {who.id: who.slug for who in table.practitioners}
    if wanted.practitioner is not None and wanted.practitioner not in slugs.values():
        raise BadParameters({"practitioner": "practitioner must be the slug of somebody who offers this type."})
    by_day: dict[date, list[dict[str, str]]] = defaultdict(list)
    for slot in table.open_slots:
        starts_at, who = slot.starts_at.astimezone(zone), slugs[slot.practitioner_id]
        if wanted.practitioner in (None, who):
            by_day[starts_at.date()].append({"starts_at": starts_at.isoformat(), "practitioner": who})
    days = [{"date": day.isoformat(), "times": by_day.get(day, [])} for day in wanted.days]
    return jsonify(type=appointment_type.slug, zone=zone.key, days=days)


@bp.get("/openapi.json")
@limiter.limit(lambda: limit("api"))
def description() -> ResponseReturnValue:
    _parameters()
    return jsonify(openapi.document(_settings().public_url))


@bp.errorhandler(BadParameters)
def bad_parameters(error: BadParameters) -> ResponseReturnValue:
    return problem(400, str(error), error.words)


@bp.after_request
def answer_if_changed(response: Response) -> Response:
    """Whoever has this very answer already gets 304. The headers of all pages are added later."""
    if response.status_code == 200:
        response.add_etag()
        response.make_conditional(request)
    return response


def _service(service: Service, at: datetime) -> dict[str, Any]:
    opens_on = offer.launch_day(service, at.astimezone(_settings().zone).date())
    return {
        "slug": service.slug,
        "name": service.name,
        "status": service.status,
        "summary": service.summary,
        "opens_on": opens_on.isoformat() if opens_on and service.is_coming_soon else None,
        "page_url": _address("grid.service", slug=service.slug),
        "types": [_type(each, at) for each in offer.listed_types(service)],
    }


def _type(appointment_type: AppointmentType, at: datetime) -> dict[str, Any]:
    price, can_book = appointment_type.price_at(at), offer.is_bookable(appointment_type, at)
    slug = appointment_type.slug
    return {
        "slug": slug,
        "name": appointment_type.name,
        "summary": appointment_type.summary,
        "kind": appointment_type.kind,
        "mode": appointment_type.mode,
        "who_may_book": appointment_type.who_may_book,
        "length_minutes": appointment_type.length_minutes,
        "price_cents": price.amount_cents if price else None,
        "book_url": _address("times.times", type_slug=slug) if can_book else None,
        "times_url": _address("api.times", type_slug=slug) if can_book else None,
    }


def _address(endpoint: str, **values: Any) -> str:
    return _settings().public_url + url_for(endpoint, **values)


def _settings() -> Settings:
    found: Settings = current_app.config["PORTAL"]
    return found


def _wanted(today: date) -> Wanted:
    """From today, for a week, with everybody, unless the parameters say otherwise. Raises BadParameters."""
    given = _parameters("from", "days", "practitioner")
    wrong = {}
    first, days = _day(given.get("from", today.isoformat())), _count(given.get("days", str(openapi.USUAL_DAYS)))
    if first is None:
        wrong["from"] = "from must be a day such as 2026-12-01."
    if days is None:
        wrong["days"] = f"days must be a whole number from 1 to {openapi.MOST_DAYS}."
    if first is None or days is None:
        raise BadParameters(wrong)
    return Wanted(first, first + timedelta(days=days - 1), given.get("practitioner"))


def _parameters(*known: str) -> dict[str, str]:
    """The parameters given. A mistyped one would change the answer unseen, so it is refused. Raises BadParameters."""
    wrong = {}
    for name, values in request.args.lists():
        if name not in known:
            expected = f"known here: {', '.join(known)}." if known else "there are none here."
            wrong[name[:40]] = f"{name[:40]} is no parameter; {expected}"
        elif len(values) > 1:
            wrong[name] = f"{name} may be given only once."
    if wrong:
        raise BadParameters(wrong)
    return request.args.to_dict()


def _day(given: str) -> date | None:
    try:
        return date.fromisoformat(given) if _DAY.fullmatch(given) else None
    except ValueError:
        return None


def _count(given: str) -> int | None:
    return int(given) if _NUMBER.fullmatch(given) and 1 <= int(given) <= openapi.MOST_DAYS else None
