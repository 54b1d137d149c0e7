"""A small clinic that stands in our database and in every outside system, and looks into their ledgers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import requests

from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.catalogue.models import AppointmentType, Processor, ProcessorKind
from portal.clients import clients, configure
from portal.clock import now
from portal.db import db, transaction
from portal.patients.models import Patient
from portal.scheduling.models import Location
from portal.staff.models import Practitioner
from tests.support import factories
from tests.support.microsoft import LARK, PEOPLE, WREN
from tests.support.outside import know_outside
from tests.support.sandbox import RunningSandbox

PROVIDERS = {person["graph_user_id"]: person["medirecords_provider_id"] for person in PEOPLE["practitioners"]}
MAILBOXES = {person["graph_user_id"]: person["email"] for person in PEOPLE["practitioners"]}
CANCELLED = 8


@dataclass
class Chain:
    """Dr Wren and Lena Lark work all week by video; their service goes on to MediRecords."""

    sandbox: RunningSandbox
    wren: Practitioner
    lark: Practitioner
    location: Location
    type: AppointmentType

    @classmethod
    def build(cls, sandbox: RunningSandbox, **type_columns: Any) -> Chain:
        sandbox.seed(PEOPLE)
        # A fresh client: the last test's sandbox may have had other code lists.
        configure(clients().settings)
        location = factories.make_location(is_telehealth=True)
        known = {"medi_code": "CONSULT_ALT_30"}
        appointment_type = factories.make_type(**(known | type_columns))
        with transaction():
            db.session.add(Processor(service_id=appointment_type.service_id, kind=ProcessorKind.MEDIRECORDS))
        wren, lark = (_practitioner(user_id, name) for user_id, name in ((WREN, "Willa Wren"), (LARK, "Lena Lark")))
        for person in (wren, lark):
            factories.make_hours(person, location)
        return cls(sandbox, wren, lark, location, appointment_type)

    def booking(self, status: Status = Status.CONFIRMED, **columns: Any) -> Booking:
        """A visit with Dr Wren, at 10 am in a week."""
        known = {"practitioner": self.wren, "location": self.location, "type": self.type}
        if status == Status.HELD:
            known["patient"] = columns.pop("patient", None) or factories.make_patient()
        return factories.make_booking(status=status, **(known | columns))

    def events(self, reference: str | None = None) -> list[dict[str, Any]]:
        """What is in Outlook, of one booking or of all."""
        found = self.sandbox.get("/_emu/graph/events")
        return [one for one in found if reference in (None, (one["metadata"] or {}).get("b"))]

    def appointments(self, reference: str, *, live: bool = True) -> list[dict[str, Any]]:
        """What MediRecords has of a booking; cancelled rows are left out unless asked for."""
        found = self.sandbox.get("/_emu/medirecords/appointments")
        ours = [one for one in found if f"[ref:{reference}]" in (one["notes"] or "")]
        return [one for one in ours if not live or one["appointmentStatus"] != CANCELLED]

    def patients(self, family_name: str) -> list[dict[str, Any]]:
        found = self.sandbox.get("/_emu/medirecords/patients")
        return [one for one in found if one["lastName"] == family_name]

    def mails(self, address: str) -> list[dict[str, Any]]:
        """What was sent to somebody."""
        found = self.sandbox.get("/_emu/graph/messages")
        return [one for one in found if address in one["to"] and one["state"] == "sent"]

    def refunds(self) -> list[dict[str, Any]]:
        key = {"Authorization": f"Bearer {clients().settings.stripe_secret_key}"}
        answer = requests.get(f"{self.sandbox.url}/stripe/v1/refunds", headers=key, timeout=10)
        return list(answer.json()["data"])


def pay(url: str, outcome: str = "paid") -> requests.Response:
    """Press a button of Stripe's page."""
    return requests.post(url, data={"outcome": outcome}, allow_redirects=False, timeout=10)


def ripen(booking: Booking, age: timedelta) -> None:
    """Make a confirmed visit look as if it had been confirmed that long ago."""
    with transaction():
        booking.confirmed_at = now() - age


def patient_who(**columns: Any) -> Patient:
    """A patient with a family name nobody else in MediRecords has."""
    return factories.make_patient(**({"given_name": "Ottilie", "family_name": "Brightwater"} | columns))


def _practitioner(user_id: str, name: str) -> Practitioner:
    known = {"graph_user_id": user_id, "medirecords_provider_id": PROVIDERS[user_id], "email": MAILBOXES[user_id]}
    person = factories.make_practitioner(name=name, **known)
    know_outside()
    return person
