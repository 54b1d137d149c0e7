"""Records that may be one person: a queue, two of them side by side, and the decision, which can be undone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

import phonenumbers
from flask import abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select

from portal import clock, words
from portal.bookings import merge as merging
from portal.bookings import same_people
from portal.bookings.merge import AlreadyMerged, NotTheLast
from portal.bookings.models import Booking
from portal.db import db, transaction
from portal.patients.models import Patient, PatientMerge
from portal.staff import audit
from portal.staff.access import Staff
from portal.staff.models import StaffMember
from portal.web.booking.details_form import GENDERS
from portal.web.htmx import go
from portal.web.staff import row_ids, who
from portal.web.staff.patients import desk
from portal.web.staff.patients.desk import bp

Decision = Callable[[Patient, Patient, Staff, datetime], None]
AUSTRALIA = 61
LATER_FIRST = "That record has been joined to another one since. Undo that first."
GONE_MEANWHILE = "Somebody else has joined one of the two to another record meanwhile."


@dataclass(frozen=True)
class Line:
    """One thing that two records say."""

    label: str
    one: str
    other: str

    @property
    def is_same(self) -> bool:
        return self.one.casefold() == self.other.casefold()


@bp.get("/matches")
def matches() -> ResponseReturnValue:
    return _queue()


@bp.get("/matches/<int:one_id>/<int:other_id>")
def compare(one_id: int, other_id: int) -> ResponseReturnValue:
    one, other = _two(one_id, other_id)
    with transaction():
        for each in (one, other):
            audit.read(who.staff(), "patient", clock.now(), patient_id=each.id, part="comparison")
    return render_template("staff/patients/compare.html", one=one, other=other, lines=_lines(one, other))


@bp.post("/matches/<int:one_id>/<int:other_id>/merge")
def merge(one_id: int, other_id: int) -> ResponseReturnValue:
    """`keep` names the record whose details stay."""
    one, other = _two(one_id, other_id)
    kept, gone = (one, other) if request.form.get("keep") == str(one.id) else (other, one)
    if request.form.get("keep") != str(kept.id):
        abort(400)
    try:
        with transaction():
            made_id = merging.merge(kept.id, gone.id, who.staff(), clock.now()).id
    except AlreadyMerged:
        return _queue(GONE_MEANWHILE), 409
    return go(url_for(".matches", joined=made_id))


@bp.post("/matches/<int:one_id>/<int:other_id>/distinction")
def keep_apart(one_id: int, other_id: int) -> ResponseReturnValue:
    _decide(one_id, other_id, same_people.keep_apart)
    return go(url_for(".matches", one=one_id, other=other_id))


@bp.post("/matches/<int:one_id>/<int:other_id>/doubt")
def doubt_again(one_id: int, other_id: int) -> ResponseReturnValue:
    _decide(one_id, other_id, same_people.doubt_again)
    return go(url_for(".matches"))


@bp.post("/merges/<int:merge_id>/undoing")
def undo_merge(merge_id: int) -> ResponseReturnValue:
    made = _find_merge(merge_id) or abort(404)
    try:
        with transaction():
            came_since = merging.undo(made, who.staff(), clock.now())
    except NotTheLast:
        return _queue(LATER_FIRST), 409
    return go(url_for(".matches", parted=merge_id, since=",".join(came_since) or None))


def _queue(problem: str | None = None) -> str:
    """Names of several patients in one list: written down as one look."""
    with transaction():
        pairs, merges, apart = same_people.pairs(), _standing(), _find_apart(_number("one"), _number("other"))
        joined, parted = _find_merge(_number("joined")), _find_merge(_number("parted"))
        told = [_names(made) for made in (joined, parted) if made is not None]
        shown = [*chain(*pairs, *told, apart or ()), *(kept for _, kept, _ in merges)]
        part = f"{len(pairs)} doubtful matches"
        audit.read_list(who.staff(), audit.SEARCH, clock.now(), [each.id for each in shown], part=part)
        return render_template(
            "staff/patients/matches.html",
            pairs=[(one, other, _why(one, other)) for one, other in pairs],
            merges=merges,
            problem=problem,
            joined=joined,
            parted=parted,
            since=[each for each in request.args.get("since", "").split(",") if each],
            apart=apart,
            names=_names,
        )


def _decide(one_id: int, other_id: int, decide: Decision) -> None:
    one, other = _two(one_id, other_id)
    with transaction():
        decide(one, other, who.staff(), clock.now())


def _two(one_id: int, other_id: int) -> tuple[Patient, Patient]:
    return _find_two(one_id, other_id) or abort(404)


def _find_two(one_id: int, other_id: int) -> tuple[Patient, Patient] | None:
    """Two different records that both stand."""
    wanted = select(Patient).where(Patient.id.in_((one_id, other_id)), Patient.merged_into_id.is_(None))
    if max(one_id, other_id) >= desk.MOST_ID:
        return None
    found = {each.id: each for each in db.session.scalars(wanted)}
    return (found[one_id], found[other_id]) if len(found) == 2 else None


def _find_apart(one_id: int, other_id: int) -> tuple[Patient, Patient] | None:
    """Two whom somebody has just kept apart; an address that names any others says nothing."""
    found = _find_two(one_id, other_id)
    return found if found is not None and same_people.are_apart(*found) else None


def _find_merge(merge_id: int) -> PatientMerge | None:
    return db.session.get(PatientMerge, merge_id) if 0 < merge_id < desk.MOST_ID else None


def _number(name: str) -> int:
    return row_ids.read(request.args.get(name))


def _names(made: PatientMerge) -> tuple[Patient, Patient]:
    """Who stayed and who went."""
    return db.session.get_one(Patient, made.kept_id), db.session.get_one(Patient, made.gone_id)


def _standing() -> list[tuple[PatientMerge, Patient, str]]:
    found = merging.standing()
    kept = select(Patient).where(Patient.id.in_([each.kept_id for each in found]))
    people = {each.id: each for each in db.session.scalars(kept)}
    by = select(StaffMember.id, StaffMember.name).where(StaffMember.id.in_([each.merged_by_id for each in found]))
    names = {row.id: row.name for row in db.session.execute(by)}
    return [(each, people[each.kept_id], names[each.merged_by_id]) for each in found]


def _why(one: Patient, other: Patient) -> str:
    """What they have in common, in a few words."""
    return ", ".join(line.label.lower() for line in _contact_lines(one, other) if line.is_same and line.one != "None")


def _lines(one: Patient, other: Patient) -> list[Line]:
    return [*_contact_lines(one, other), *(Line(*each) for each in _elsewhere(one, other))]


def _contact_lines(one: Patient, other: Patient) -> list[Line]:
    return [
        Line("Given name", one.given_name, other.given_name),
        Line("Family name", one.family_name, other.family_name),
        Line("Preferred name", one.preferred_name or "None", other.preferred_name or "None"),
        Line("Born", desk.born(one.born_on), desk.born(other.born_on)),
        Line("Gender", GENDERS[one.gender], GENDERS[other.gender]),
        Line("Phone", _phone(one.mobile), _phone(other.mobile)),
        Line("E-mail", one.email, other.email),
    ]


def _elsewhere(one: Patient, other: Patient) -> list[tuple[str, str, str]]:
    visits = (
        select(Booking.patient_id, func.count(), func.min(Booking.starts_at), func.max(Booking.starts_at))
        .where(Booking.patient_id.in_((one.id, other.id)), same_people.is_settled())
        .group_by(Booking.patient_id)
    )
    known = {id: (str(count), *map(_when, (first, last))) for id, count, first, last in db.session.execute(visits)}
    none = ("0", "None", "None")
    in_medirecords = ["Known there" if each.medirecords_id else "Not there yet" for each in (one, other)]
    if one.medirecords_id and other.medirecords_id and one.medirecords_id != other.medirecords_id:
        in_medirecords = ["A record there", "Another record there"]
    labels = ("Visits", "First visit", "Last visit")
    rows = list(zip(labels, known.get(one.id, none), known.get(other.id, none), strict=True))
    return [("MediRecords", in_medirecords[0], in_medirecords[1]), *rows]


def _phone(mobile: str) -> str:
    """A number as people write it, and alike for both: one may have been typed with its country's code."""
    number = phonenumbers.parse(mobile)
    form = phonenumbers.PhoneNumberFormat
    return phonenumbers.format_number(number, form.NATIONAL if number.country_code == AUSTRALIA else form.INTERNATIONAL)


def _when(at: datetime) -> str:
    return words.brief(at, desk.zone())
