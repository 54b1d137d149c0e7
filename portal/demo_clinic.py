"""An invented clinic for local work: its people, places and hours. Running it again changes nothing.

What is there already stays as it is, so that edits made in the back office survive the next start.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from email.utils import parseaddr
from uuid import UUID, uuid5

import requests
from sqlalchemy import select

from portal import clinic, clock
from portal.db import Json, db
from portal.scheduling import holidays
from portal.scheduling.models import Location, Room, WorkingHours
from portal.staff.models import Practitioner

ZONE = "Australia/Sydney"
NAMESPACE = UUID("5f0b1c7e-52c1-5b7e-8f4d-6a0f6d1c3e90")
MAIL_FROM = "Rosella Clinic <bookings@rosella-clinic.example.com>"

# The number passes the check-digit rule of the Australian Business Register, and is plainly nobody's.
ROSELLA = clinic.Clinic(
    name="Rosella Clinic",
    phone="(02) 5550 0100",
    email="hello@rosella-clinic.example.com",
    street_address="Level 1, 100 Example Street, Sydney NSW 2000",
    abn="10 000 000 000",
)
TELEHEALTH, STREET, ROOM = "telehealth", "example-street", "room-1"

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY = range(6)


@dataclass(frozen=True)
class Hours:
    """The same hours on several weekdays, in the clinic's wall time."""

    calendar: str
    location: str
    weekdays: tuple[int, ...]
    starts: time
    ends: time


@dataclass(frozen=True)
class Person:
    """An invented practitioner; the ids outside follow from the slug."""

    slug: str
    name: str
    profession: str
    registration: str
    profile: str
    hours: tuple[Hours, ...]

    @property
    def email(self) -> str:
        return f"{self.slug.split('-', 1)[0]}@rosella-clinic.example.com"

    @property
    def graph_user_id(self) -> str:
        return fixed_id(f"mailbox/{self.slug}")

    @property
    def medirecords_provider_id(self) -> str:
        return fixed_id(f"provider/{self.slug}")


PEOPLE = (
    Person(
        slug="maeve-larkspur",
        name="Maeve Larkspur",
        profession="Clinic consultant",
        registration="",
        profile="Maeve is the first person most people meet here. She listens, and tells you who could help.",
        hours=(
            Hours("consultant", TELEHEALTH, (MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY), time(9), time(12)),
            Hours("consultant", TELEHEALTH, (TUESDAY, THURSDAY), time(17), time(19)),
        ),
    ),
    Person(
        slug="tobias-wren",
        name="Tobias Wren",
        profession="Naturopath",
        registration="Example Register of Naturopaths, no. 00001",
        profile="Tobias has a background in herbal medicine. He likes plans that fit into an ordinary week.",
        hours=(
            Hours("alternative-medicine", TELEHEALTH, (MONDAY, WEDNESDAY, FRIDAY), time(9), time(12, 30)),
            Hours("alternative-medicine", TELEHEALTH, (MONDAY, WEDNESDAY, FRIDAY), time(13, 30), time(17)),
            Hours("alternative-medicine", STREET, (TUESDAY, THURSDAY), time(9), time(12, 30)),
            Hours("alternative-medicine", STREET, (TUESDAY, THURSDAY), time(13, 30), time(17)),
        ),
    ),
    Person(
        slug="ines-calloway",
        name="Ines Calloway",
        profession="Nutritionist",
        registration="Example Register of Nutritionists, no. 00002",
        profile="Ines works with food and digestion, one change at a time.",
        hours=(
            Hours("gaps", TELEHEALTH, (MONDAY, WEDNESDAY, THURSDAY), time(9, 30), time(15)),
            Hours("weight-loss", TELEHEALTH, (WEDNESDAY, FRIDAY), time(9, 30), time(15)),
        ),
    ),
    Person(
        slug="ravi-fernside",
        name="Ravi Fernside",
        profession="Nutritionist and herbalist",
        registration="Example Register of Herbalists, no. 00003",
        profile="Ravi sees people in the evening and on Saturdays, when work or family fill the day.",
        hours=(
            Hours("weight-loss", TELEHEALTH, (MONDAY, TUESDAY), time(12), time(19)),
            Hours("alternative-medicine", TELEHEALTH, (WEDNESDAY, THURSDAY), time(14), time(20)),
            Hours("alternative-medicine", STREET, (SATURDAY,), time(9), time(13)),
        ),
    ),
)
# Those who sign in to the back office, with the role of each; Nell started today, and nobody has given her one. A
# practitioner signs in as the owner of the mailbox.
STAFF = (
    ("odette-farrow", "Odette Farrow", "owner"),
    ("milo-ashgrove", "Milo Ashgrove", "manager"),
    ("pia-wattle", "Pia Wattle", "reception"),
    ("bruno-penny", "Bruno Penny", "bookkeeper"),
    ("nell-bracken", "Nell Bracken", ""),
)


def fixed_id(name: str) -> str:
    """The same id for the same thing on every machine."""
    return str(uuid5(NAMESPACE, name))


def build() -> list[str]:
    """Put the clinic into the database; the answer is what was added, in words. Needs the catalogue's calendars."""
    added: list[str] = []
    if db.session.get(clinic.Setting, "clinic") is None:
        clinic.store(ROSELLA)
        added.append(f"Add the details of {ROSELLA.name}.")
    _add(added, Location(slug=TELEHEALTH, name="Telehealth", zone=ZONE, is_telehealth=True))
    _add(added, Location(slug=STREET, name=ROSELLA.name, address=ROSELLA.street_address, zone=ZONE))
    _add(added, Room(slug=ROOM, name="Room 1", location_id=_id_of(Location, STREET)))
    for position, person in enumerate(PEOPLE):
        if _add(added, _practitioner(person, position)):
            db.session.add_all(_working_hours(person))
    db.session.flush()
    at = clock.now()
    if loaded := holidays.load(holidays.coming_years(at), at):
        added.append(f"Add {len(loaded)} public holidays.")
    return added


def people(mail_from: str = MAIL_FROM) -> Json:
    """The same people for the sandbox's POST /_emu/seed. `mail_from` is the mailbox that mails leave from."""
    name, address = parseaddr(mail_from)
    practitioners = [
        {
            "id": person.slug,
            "name": person.name,
            "email": person.email,
            "graph_user_id": person.graph_user_id,
            "medirecords_provider_id": person.medirecords_provider_id,
        }
        for person in PEOPLE
    ]
    desk = [
        {
            "oid": fixed_id(f"staff/{slug}"),
            "name": staff_name,
            "email": f"{slug.split('-', 1)[0]}@rosella-clinic.example.com",
            "roles": [role] if role else [],
        }
        for slug, staff_name, role in STAFF
    ]
    sees_patients = [
        {"oid": person.graph_user_id, "name": person.name, "email": person.email, "roles": ["practitioner"]}
        for person in PEOPLE
    ]
    return {
        "practice_name": ROSELLA.name,
        "practitioners": practitioners,
        "staff": desk + sees_patients,
        "rooms": [{"id": fixed_id(f"room/{ROOM}"), "name": "Room 1"}],
        "sender": {"graph_user_id": fixed_id("mailbox/sender"), "email": address, "name": name or ROSELLA.name},
    }


def introduce(sandbox_url: str, who: Json) -> None:
    """Tell the sandbox about the people; it knows each by id, so telling it again is safe. Raises RequestException."""
    requests.post(f"{sandbox_url}/_emu/seed", json=who, timeout=10).raise_for_status()


def _practitioner(person: Person, position: int) -> Practitioner:
    return Practitioner(
        slug=person.slug,
        name=person.name,
        profession=person.profession,
        registration=person.registration,
        profile=person.profile,
        email=person.email,
        graph_user_id=person.graph_user_id,
        medirecords_provider_id=person.medirecords_provider_id,
        position=position,
    )


def _working_hours(person: Person) -> list[WorkingHours]:
    return [
        WorkingHours(
            practitioner_id=_id_of(Practitioner, person.slug),
            calendar_slug=hours.calendar,
            location_id=_id_of(Location, hours.location),
            weekday=weekday,
            starts=hours.starts,
            ends=hours.ends,
        )
        for hours in person.hours
        for weekday in hours.weekdays
    ]


def _add(added: list[str], row: Location | Room | Practitioner) -> bool:
    """Add the row unless its slug is known."""
    if db.session.scalar(select(type(row).id).where(type(row).slug == row.slug)) is not None:
        return False
    db.session.add(row)
    db.session.flush()
    added.append(f"Add {type(row).__name__.lower()} {row.name}.")
    return True


def _id_of(table: type[Location | Practitioner], slug: str) -> int:
    return db.session.scalars(select(table.id).where(table.slug == slug)).one()
