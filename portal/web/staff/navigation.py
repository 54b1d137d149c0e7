"""The back office's menu: one line a page, in this order. Somebody sees the lines whose pages they may open."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request, url_for

from portal.staff.access import Staff
from portal.web import access


@dataclass(frozen=True)
class Item:
    """A page of the menu: its endpoint without "staff.", what the menu says, and its icon if it is for every day."""

    endpoint: str
    words: str
    icon: str | None = None


# Add your page here; portal/web/access.py says who may open it.
# What the desk needs all day comes first and has a picture; what is arranged now and then stands after it.
ITEMS = (
    Item("home.today", "Today", "sun"),
    Item("diary.day", "Diary", "calendar"),
    Item("bookings.find", "Visits", "clock"),
    Item("patients.listed", "Patients", "person"),
    Item("tasks.listed", "Tasks", "check"),
    Item("catalogue.overview", "Catalogue"),
    Item("practitioners.listed", "Practitioners"),
    Item("closures.listed", "Closures"),
    Item("explain.time", "Explain"),
    Item("content.listed", "Pages"),
    Item("settings.page", "Settings"),
    Item("accounts.listed", "Who signs in"),
    Item("audit.search", "Audit"),
)


@dataclass(frozen=True)
class Link:
    """One line of the menu as somebody sees it."""

    href: str
    words: str
    icon: str | None
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
