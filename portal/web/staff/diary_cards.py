"""What stands in the diary, in words: visits with their state, room to book, closed and busy time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from flask import url_for

from portal import words
from portal.bookings.diary import Column, Diary, free_spans
from portal.bookings.diary_ground import BusyOutside, Span
from portal.bookings.diary_visits import Visit
from portal.bookings.states import OCCUPYING, Status
from portal.scheduling.models import Outside
from portal.staff.access import Staff
from portal.web import access
from portal.web.staff.diary_badges import Badge
from portal.web.staff.diary_grid import Axis, Placed, side_by_side

PANEL, NEW = "staff.bookings.panel", "staff.bookings.new"

# What a state is called, and its icon.
STATES = {
    Status.HELD: ("Being booked", "clock"),
    Status.AWAITING_PAYMENT: ("Paying now", "clock"),
    Status.CONFIRMED: ("Confirmed", "calendar"),
    Status.ARRIVED: ("Arrived", "pin"),
    Status.IN_SESSION: ("In session", "speech"),
    Status.COMPLETED: ("Completed", "check"),
    Status.DID_NOT_ARRIVE: ("Did not arrive", "alert"),
    Status.CANCELLED: ("Cancelled", "cross"),
    Status.PAID_UNPLACED: ("Paid, has no time", "alert"),
}
SOURCES = {Outside.OUTLOOK: "Outlook", Outside.MEDIRECORDS: "MediRecords", Outside.CALENDLY: "Calendly"}


@dataclass(frozen=True)
class Card:
    """One thing in a column. `kind` is visit, held, over, free, closed or busy, and names its class too."""

    kind: str
    time: str
    minutes: int
    words: str  # a patient's name, or what it is
    href: str | None = None
    detail: str = ""  # the type of visit, or a reason
    state: tuple[str, str] | None = None  # words and icon
    badges: Sequence[Badge] = ()
    reference: str = ""
    who: str = ""
    label: str = ""  # for a link whose words do not say enough
    again: str | None = None  # where a time that is free once more is booked


@dataclass(frozen=True)
class Cards:
    """Makes cards for one person's pages."""

    staff: Staff
    zone: ZoneInfo
    badges: dict[int, list[Badge]]

    def of_visit(self, visit: Visit, column: Column) -> Card:
        is_over = visit.status in (Status.CANCELLED, Status.DID_NOT_ARRIVE)
        until = visit.hold_expires_at if visit.is_waiting else None
        return Card(
            kind="held" if visit.is_waiting else "over" if is_over else "visit",
            time=self.clock(visit.span.starts_at, column),
            minutes=visit.span.minutes,
            words=visit.patient_name or "Somebody is booking",
            href=self._panel(visit.reference),
            detail=f"{visit.type_name}, kept until {self.clock(until, column)}" if until else visit.type_name,
            state=STATES[visit.status],
            badges=self.badges.get(visit.id, ()),
            reference=visit.reference,
            who=column.who.name,
            label=self._book_label(visit.span, column),
            again=self._book(visit.span, column) if is_over and _is_free(visit, column) else None,
        )

    def in_column(self, column: Column, axis: Axis) -> list[Placed[Card]]:
        """All that has a place on the axis. Busy and closed time beyond it is left out."""
        things = [(each.span, self.of_visit(each, column)) for each in column.visits]
        # What is over keeps nobody away, but two things in one narrow place would be hard to read.
        over = [each.span for each in column.visits if each.status not in OCCUPYING]
        free = free_spans(column.free, over, column.whole.starts_at)
        things += [(span, self._free(span, column)) for span in free]
        things += [
            (each.span, self._plain("closed", each.span, column, "Closed", each.reason)) for each in column.closures
        ]
        things += [(each.span, self._busy(each, column)) for each in column.busy]
        return side_by_side([each for each in things if axis.shows(each[0], column)], axis, column)

    def clock(self, at: datetime, column: Column) -> str:
        """With the zone's abbreviation on a day on which the clock changes: 2:30 am may come twice."""
        said = words.clock(at, self.zone).replace(" ", "\N{NO-BREAK SPACE}")
        return f"{said} {at.astimezone(self.zone):%Z}" if column.is_uneven else said

    def range(self, span: Span, column: Column) -> str:
        return f"{self.clock(span.starts_at, column)} to {self.clock(span.ends_at, column)}"

    def _busy(self, busy: BusyOutside, column: Column) -> Card:
        detail = "Video visits only" if busy.in_person_only else ""
        return self._plain("busy", busy.span, column, f"Busy in {SOURCES[busy.source]}", detail)

    def _free(self, span: Span, column: Column) -> Card:
        href = self._book(span, column)
        said, label = ("Book", self._book_label(span, column)) if href else ("Free", "")
        return Card("free", self.range(span, column), span.minutes, said, href, label=label)

    def _book(self, span: Span, column: Column) -> str | None:
        """Where somebody books this time for a patient on the telephone."""
        if not access.may_open(self.staff, NEW):
            return None
        local = span.starts_at.astimezone(self.zone)
        return url_for(NEW, date=local.date().isoformat(), time=f"{local:%H:%M}", practitioner=column.who.slug)

    def _book_label(self, span: Span, column: Column) -> str:
        return f"Book {self.range(span, column)} with {column.who.name}, {words.day(column.day)}"

    def _plain(self, kind: str, span: Span, column: Column, said: str, detail: str) -> Card:
        return Card(kind, self.range(span, column), span.minutes, said, detail=detail)

    def _panel(self, reference: str) -> str | None:
        return url_for(PANEL, reference=reference) if access.may_open(self.staff, PANEL) else None


def _is_free(visit: Visit, column: Column) -> bool:
    return any(free.starts_at <= visit.span.starts_at < free.ends_at for free in column.free)


def hours_of(column: Column, diary: Diary, cards: Cards) -> list[str]:
    """When and where somebody works on a day: "9:00 am to 12:30 pm, Telehealth"."""
    return [f"{cards.range(each.span, column)}, {diary.places[each.location_id]}" for each in column.work]
