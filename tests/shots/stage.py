"""A clinic of its own to be pictured, and the hands that move it: clock, faults, data, a rival for a time."""

from __future__ import annotations

import signal
import tempfile
import time as waiting
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from os import kill
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import requests
from flask import Flask
from sqlalchemy import select

import portal
from portal import clock, config
from portal.bookings import find, hold
from portal.catalogue import load, offer
from portal.catalogue.document import read_document
from portal.db import Json, db, transaction
from portal.local.clinic import Clinic, free_port
from portal.scheduling import availability, claims
from portal.scheduling.models import ExceptionKind, Holiday, HoursException, OutsideCalendar
from tests.support import factories

SYDNEY = ZoneInfo("Australia/Sydney")
PATIENCE_SECONDS = 60.0
LONG_NAME = "Dr Anneliese-Wilhelmina van Oosterhout-Featherstonehaugh-Lee"
LONG_SERVICE = "Nutritional-environmental and occupational rehabilitation"
LONG_TYPE = "Follow-up for people with several long-standing conditions"


@dataclass
class Stage:
    """The clinic while it runs. Times are those of its clock."""

    clinic: Clinic
    app: Flask

    def today(self) -> date:
        return clock.now().astimezone(SYDNEY).date()

    def set_clock(self, to: datetime) -> None:
        self._emu("clock", {"offset_seconds": (to - datetime.now(UTC)).total_seconds()})
        self._wait_for_calendars()

    def advance(self, **units: float) -> None:
        self._emu("clock", {"advance_seconds": timedelta(**units).total_seconds()})
        self._wait_for_calendars()

    def spoil(self, **fault: Any) -> None:
        """The next calls or deliveries go wrong in this way (portal/sandbox/control.py)."""
        self._emu("faults", fault)

    def mend(self) -> None:
        requests.delete(f"{self.clinic.sandbox_url}/_emu/faults", timeout=10).raise_for_status()

    def mail_about(self, words: str) -> Json:
        """The latest mail that went out with these words in its subject."""

        def sent() -> list[Json]:
            answer = requests.get(f"{self.clinic.sandbox_url}/_emu/graph/messages", timeout=10)
            return [mail for mail in answer.json() if mail["state"] == "sent" and words in mail["subject"]]

        return cast(list[Json], until(sent, f"no mail said {words!r}"))[-1]

    def load(self, *services: Json) -> None:
        """Change the catalogue as `flask catalogue load` does."""
        with self.app.app_context(), transaction():
            load.load(read_document({"services": list(services)}), clock.now(), "the pictures")

    def sell_nothing(self) -> None:
        with self.app.app_context():
            slugs = [service.slug for service in offer.services_on_show()]
        self.load(*({"id": slug, "status": "draft"} for slug in slugs))

    def busy_type(self) -> str:
        """A type with long names and dozens of times on each of seven days; -> its slug."""
        with self.app.app_context():
            place = factories.make_location(is_telehealth=True)
            for name in (LONG_NAME, "Jo Li"):
                person = factories.make_practitioner(name=name, profession="Occupational therapist")
                factories.make_hours(person, place, calendar_slug="busy", starts=time(8), ends=time(18, 40))
            service = factories.make_service(name=LONG_SERVICE, icon="leaf", position=90)
            made = factories.make_type(
                service=service, name=LONG_TYPE, calendar_slug="busy", length_minutes=20, start_step_minutes=20
            )
            return made.slug

    def quiet_type(self, times: int) -> str:
        """A type with no free time at all, with a single one, or with four on each day of five; -> its slug."""
        with self.app.app_context():
            calendar, today = f"with-{times}", clock.now().astimezone(SYDNEY).weekday()
            if times:
                person, place = factories.make_practitioner(name=LONG_NAME), factories.make_location(is_telehealth=True)
                ends = time(17, 30) if times == 1 else time(19)
                for weekday in range(today + 1, today + 2 if times == 1 else today + 6):
                    then = {"starts": time(17), "ends": ends, "calendar_slug": calendar}
                    factories.make_hours(person, place, weekdays=range(weekday % 7, weekday % 7 + 1), **then)
            service = factories.make_service(name="Herbal dispensary", position=91)
            return factories.make_type(
                service=service, name="First visit", calendar_slug=calendar, horizon_days=6, start_step_minutes=30
            ).slug

    def close(self, day: date, *, holiday: str = "") -> None:
        """The clinic does not work on this day, for a public holiday or for a reason of its own."""
        with self.app.app_context(), transaction():
            if holiday:
                db.session.add(Holiday(day=day, name=holiday, state="NSW"))
            else:
                begin, end = clock.day_bounds(day, SYDNEY)
                db.session.add(HoursException(kind=ExceptionKind.CLOSED, starts_at=begin, ends_at=end))

    def take(self, type_slug: str, value: str) -> None:
        """Somebody else books this very time, given as the value of its radio button."""
        starts, who = value.split("/")
        starts_at = datetime.strptime(starts, "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)
        with self.app.app_context():
            wanted = offer.get_bookable(type_slug, clock.now())
            free = [slot.practitioner_id for slot in availability.at(wanted, starts_at, clock.now()).open_slots]
            for practitioner_id in free if who == "any" else [int(who)]:
                claims.claim(partial(hold.hold, wanted, starts_at, clock.now(), practitioner_id=practitioner_id))

    def lose(self, reference: str) -> None:
        """The time of a booking is let go, and somebody else has it at once."""
        with self.app.app_context():
            with transaction():
                booking = find.get_locked(find.by_reference(reference).id)
                hold.expire(booking, clock.now())
            starts_at, wanted = booking.starts_at, booking.appointment_type
            claims.claim(lambda: hold.hold(wanted, starts_at, clock.now(), practitioner_id=booking.practitioner_id))

    def lose_database(self) -> None:
        """Postgres shuts down; whoever asks next is told that we will be right back."""
        pid = self.clinic.pid("postgres")
        assert pid is not None
        kill(pid, signal.SIGINT)
        until(lambda: not self._is_ready(), "Postgres did not stop")

    def _is_ready(self) -> bool:
        return requests.get(f"{self.clinic.url}/readyz", timeout=10).ok

    def _wait_for_calendars(self) -> None:
        """After hours, what was read of Outlook is believed no more, and nobody is offered until it is read again."""

        def all_known() -> bool:
            too_old = OutsideCalendar.unknown_from <= clock.now(), OutsideCalendar.failed_at.is_(None)
            unknown = select(OutsideCalendar.source).where(*too_old)
            with self.app.app_context():
                return db.session.scalar(unknown.limit(1)) is None

        until(all_known, "the calendars were not read again")

    def _emu(self, path: str, wanted: Json) -> None:
        requests.post(f"{self.clinic.sandbox_url}/_emu/{path}", json=wanted, timeout=10).raise_for_status()


@contextmanager
def running_stage() -> Iterator[Stage]:
    """A fresh clinic on free ports, on a Monday morning, so that the pictures of two days are alike."""
    with tempfile.TemporaryDirectory(prefix="clinic-") as folder:
        clinic = Clinic(instance_dir=Path(folder) / "instance", port=free_port(), sandbox_port=free_port())
        clinic.start()
        try:
            stage = Stage(clinic, _app_of(config.load({**clinic.environ, "LOG_LEVEL": "ERROR"})))
            stage.set_clock(_next_monday_morning())
            yield stage
        finally:
            clinic.stop()


def _app_of(settings: config.Settings) -> Flask:
    """Enough of an app for the domain. A second whole portal would take the rate limiter from the first one."""
    portal.use(settings)
    app = Flask("pictures")
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    db.init_app(app)
    return app


def until(look: Callable[[], Any], otherwise: str) -> Any:
    """Look again until there is something; AssertionError after a minute."""
    deadline = waiting.monotonic() + PATIENCE_SECONDS
    while waiting.monotonic() < deadline:
        if found := look():
            return found
        waiting.sleep(0.3)
    raise AssertionError(otherwise)


def _next_monday_morning() -> datetime:
    today = datetime.now(SYDNEY).date()
    monday = today + timedelta(days=7 - today.weekday())
    # With two hours of notice no start falls on this minute: one that did would be too soon a second after it is shown.
    return datetime.combine(monday, time(7, 43), SYDNEY)
