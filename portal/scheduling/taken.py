"""What is taken, merged and sorted: of a practitioner, of rooms, and of a day's visits."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from portal.scheduling.diary import Clinic, Range, Rules


class Rooms:
    """Finds a room that is free."""

    def __init__(self, clinic: Clinic) -> None:
        self.are_needed = clinic.rooms is not None
        self._rooms = [(room.location_id, room.room_id, Taken(room.taken)) for room in clinic.rooms or ()]

    def find_free(self, location_id: int, blocked: Range) -> int | None:
        for where, room_id, taken in self._rooms:
            if where == location_id and taken.is_clear(blocked):
                return room_id
        return None


class Taken:
    """Taken ranges, merged and sorted, so that one look-up tells whether a range is clear."""

    __slots__ = ("ends", "starts")

    def __init__(self, ranges: Iterable[Range]) -> None:
        self.starts: list[int] = []
        self.ends: list[int] = []
        for start, end in sorted(ranges):
            if self.ends and start <= self.ends[-1]:
                self.ends[-1] = max(self.ends[-1], end)
            else:
                self.starts.append(start)
                self.ends.append(end)

    def is_clear(self, wanted: Range) -> bool:
        """Merged ranges do not overlap, so only the last one that begins before `wanted` ends can touch it."""
        place = bisect_left(self.starts, wanted[1]) - 1
        return place < 0 or self.ends[place] <= wanted[0]

    def leaves(self, starts: Sequence[int], rules: Rules) -> Sequence[int]:
        """Those of the ascending starts whose blocked range is clear, in one walk along both."""
        if not starts:
            return starts
        before, after = rules.blocked_range(0)
        place, count = bisect_right(self.ends, starts[0] + before), len(self.ends)
        if place == count or self.starts[place] >= starts[-1] + after:
            return starts
        clear = []
        for start in starts:
            while place < count and self.ends[place] <= start + before:
                place += 1
            if place == count or self.starts[place] >= start + after:
                clear.append(start)
        return clear
