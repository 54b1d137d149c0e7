"""Who offers a type, and which calendars anybody works in. Plain SQL: practitioners and hours are kept by packages that
know the catalogue, and not the other way round."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import text

from portal.db import db


@dataclass(frozen=True)
class Person:
    """A practitioner, as far as the catalogue cares. `calendars` are those they have hours in, from today on."""

    id: int
    slug: str
    name: str
    medirecords_provider_id: str | None
    calendars: frozenset[str]


def active(today: date) -> list[Person]:
    """Practitioners that patients can book with, in the clinic's order."""
    found = db.session.execute(
        text(
            """
            select who.id, who.slug, who.name, who.medirecords_provider_id,
                   array(select calendar_slug from working_hours
                         where practitioner_id = who.id and (valid_until is null or valid_until >= :today)
                         union
                         select calendar_slug from exception
                         where practitioner_id = who.id and kind = 'extra' and ends_at >= :today) as calendars
            from practitioner who where who.is_active order by who.position, who.id
            """
        ),
        {"today": today},
    )
    return [Person(id, slug, name, provider, frozenset(calendars)) for id, slug, name, provider, calendars in found]


def offering() -> dict[int, list[str]]:
    """The slugs of those who offer a type, by its id. A type that is missing is offered by all who have hours."""
    found: dict[int, list[str]] = {}
    rows = db.session.execute(
        text(
            """
            select pair.type_id, who.slug from type_practitioner pair
            join practitioner who on who.id = pair.practitioner_id order by who.slug
            """
        )
    )
    for type_id, slug in rows:
        found.setdefault(type_id, []).append(slug)
    return found


def unknown(slugs: Iterable[str]) -> list[str]:
    """Which of these are nobody's."""
    wanted = list(slugs)
    known = db.session.scalars(text("select slug from practitioner where slug = any(:slugs)"), {"slugs": wanted}).all()
    return sorted(set(wanted) - set(known))


def let_offer(type_id: int, slugs: Iterable[str]) -> None:
    """From now on these offer the type, and nobody else; all who have hours in its calendar when there are none."""
    db.session.execute(text("delete from type_practitioner where type_id = :type"), {"type": type_id})
    db.session.execute(
        text(
            """
            insert into type_practitioner (type_id, practitioner_id)
            select :type, id from practitioner where slug = any(:slugs)
            """
        ),
        {"type": type_id, "slugs": list(slugs)},
    )


def has_rooms() -> bool:
    return bool(db.session.scalar(text("select exists (select from room)")))
