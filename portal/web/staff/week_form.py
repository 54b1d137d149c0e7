"""A week of hours as it is typed: several ranges a day, each with a start, an end and a place."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import time

from portal.scheduling import week
from portal.scheduling.week import DAYS, Hours

MOST_RANGES = 8
END_OF_DAY = time(23, 59)


@dataclass(frozen=True)
class Line:
    """One range, as typed."""

    id: str
    starts: str = ""
    ends: str = ""
    place: str = ""

    @property
    def is_empty(self) -> bool:
        return not self.starts and not self.ends


@dataclass
class WeekForm:
    """By weekday. `errors` are by the id of the field that they are about."""

    lines: dict[int, list[Line]]
    errors: dict[str, str]
    hours: list[Hours]

    @property
    def days(self) -> list[tuple[str, list[Line], str | None]]:
        """Each weekday's name, its lines, and what is wrong with it."""
        return [(name, self.lines[n], self.errors.get(f"{n}-0-starts")) for n, name in enumerate(DAYS)]


def of_hours(hours: Sequence[Hours]) -> WeekForm:
    """What holds, and an empty line a day for more."""
    lines: dict[int, list[Line]] = {}
    for day in range(len(DAYS)):
        known = [each for each in hours if each.weekday == day]
        lines[day] = [
            Line(f"{day}-{n}", f"{each.starts:%H:%M}", f"{each.ends:%H:%M}", str(each.location_id))
            for n, each in enumerate(known)
        ]
    return WeekForm(_with_empty(lines, 1), {}, list(hours))


def read(typed: Mapping[str, str], places: Collection[int], telehealth: Collection[int], *, more: bool) -> WeekForm:
    """What was sent. `more` asks for another empty line a day."""
    form = WeekForm({day: _lines(typed, day) for day in range(len(DAYS))}, {}, [])
    for day, lines in form.lines.items():
        for line in lines:
            _read(line, day, places, form)
    for day, words in week.problems(form.hours, telehealth).items():
        form.errors.setdefault(f"{day}-0-starts", words)
    form.lines = _with_empty(form.lines, 2 if more else 1)
    return form


def _lines(typed: Mapping[str, str], day: int) -> list[Line]:
    found: list[Line] = []
    for n in range(MOST_RANGES):
        values = [typed.get(f"{day}-{n}-{part}", "").strip()[:20] for part in ("starts", "ends", "place")]
        line = Line(f"{day}-{len(found)}", *values)
        found += [] if line.is_empty else [line]
    return found


def _read(line: Line, day: int, places: Collection[int], form: WeekForm) -> None:
    """Add the hours of a line, or what is wrong with it; the first of a day is enough."""
    about = f"{day}-0-starts"
    if not line.starts or not line.ends:
        form.errors.setdefault(about, f"{DAYS[day]}: enter both a start and an end.")
        return
    starts, ends = _clock(line.starts), _clock(line.ends)
    if starts is None or ends is None:
        wrong = line.starts if starts is None else line.ends
        form.errors.setdefault(about, f"{DAYS[day]}: “{wrong}” is not a time. Enter one such as 09:30.")
        return
    if not line.place.isdecimal() or int(line.place) not in places:
        form.errors.setdefault(about, f"{DAYS[day]}: choose a place.")
        return
    form.hours.append(Hours(day, starts, ends if ends > time() else END_OF_DAY, int(line.place)))


def _clock(typed: str) -> time | None:
    try:
        return time.fromisoformat(typed).replace(second=0, microsecond=0, tzinfo=None)
    except ValueError:
        return None


def _with_empty(lines: dict[int, list[Line]], count: int) -> dict[int, list[Line]]:
    """Ids count on, so that fields have names of their own. The place is the one before, or the usual one."""
    places = [line.place for known in lines.values() for line in known]
    usual = max(sorted(set(places)), key=places.count, default="")
    found = {}
    for day, known in lines.items():
        place = known[-1].place if known else usual
        more = range(len(known), min(len(known) + count, MOST_RANGES))
        found[day] = [*known, *(Line(f"{day}-{n}", place=place) for n in more)]
    return found
