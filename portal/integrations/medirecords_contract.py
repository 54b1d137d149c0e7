"""What we believe about MediRecords' wire, each fact with how sure we are and who says so.

No path, field name, code or status of MediRecords is written anywhere else. The vendor's own specification is not
public, so some of it is guessed; `guesses()` lists what is still to be checked against the real service.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")


class Mark(StrEnum):
    """How a fact is known."""

    VENDOR = "D"  # a page of the vendor says so
    QUOTED = "S"  # a third party quotes the vendor's specification
    CLIENT = "C"  # a public client was written so
    CLIENTS = "C2"  # two or more independent clients were
    FRAMEWORK = "F"  # the framework the server runs does so
    GUESS = "G"  # our choice


@dataclass(frozen=True)
class Fact(Generic[T]):
    value: T
    mark: Mark
    source: str


def _facts(mark: Mark, source: str, values: Mapping[str, T]) -> dict[str, Fact[T]]:
    return {name: Fact(value, mark, source) for name, value in values.items()}


PATH: Mapping[str, Fact[str]] = {
    **_facts(
        Mark.CLIENTS,
        "a clinic's booking site, a migration script and low-code workflows",
        {
            "practice": "/v1/practices/{practice_id}",
            "patients": "/v2/patients",
            "appointment_types": "/v1/practices/{practice_id}/appointment-types",
            "appointments": "/v1/practices/{practice_id}/appointments",
            "appointment": "/v1/practices/{practice_id}/appointments/{appointment_id}",
        },
    ),
    **_facts(
        Mark.CLIENT,
        "one public client each",
        {
            "patient": "/v1/patients/{patient_id}",
            "patients_exist": "/v1/patients/exist",
            "patients_search": "/v1/patients/search",
            "providers": "/v1/practices/{practice_id}/providers",
            "code_system": "/v1/code-system/{name}",
        },
    ),
}

CODE_SYSTEM: Mapping[str, Fact[str]] = {
    "interval": Fact("appointment-interval-code", Mark.CLIENT, "a clinic's booking site"),
    "interval_older": Fact("appointment-Interval-Code", Mark.QUOTED, "a technical review; tried after a 404"),
    **_facts(
        Mark.GUESS,
        "named like the two code systems that are known",
        {
            "gender": "gender",
            "patient_status": "patient-status-code",
            "cancellation_reason": "appointment-cancellation-reason",
        },
    ),
}

# The words of a code list that we look for, the first that is there wins. Clients contradict each other on the codes.
CODE_NAME: Mapping[str, Fact[tuple[str, ...]]] = _facts(
    Mark.GUESS,
    "the code lists' words are not public",
    {
        "male": ("Male",),
        "female": ("Female",),
        "other": ("Other", "Not stated", "Unknown"),
        "active": ("Active",),
        "cancelled": ("Patient cancelled", "Cancelled by patient", "Other"),
    },
)

STATUS: Mapping[str, Fact[int]] = _facts(
    Mark.QUOTED,
    "a technical review of the vendor's specification",
    {
        "booked": 2,
        "confirmed": 3,
        "waiting_room": 4,
        "with_doctor": 5,
        "at_billing": 6,
        "completed": 7,
        "cancelled": 8,
    },
)

# Ours -> theirs. All of it goes into a PUT, because a PUT replaces the row.
APPOINTMENT_FIELD: Mapping[str, Fact[str]] = {
    **_facts(
        Mark.QUOTED,
        "a technical review of the vendor's specification",
        {
            "patient_id": "patientId",
            "type_id": "appointmentTypeId",
            "provider_id": "providerId",
            "room_id": "roomId",
            "starts_at": "scheduleTime",
            "status": "appointmentStatus",
            "notes": "notes",
            "referral_id": "referralId",
            "urgency": "urgency",
            "is_walk_in": "walkIn",
            "cancellation_reason": "cancellationReason",
        },
    ),
    **_facts(
        Mark.CLIENT,
        "a clinic's booking site",
        {
            "interval_code": "appointmentIntervalCode",
            "is_first_available": "firstAvailableDoctor",
            "is_reminded": "emailReminder",
            "reminder_method": "reminderMethod",
            "reminder_type": "reminderType",
        },
    ),
}
# In a request only: never let MediRecords double-book for us.
NO_DOUBLE_BOOKING: Mapping[str, Fact[bool]] = _facts(
    Mark.CLIENT,
    "a clinic's booking site",
    {"allowDoubleBookingForPatient": False, "allowDoubleBookingForProvider": False},
)
APPOINTMENT_QUERY: Mapping[str, Fact[str]] = _facts(
    Mark.CLIENTS,
    "a clinic's booking site and a technical review",
    {
        "from": "appointmentDateRangeStart",
        "until": "appointmentDateRangeEnd",
        "patient_id": "patientId",
        "provider_id": "providerId",
    },
)

PATIENT_FIELD: Mapping[str, Fact[str]] = {
    **_facts(
        Mark.CLIENTS,
        "a clinic's booking site, a migration script and low-code workflows",
        {
            "practice_id": "defaultPracticeId",
            "given_name": "firstName",
            "family_name": "lastName",
            "preferred_name": "preferredName",
            "gender": "gender",
            "born_on": "dob",
            "status": "patientStatusCode",
            "mobile": "mobilePhone",
            "email": "email",
            "contact_method": "contactMethod",
        },
    ),
    "has_one_name": Fact("oneNameOnly", Mark.CLIENT, "a clinic's booking site"),
}
CONTACT_METHOD = Fact(1, Mark.CLIENTS, "every client sends 1 for patients; what it means is a guess")

# What we read out of answers.
ANSWER_FIELD: Mapping[str, Fact[str]] = {
    **_facts(
        Mark.CLIENTS,
        "a clinic's booking site, a read-only client and a technical review",
        {
            "id": "id",
            "rows": "data",
            "is_last": "last",
            "page": "page",
            "size": "size",
            "errors": "errors",
            "parameter": "parameter",
            "message": "message",
            "updated": "updatedDateTime",
            "telehealth_link": "telehealthLinkForPatient",
            "type_name": "name",
            "type_duration": "duration",
            "type_status": "activeStatus",
            "type_telehealth": "telehealth",
            "type_description": "description",
        },
    ),
    **_facts(
        Mark.CLIENT,
        "a clinic's booking site",
        {
            "provider_given_name": "firstName",
            "provider_family_name": "lastName",
            "provider_status": "status",
            "search": "q",
        },
    ),
}
# The shape of a code list is unknown: the first of these names that a row has.
CODE_FIELDS: Mapping[str, Fact[tuple[str, ...]]] = _facts(
    Mark.GUESS,
    "no code list's shape is public",
    {"code": ("code", "id", "value"), "name": ("name", "description", "display")},
)

EXIST_QUERY: Mapping[str, Fact[str]] = {
    "email": Fact("email", Mark.CLIENT, "a clinic's booking site"),
    "mobile": Fact("mobilePhone", Mark.GUESS, "the look-up is known, its parameter is not"),
}

CONFLICT_STATUSES = Fact((409,), Mark.GUESS, "no refusal of a double booking has been seen")
CONFLICT_WORDS = Fact(r"double.?book|overlap|already booked", Mark.GUESS, "for a server that says it with 400")
UNKNOWN_ID_WORDS = Fact(r"\bNo \w+ for id\b", Mark.CLIENT, "low-code workflows: 400 where one expects 404")
CREATED_STATUSES = Fact((200, 201), Mark.GUESS, "201 was seen for patients")
ACTIVE_TYPE = Fact(1, Mark.CLIENTS, "activeStatus: 1 active, 2 inactive")
ACTIVE_PROVIDER = Fact("Active", Mark.CLIENT, "a clinic's booking site")
PAGE_SIZE = Fact(200, Mark.CLIENT, "the largest size that was seen; the cap is unknown")
TIME_FORMAT = Fact("%Y-%m-%dT%H:%M", Mark.QUOTED, "practice-local, without zone and seconds")
NOTES_LIMIT = Fact(500, Mark.QUOTED, "a technical review of the vendor's specification")
AUTH_MODE = Fact("static", Mark.VENDOR, "tokens are issued by the vendor's customer success team")
BILLING = Fact("notes", Mark.GUESS, "no billing field is public, so the billing code travels in the notes")


def guesses() -> Iterator[tuple[str, Fact[object]]]:
    """Every fact that rests on a guess, as (name, fact)."""
    for name, fact in facts():
        if fact.mark is Mark.GUESS:
            yield name, fact


def facts() -> Iterator[tuple[str, Fact[object]]]:
    """Every fact of this module, as (name, fact)."""
    for name, value in globals().items():
        if isinstance(value, Fact):
            yield name.lower(), value
        elif name.isupper() and isinstance(value, dict):
            yield from ((f"{name.lower()}.{key}", fact) for key, fact in value.items() if isinstance(fact, Fact))
