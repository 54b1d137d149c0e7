"""Places and rooms, and adding them."""

from __future__ import annotations

from itertools import count
from typing import Any

from sqlalchemy import select

from portal.db import db
from portal.scheduling.models import Location, Room
from portal.staff.people import slug_of


def everywhere() -> list[Location]:
    """All places, by name."""
    return list(db.session.scalars(select(Location).order_by(Location.name)))


def add(values: dict[str, Any]) -> Location:
    """A new place; `values` are its columns but for the slug, which follows from the name."""
    place = Location(slug=_free(Location, values["name"]), **values)
    db.session.add(place)
    db.session.flush()
    return place


def add_room(place: Location, name: str) -> Room:
    room = Room(slug=_free(Room, name), name=name, location_id=place.id)
    db.session.add(room)
    db.session.flush()
    return room


def _free(table: type[Location] | type[Room], name: str) -> str:
    """ "room-2", or "room-2-2" where another place has one."""
    wanted = slug_of(name) or "place"
    taken = set(db.session.scalars(select(table.slug)))
    return next(slug for n in count(1) if (slug := wanted if n == 1 else f"{wanted}-{n}") not in taken)
