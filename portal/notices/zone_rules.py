"""The rules of a time zone as a VTIMEZONE: pure, from the zone's own data.

Written here because icalendar 7.3 lets Australian daylight saving begin an hour late.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

from icalendar import Component, Timezone, TimezoneDaylight, TimezoneStandard


def zone_rules(zone: ZoneInfo, first: datetime, last: datetime) -> Timezone:
    """The zone's rules from one UTC instant to another."""
    component = Timezone()
    component.add("tzid", zone.key)
    component.add_component(_rule(first, zone))
    for change in _clock_changes(zone, first, last):
        component.add_component(_rule(change, zone))
    return component


def _rule(onset: datetime, zone: ZoneInfo) -> Component:
    """What holds from this instant on; its start is told in the wall time that held just before."""
    before, after = (onset - timedelta(seconds=1)).astimezone(zone), onset.astimezone(zone)
    rule = TimezoneDaylight() if after.dst() else TimezoneStandard()
    rule.add("dtstart", onset.astimezone(timezone(_offset(before))).replace(tzinfo=None))
    rule.add("tzoffsetfrom", _offset(before))
    rule.add("tzoffsetto", _offset(after))
    rule.add("tzname", f"{after:%Z}")
    return rule


def _clock_changes(zone: ZoneInfo, first: datetime, last: datetime) -> Iterator[datetime]:
    """The instants at which the offset changes; all of them lie on a quarter of an hour."""
    day = first.replace(hour=0, minute=0, second=0, microsecond=0)
    while day < last:
        quarters = [day + timedelta(minutes=minutes) for minutes in range(0, 24 * 60 + 1, 15)]
        if _offset(quarters[0].astimezone(zone)) != _offset(quarters[-1].astimezone(zone)):
            yield from (
                later
                for earlier, later in pairwise(quarters)
                if _offset(earlier.astimezone(zone)) != _offset(later.astimezone(zone)) and later > first
            )
        day += timedelta(days=1)


def _offset(local: datetime) -> timedelta:
    offset = local.utcoffset()
    assert offset is not None
    return offset
