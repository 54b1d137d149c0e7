"""Suburbs with postcode and state, as far as the emulator's address check knows them."""

from __future__ import annotations

SUBURBS = frozenset(
    {
        ("Sydney", "2000", "NSW"),
        ("Surry Hills", "2010", "NSW"),
        ("Newtown", "2042", "NSW"),
        ("Parramatta", "2150", "NSW"),
        ("Newcastle", "2300", "NSW"),
        ("Byron Bay", "2481", "NSW"),
        ("Wollongong", "2500", "NSW"),
        ("Canberra", "2601", "ACT"),
        ("Melbourne", "3000", "VIC"),
        ("Fitzroy", "3065", "VIC"),
        ("Geelong", "3220", "VIC"),
        ("Ballarat Central", "3350", "VIC"),
        ("Brisbane City", "4000", "QLD"),
        ("Surfers Paradise", "4217", "QLD"),
        ("Cairns", "4870", "QLD"),
        ("Adelaide", "5000", "SA"),
        ("Perth", "6000", "WA"),
        ("Fremantle", "6160", "WA"),
        ("Hobart", "7000", "TAS"),
        ("Darwin City", "0800", "NT"),
    }
)


def wrong_part(suburb: str, postcode: str, state: str) -> str | None:
    """The field to blame: `postcode` if nobody knows it, then `stateCode`, then `cityCode`; None when all agree."""
    there = {(name.casefold(), its_state) for name, code, its_state in SUBURBS if code == postcode}
    if not there:
        return "postcode"
    if state not in {its_state for _, its_state in there}:
        return "stateCode"
    return None if (suburb.casefold(), state) in there else "cityCode"
