"""Asks MediRecords whether it knows what a service's visits are mapped to, and writes the answer down in words.

What is asked is a copy of somebody's draft, so a mapping can be tried before it is published.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial

from portal.catalogue.models import MappingCheck
from portal.clients import clients
from portal.clock import now
from portal.db import Json, db, transaction
from portal.integrations.http import Permanent
from portal.integrations.medirecords import AppointmentType, AuthRefused, MappingError
from portal.outbox.post import owe
from portal.sync.processor_steps import resolve_type


def ask(staff_id: int, service_slug: str, types: list[Json], practitioners: list[Json], asked_at: datetime) -> None:
    """Owe the question. Types have name, code, type_id, minutes, billing_code; practitioners name and provider_id."""
    check = MappingCheck(
        staff_member_id=staff_id,
        service_slug=service_slug,
        wanted={"types": types, "practitioners": practitioners},
        asked_at=asked_at,
        findings=[],
    )
    db.session.add(check)
    db.session.flush()
    owe("sync.check_mapping", check.id, now=asked_at)


def answer(check_id: int) -> None:
    """Find out, and write it down. While MediRecords is away this raises Transient, and is tried again."""
    check = db.session.get(MappingCheck, check_id)
    if check is None or check.answered_at is not None:
        return
    wanted = check.wanted
    db.session.rollback()
    try:
        findings = list(_findings(wanted))
    except (AuthRefused, Permanent) as refused:
        findings = [_finding(False, f"MediRecords did not answer our questions: {refused.code}.")]
    with transaction():
        check = db.session.get_one(MappingCheck, check_id)
        check.findings, check.answered_at = findings, now()


def _findings(wanted: Json) -> Iterator[Json]:
    medirecords = clients().medirecords
    known = medirecords.appointment_types()
    for each in wanted["types"]:
        name, code, minutes = each["name"], each["code"], each["minutes"]
        if not code:
            yield _finding(False, f"{name}: no code, so no appointment is made.")
            continue
        yield _tried(name, "is the appointment type “{}” there", partial(_type_name, known, code, each["type_id"]))
        if minutes:
            yield _tried(name, "{} minutes is an interval there", partial(_interval, minutes))
        yield _finding(True, f"{name}: is billed as {each['billing_code'] or code}.")
    providers = {provider.id: provider for provider in medirecords.providers()}
    for each in wanted["practitioners"]:
        provider = providers.get(each["provider_id"] or "")
        is_right = provider is not None and provider.is_active
        words = "is an active provider there" if is_right else "is not an active provider there"
        yield _finding(is_right, f"{each['name']} {words}.")


def _type_name(known: list[AppointmentType], code: str, type_id: str | None) -> str:
    return resolve_type(known, code, type_id).name


def _interval(minutes: int) -> str:
    clients().medirecords.interval_code(minutes)
    return str(minutes)


def _tried(name: str, right: str, look: Callable[[], str]) -> Json:
    try:
        return _finding(True, f"{name}: {right.format(look())}.")
    except MappingError as error:
        return _finding(False, f"{name}: {error.code}.")


def _finding(is_right: bool, words: str) -> Json:
    return {"is_right": is_right, "words": words}
