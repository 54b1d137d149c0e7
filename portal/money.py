"""Money is whole cents in Australian dollars; this says it in words and works out GST."""

from __future__ import annotations


def in_words(cents: int) -> str:
    """119.00 dollars as "$119.00", nothing as "Free"."""
    return "Free" if cents == 0 else f"${cents // 100:,}.{cents % 100:02d}"


def gst_inside(cents: int) -> int:
    """The GST contained in a GST-inclusive total: one eleventh, rounded half up to the cent (GST Act s 9-70)."""
    return (2 * cents + 11) // 22


def share(cents: int, percent: int) -> int:
    """`percent` of an amount, rounded half up to the cent."""
    return (2 * cents * percent + 100) // 200
