"""Asking MediRecords whether it knows what a service's visits are mapped to."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from portal import clock
from portal.catalogue.models import MappingCheck
from portal.db import db, transaction
from portal.integrations.http import Transient
from portal.staff.models import StaffMember
from portal.sync import jobs, mapping
from tests.support.chain import Chain
from tests.support.outbox import drain
from tests.support.sandbox import RunningSandbox

pytestmark = pytest.mark.usefixtures("ctx")

KNOWN: dict[str, Any] = {
    "name": "First",
    "code": "CONSULT_ALT_30",
    "type_id": None,
    "minutes": 30,
    "billing_code": None,
}


def asked(*types: dict[str, Any], practitioners: list[dict[str, Any]] | None = None) -> MappingCheck:
    now = clock.now()
    with transaction():
        row = StaffMember(
            tenant_id="t", oid="milo", name="Milo Ashgrove", email="milo@example.com", roles=["manager"],
            first_signed_in_at=now, signed_in_at=now,
        )  # fmt: skip
        db.session.add(row)
        db.session.flush()
        mapping.ask(row.id, "gaps", list(types), practitioners or [], now)
    return db.session.scalars(select(MappingCheck)).one()


def test_a_good_mapping_is_said_to_be_right_step_by_step(sandbox: RunningSandbox) -> None:
    chain = Chain.build(sandbox)
    wren = {"name": "Willa Wren", "provider_id": chain.wren.medirecords_provider_id}
    check = asked(KNOWN, practitioners=[wren])

    drain()

    db.session.refresh(check)
    assert check.answered_at is not None
    assert check.findings == [
        {"is_right": True, "words": "First: is the appointment type “CONSULT_ALT_30” there."},
        {"is_right": True, "words": "First: 30 minutes is an interval there."},
        {"is_right": True, "words": "First: is billed as CONSULT_ALT_30."},
        {"is_right": True, "words": "Willa Wren is an active provider there."},
    ]


def test_what_is_not_set_up_there_is_named(sandbox: RunningSandbox) -> None:
    Chain.build(sandbox)
    check = asked(
        {**KNOWN, "code": "CONSULT_HORSE"},
        {**KNOWN, "minutes": 37},
        {**KNOWN, "name": "Free", "code": None},
        practitioners=[{"name": "Lena Lark", "provider_id": None}],
    )
    drain()

    db.session.refresh(check)
    assert [each["words"] for each in check.findings if not each["is_right"]] == [
        "First: no appointment type for CONSULT_HORSE.",
        "First: no interval of 37 minutes.",
        "Free: no code, so no appointment is made.",
        "Lena Lark is not an active provider there.",
    ]


def test_while_medirecords_is_away_the_question_stays_open(sandbox: RunningSandbox) -> None:
    Chain.build(sandbox)
    check = asked(KNOWN)
    sandbox.fault("* /medirecords/*", "error", times=20, status=503)

    with pytest.raises(Transient):
        jobs.check_mapping(check.id)
    db.session.refresh(check)
    assert check.answered_at is None


def test_an_answered_question_is_not_asked_again(sandbox: RunningSandbox) -> None:
    Chain.build(sandbox)
    check = asked(KNOWN)
    drain()
    db.session.refresh(check)
    before = check.answered_at
    jobs.check_mapping(check.id)
    db.session.refresh(check)
    assert check.answered_at == before
