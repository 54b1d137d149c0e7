"""Who takes a visit when the person does not mind: fair, and told in plain words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from portal.scheduling.books import Books
from portal.scheduling.caps import count_between
from portal.scheduling.diary import Range
from portal.scheduling.slots import OpenSlot


class Choice(NamedTuple):
    """A slot, and why it is with this practitioner; nothing to tell where there was no choice."""

    slot: OpenSlot
    because: str = ""


def choose(slots: Sequence[OpenSlot], books: Books) -> Choice:
    """Of slots at one instant: who has the fewest visits that day, then that week, then who comes first in the clinic.

    A week runs from Monday to Sunday. Held times count as visits, so that two people in a row are not sent to one.
    """
    order = {who.id: place for place, who in enumerate(books.facts.practitioners)}
    ranked = sorted((*_visits(slot, books), order[slot.practitioner_id], slot) for slot in slots)
    on_day, in_week, _, chosen = ranked[0]
    rivals = [each for each in ranked if each[3].practitioner_id != chosen.practitioner_id]
    if not rivals:
        return Choice(chosen)
    if rivals[0][0] > on_day:
        return Choice(chosen, "has the fewest visits that day")
    if rivals[0][1] > in_week:
        return Choice(chosen, "has the fewest visits that week")
    return Choice(chosen, "has as few visits as anybody, and comes first in the clinic's list")


def _visits(slot: OpenSlot, books: Books) -> tuple[int, int]:
    """How many visits the slot's practitioner has on its local day, and in its week."""
    zone = books.clinic.zones[slot.location_id]
    day = datetime.fromtimestamp(slot.start, zone).date()
    monday = day - timedelta(days=day.weekday())
    visits = books.diary_of(slot.practitioner_id).visits
    return count_between(visits, _span(day, 1, zone)), count_between(visits, _span(monday, 7, zone))


def _span(first: date, days: int, zone: ZoneInfo) -> Range:
    begin, end = (datetime.combine(each, time(), zone) for each in (first, first + timedelta(days=days)))
    return int(begin.timestamp()), int(end.timestamp())
