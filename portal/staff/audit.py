"""Writes down who read or changed what, in the transaction of its cause (security baseline 13).

An entry says whose record, which part and why, and holds nothing of the record itself. Rows are only ever added.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import cast

import structlog

from portal import vault
from portal.db import db
from portal.staff.access import Staff
from portal.staff.models import Action, AuditEntry

SEARCH = "patient search"  # the kind of a look at people who were found, or were looked at before


def record(
    staff: Staff | None,
    action: Action,
    kind: str,
    now: datetime,
    *,
    subject: str = "",
    patient_id: int | None = None,
    patient_ids: Sequence[int] | None = None,
    part: str = "",
    why: str = "",
) -> None:
    """Somebody (None: the portal itself) has done this to one thing.

    `kind` is what it is ("booking"), `subject` which one (its reference or slug), `patient_id` whose record it belongs
    to (`patient_ids` where they are several), `part` which part of it ("price"), and `why` the reason that was typed,
    which is sealed.
    """
    request_id = _request_id()
    db.session.add(
        AuditEntry(
            at=now,
            staff_member_id=staff.id if staff else None,
            action=action,
            kind=kind,
            subject=subject,
            patient_id=patient_id,
            patient_ids=patient_ids,
            part=part,
            why_sealed=vault.seal(why, _context(request_id)) if why else "",
            request_id=request_id,
        )
    )


def read(
    staff: Staff, kind: str, now: datetime, *, patient_id: int | None, subject: str = "", part: str = "", why: str = ""
) -> None:
    """Somebody opens a patient's record, or a part of it. Comes before the record is read."""
    record(staff, Action.READ, kind, now, subject=subject, patient_id=patient_id, part=part, why=why)


def read_list(
    staff: Staff, kind: str, now: datetime, patient_ids: Iterable[int | None], *, subject: str = "", part: str = ""
) -> None:
    """Somebody looks at a list that names patients: one entry for the look, with all whom it shows.

    An entry for each would bury everything else: a day of the diary shows a hundred people, and is looked at all day.
    """
    shown = sorted({each for each in patient_ids if each is not None})
    record(staff, Action.READ, kind, now, subject=subject, patient_ids=shown, part=part)


def why(entry: AuditEntry) -> str:
    """The reason that was typed, or nothing."""
    return vault.unseal(entry.why_sealed, _context(entry.request_id)) if entry.why_sealed else ""


def _request_id() -> str:
    """What every log line of this request carries as well; empty outside one."""
    return cast(str, structlog.contextvars.get_contextvars().get("request_id", ""))


def _context(request_id: str) -> str:
    return f"audit_entry:{request_id}:why"
