"""What the diary's address asks for: the view, the day, and whom, where and what to show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from flask import url_for

from portal.bookings.diary_visits import SHOWABLE, STANDING
from portal.bookings.states import WAITING, Status

ENDPOINT = "staff.diary.day"
FIRST_YEAR, LAST_YEAR = 2000, 2100
WEEK = 7


class View(StrEnum):
    DAY = "day"
    WEEK = "week"
    AGENDA = "agenda"


@dataclass(frozen=True)
class Asked:
    """The filters are as typed; empty ones narrow nothing."""

    view: View
    day: date
    practitioner: str = ""
    location: str = ""
    state: str = ""
    page: str = ""

    @property
    def first(self) -> date:
        """A week begins on Monday, an agenda on the day itself."""
        return self.day - timedelta(days=self.day.weekday()) if self.view == View.WEEK else self.day

    @property
    def last(self) -> date:
        return self.first if self.view == View.DAY else self.first + timedelta(days=WEEK - 1)

    @property
    def states(self) -> frozenset[Status]:
        if self.state == "all":
            return SHOWABLE
        if self.state == Status.HELD:
            return WAITING
        return frozenset({Status(self.state)}) if self.state in SHOWABLE else STANDING

    @property
    def is_narrowed(self) -> bool:
        return bool(self.practitioner or self.location or self.state)

    def moved(self, steps: int) -> Asked:
        """So many days or weeks on; negative ones lead back."""
        return replace(self, day=self.day + steps * timedelta(days=1 if self.view == View.DAY else WEEK), page="")

    def at(self, **changes: object) -> str:
        """The address of the same diary but for these."""
        asked = replace(self, page="", **changes)  # type: ignore[arg-type]
        wanted = {"practitioner": asked.practitioner, "location": asked.location, "state": asked.state}
        narrowed = {name: value for name, value in wanted.items() if value}
        return url_for(ENDPOINT, view=asked.view, date=asked.day.isoformat(), **narrowed)  # type: ignore[arg-type]


def read(args: Mapping[str, str], today: date) -> Asked:
    """What cannot be read is today's day."""
    view = args.get("view", "")
    return Asked(
        view=View(view) if view in [*View] else View.DAY,
        day=_day(args.get("date", ""), today),
        practitioner=args.get("practitioner", ""),
        location=args.get("location", ""),
        state=args.get("state", ""),
        page=args.get("page", ""),
    )


def _day(typed: str, today: date) -> date:
    try:
        day = date.fromisoformat(typed)
    except ValueError:
        return today
    return day if FIRST_YEAR <= day.year <= LAST_YEAR else today
