"""The back office's menu: one line a page, in this order. Somebody sees the lines whose pages they may open."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request, url_for

from portal.staff.access import Staff
from portal.web import access


@dataclass(frozen=True)
class Item:
    """A page of the menu: its endpoint without "staff.", what the menu says, and its icon."""

    endpoint: str
    words: str
    icon: str


# Add your page here; portal/web/access.py says who may open it.
ITEMS = (
    Item("home.today", "Today", "sun"),
    Item("diary.day", "Diary", "calendar"),
    Item("bookings.find", "Visits", "clock"),
    Item("patients.listed", "Patients", "person"),
    Item("tasks.listed", "Tasks", "check"),
    Item("catalogue.overview", "Catalogue", "leaf"),
    Item("practitioners.listed", "Practitioners", "person"),
    Item("closures.listed", "Closures", "sun"),
    Item("explain.time", "Explain", "speech"),
    Item("content.listed", "Pages", "leaf"),
    Item("settings.page", "Settings", "filter"),
    Item("accounts.listed", "Who signs in", "person"),
    Item("audit.search", "Audit", "receipt"),
)


@dataclass(frozen=True)
class Link:
    """One line of the menu as somebody sees it."""

    href: str
    words: str
    icon: str
    is_current: bool  # its page, or another page of the same task, is open


def for_staff(staff: Staff) -> list[Link]:
    """The lines for this person."""
    found = [item for item in ITEMS if access.may_open(staff, f"staff.{item.endpoint}")]
    task = (request.endpoint or "").rpartition(".")[0]
    return [
        Link(
            url_for(f"staff.{item.endpoint}"),
            item.words,
            item.icon,
            f"staff.{item.endpoint}".rpartition(".")[0] == task,
        )
        for item in found
    ]
