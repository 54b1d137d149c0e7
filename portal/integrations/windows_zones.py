"""Windows names of time zones: the only ones that Exchange is sure to know."""

from __future__ import annotations

_NAMES = {
    "AUS Eastern Standard Time": "Sydney Melbourne Canberra ACT NSW Victoria",
    "E. Australia Standard Time": "Brisbane Lindeman Queensland",
    "Tasmania Standard Time": "Hobart Currie Tasmania",
    "Cen. Australia Standard Time": "Adelaide Broken_Hill South Yancowinna",
    "AUS Central Standard Time": "Darwin North",
    "W. Australia Standard Time": "Perth West",
    "Aus Central W. Standard Time": "Eucla",
    "Lord Howe Standard Time": "Lord_Howe LHI",
}
_WINDOWS = {f"Australia/{place}": name for name, places in _NAMES.items() for place in places.split()} | {
    "Pacific/Auckland": "New Zealand Standard Time",
    "UTC": "UTC",
    "Etc/UTC": "UTC",
}


def find_windows_zone(iana: str) -> str | None:
    """The Windows name of an IANA zone, or None for one outside our part of the world: write its times in UTC then."""
    return _WINDOWS.get(iana)
