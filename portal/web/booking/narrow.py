"""What narrows the list of times, as it stands in the page's address; unreadable values are as good as none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from werkzeug.datastructures import MultiDict

from portal.scheduling.facts import Offering
from portal.scheduling.slots import OpenSlot

# name -> the hours it covers (product-reference 3)
PARTS = {"morning": (0, 12), "afternoon": (12, 17), "evening": (17, 24)}
PART_LABELS = {
    "morning": "Morning, before 12",
    "afternoon": "Afternoon, 12 to 5",
    "evening": "Evening, after 5",
}
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# What an address may say about the list; zones.py takes it along.
NAMES = ("from", "month", "practitioner", "part", "weekday")


@dataclass(frozen=True)
class Filters:
    """The days that are wanted, and what narrows them."""

    practitioners: tuple[Offering, ...]
    chosen: Offering | None = None
    part: str | None = None
    weekdays: tuple[int, ...] = ()  # Monday is 0
    from_day: date | None = None
    month: date | None = None  # the first day of the month whose grid is open
    usual: str | None = None  # whose times are shown as long as nobody is named

    @classmethod
    def read(
        cls, values: MultiDict[str, str], practitioners: tuple[Offering, ...], usual: str | None = None
    ) -> Filters:
        """`usual` is the slug of the practitioner of a visit that moves."""
        part = values.get("part", "")
        wanted = values.get("practitioner", usual)
        return cls(
            practitioners=practitioners,
            chosen=next((one for one in practitioners if one.slug == wanted), None),
            part=part if part in PARTS else None,
            weekdays=tuple(place for place, name in enumerate(WEEKDAYS) if name.lower() in values.getlist("weekday")),
            from_day=from_day(values),
            month=month_of(values),
            usual=usual if any(one.slug == usual for one in practitioners) else None,
        )

    @property
    def is_choice(self) -> bool:
        """Several people offer it and none is chosen: whoever is free takes the visit."""
        return len(self.practitioners) > 1 and self.chosen is None

    @property
    def part_labels(self) -> list[tuple[str, str]]:
        return list(PART_LABELS.items())

    @property
    def weekday_names(self) -> tuple[str, ...]:
        return WEEKDAYS

    @property
    def are_set(self) -> bool:
        return bool(self.said)

    @property
    def said(self) -> tuple[tuple[str, str], ...]:
        """What is chosen, in words, by the name it has here."""
        said = {
            "weekdays": f"on {_listed([f'{WEEKDAYS[place]}s' for place in self.weekdays])}" if self.weekdays else "",
            "part": f"in the {self.part}" if self.part else "",
            "chosen": f"with {self.chosen.name}" if self.chosen and len(self.practitioners) > 1 else "",
        }
        return tuple((name, words) for name, words in said.items() if words)

    @property
    def words(self) -> str:
        """ "on Mondays and Thursdays, in the morning"."""
        return ", ".join(words for _, words in self.said)

    @property
    def query(self) -> list[tuple[str, str]]:
        """The filters as they stand in an address."""
        named = [("from", self.from_day.isoformat() if self.from_day else "")]
        named += [("month", f"{self.month:%Y-%m}" if self.month else ""), ("part", self.part or "")]
        named += [("weekday", WEEKDAYS[place].lower()) for place in self.weekdays]
        who = self.chosen.slug if self.chosen else ""
        # Whoever is usual needs no word, which keeps the practitioner of a visit out of its addresses; "anyone" does.
        said = [("practitioner", who)] if who != (self.usual or "") else []
        return [*said, *((name, value) for name, value in named if value)]

    def address(self, path: str, **changes: object) -> str:
        """The path with these filters, some of them changed."""
        query = urlencode(replace(self, **changes).query)  # type: ignore[arg-type]
        return f"{path}?{query}" if query else path

    def dropped(self, path: str) -> str:
        """The path without any filter, on the same days."""
        return self.address(path, chosen=None, part=None, weekdays=())

    def fitting(self, slots: Sequence[OpenSlot], zone: ZoneInfo) -> list[OpenSlot]:
        """Those of the slots that the person wants to see, whatever their day."""
        fitting = list(slots)
        if self.chosen is not None:
            fitting = [slot for slot in fitting if slot.practitioner_id == self.chosen.id]
        if self.part is not None:
            fitting = [slot for slot in fitting if part_of(slot.starts_at, zone) == self.part]
        if self.weekdays:
            fitting = [slot for slot in fitting if slot.starts_at.astimezone(zone).weekday() in self.weekdays]
        return fitting

    def in_the_way(self, slots: Sequence[OpenSlot], zone: ZoneInfo) -> list[str]:
        """Which of the filters, dropped alone, would leave some times to choose from."""
        bare = {"weekdays": (), "part": None, "chosen": None}
        return [name for name, _ in self.said if replace(self, **{name: bare[name]}).fitting(slots, zone)]  # type: ignore[arg-type]


def from_day(values: MultiDict[str, str]) -> date | None:
    """The day from which times are wanted."""
    try:
        return date.fromisoformat(values.get("from", ""))
    except ValueError:
        return None


def month_of(values: MultiDict[str, str]) -> date | None:
    """The first day of the month that is wanted as a grid."""
    try:
        return date.fromisoformat(f"{values.get('month', '')}-01")
    except ValueError:
        return None


def part_of(instant: datetime, zone: ZoneInfo) -> str:
    hour = instant.astimezone(zone).hour
    return next(name for name, (first, last) in PARTS.items() if first <= hour < last)


def _listed(words: Sequence[str]) -> str:
    """ "Mondays, Tuesdays and Fridays"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
