"""The whole back office to walk through: every route, with an address of something that is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask import Flask
from sqlalchemy import select
from werkzeug.routing import Rule as Route

from portal import clock
from portal.catalogue.models import FormPurpose, Processor, ProcessorKind
from portal.db import db, transaction
from portal.staff.access import Role
from portal.staff.models import Practitioner, StaffTask
from portal.staff.tasks import raise_task
from portal.web.access import RULES
from tests.support import factories
from tests.support.staff import admitted, signed_in

SIGN_OUT = "staff.sign_in.sign_out"


@dataclass
class Office:
    """A clinic with a booking and a task, and what the variables of addresses stand for there: "reference", or
    "types/slug" where it depends on what stands before it."""

    app: Flask
    values: dict[str, str]

    def routes(self) -> Iterator[tuple[Route, str]]:
        """Every route of staff and an address of it; signing out comes last, because it ends the walk."""
        found = [route for route in self.app.url_map.iter_rules() if isinstance(RULES.get(route.endpoint), frozenset)]
        for route in sorted(found, key=lambda route: route.endpoint == SIGN_OUT):
            yield route, "/".join(self._parts(route.rule))

    def _parts(self, rule: str) -> Iterator[str]:
        before = ""
        for part in rule.split("/"):
            variable = re.fullmatch(r"<(?:[^<>]+:)?(\w+)>", part)
            name = variable[1] if variable else ""
            yield self.values.get(f"{before}/{name}") or self.values.get(name, "1") if variable else part
            before = part

    def calls(self) -> Iterator[tuple[str, str, str]]:
        for route, address in self.routes():
            for method in sorted((route.methods or set()) - {"OPTIONS"}):
                yield route.endpoint, method, address


@contextmanager
def opened(app: Flask) -> Iterator[Office]:
    """Needs an app context and the sandbox."""
    app.config["LIMITS"], before = dict.fromkeys(app.config["LIMITS"], "10000 per minute"), app.config["LIMITS"]
    booking = factories.make_booking()
    with transaction():
        raise_task("refund-failed", "Money went nowhere.", clock.now(), booking_id=booking.id)
    task_id = db.session.scalars(select(StaffTask.id)).one()
    colleague = admitted(Role.RECEPTION, name="Juniper Vale")
    with transaction():
        questions = factories.make_form("office-questions")
        questions.purpose = FormPurpose.QUESTIONS
        db.session.add(Processor(service=booking.appointment_type.service, kind=ProcessorKind.MEDIRECORDS))
    other = factories.make_patient()
    values = {
        "reference": booking.reference,
        "task_id": str(task_id),
        "member_id": str(colleague.id),
        "type_slug": booking.appointment_type.slug,
        "services/slug": booking.appointment_type.service.slug,
        "types/slug": booking.appointment_type.slug,
        "policies/slug": booking.appointment_type.cancellation_policy_slug or "",
        "questions/slug": questions.slug,
        "practitioners/slug": booking.practitioner.slug,
        "places/slug": booking.location.slug,
        "content/slug": "about",
        "patient_id": str(booking.patient_id),
        "one_id": str(booking.patient_id),
        "other_id": str(other.id),
    }
    yield Office(app, values)
    app.config["LIMITS"] = before


def browser_of(app: Flask, *roles: Role, practitioner: Practitioner | None = None) -> Any:
    visitor: Any = signed_in(app, *roles, practitioner=practitioner)
    visitor.csrf = visitor.page("/staff").value("csrf_token")
    return visitor
