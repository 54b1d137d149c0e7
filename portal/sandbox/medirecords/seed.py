"""The clinic that is always there, and the practitioners and rooms that the portal's own seed adds to it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from portal.sandbox.core import Json, Sandbox
from portal.sandbox.medirecords.contract import CODE_SYSTEMS, INTERVAL_MINUTES, interval_text
from portal.sandbox.medirecords.wire import SYSTEM, find, put, timestamp

NAMESPACE = UUID("0b7a3c52-6a0e-5d0c-9a54-3d0c6f2b9d10")
MONDAY_TO_FRIDAY = range(2, 7)  # MediRecords counts 1 = Sunday


def fixed_id(name: str) -> str:
    """The same id for the same thing in every sandbox."""
    return str(uuid5(NAMESPACE, name))


STAFF_USER = fixed_id("user/staff")

# name, minutes, active, telehealth, description
TYPES = (
    ("CONSULT_ALT_30", 30, True, False, "Alternative medicine, standard"),
    ("CONSULT_ALT_45", 45, True, False, "Alternative medicine, long"),
    ("CONSULT_GAPS_45", 45, True, False, "GAPS, follow-up"),
    ("CONSULT_GAPS_60", 60, True, False, "GAPS, initial"),
    ("CONSULT_WEIGHT_45", 45, True, False, "Weight loss, follow-up"),
    ("CONSULT_WEIGHT_15", 15, True, False, "Weight loss, short"),
    ("House call", 90, False, False, "No longer offered"),
    ("Telehealth consult", 30, True, True, None),
)
PROVIDERS = (("Dr Ines Moreau", "Active"), ("Dr Tobias Lindqvist", "Active"), ("Dr Paula Greene", "Inactive"))
PATIENTS = (
    ("Nora", "Castellano", "Female", "1984-07-19", "0491570156", "nora.castellano@example.com"),
    ("Will", "Castellano", "Male", "2012-02-29", "0491570156", "nora.castellano@example.com"),
    ("Aroha", "O'Dea", "Other", "1961-11-03", "0491570157", "aroha.odea@example.org"),
)


def plant(sandbox: Sandbox) -> None:
    """Put the fixed clinic in place; called after each reset and at the first start."""
    practice_id = sandbox.settings.medirecords_practice_id
    put(sandbox, "practice", {"id": practice_id, "practiceName": "Rosella Clinic"})
    for name, status in PROVIDERS:
        _provider(sandbox, fixed_id(f"provider/{name}"), name, status)
    for name in ("Room 1", "Room 2"):
        put(sandbox, "room", {"id": fixed_id(f"room/{name}"), "name": name, "activeStatus": 1})
    for order, kind in enumerate(TYPES, start=1):
        _type(sandbox, order, *kind)
    for patient in PATIENTS:
        _patient(sandbox, *patient)
    _blocked_hour(sandbox)


def is_planted(sandbox: Sandbox) -> bool:
    return find(sandbox, "practice", sandbox.settings.medirecords_practice_id) is not None


def add_people(sandbox: Sandbox, people: Json) -> None:
    """The portal's practitioners become providers and its rooms rooms; see control.py for the document."""
    practice_id = sandbox.settings.medirecords_practice_id
    if people.get("practice_name"):
        put(sandbox, "practice", {"id": practice_id, "practiceName": people["practice_name"]})
    for person in people.get("practitioners", []):
        if person.get("medirecords_provider_id"):
            _provider(sandbox, person["medirecords_provider_id"].lower(), person["name"], "Active")
    for room in people.get("rooms", []):
        put(sandbox, "room", {"id": str(room["id"]).lower(), "name": room["name"], "activeStatus": 1})


def _provider(sandbox: Sandbox, id: str, name: str, status: str) -> None:
    titles = {text: str(code) for code, text in CODE_SYSTEMS["title-code"].items()}
    first, *rest = name.split()
    title = titles.get(first.rstrip("."))
    if title and len(rest) > 1:
        first, *rest = rest
    row = {"id": id, "titleCode": title, "firstName": first, "lastName": " ".join(rest), "status": status}
    put(sandbox, "provider", row)
    for day in MONDAY_TO_FRIDAY:
        session = {
            "id": fixed_id(f"session/{id}/{day}"),
            "userId": id,
            "dayOfWeek": day,
            "startTime": "09:00",
            "endTime": "17:00",
            "startDate": "2020-01-01",
            "endDate": "2039-12-31",
        }
        put(sandbox, "session", session)


def _type(
    sandbox: Sandbox,
    order: int,
    name: str,
    minutes: int,
    is_active: bool,
    is_telehealth: bool,
    description: str | None,
) -> None:
    row = {
        "id": fixed_id(f"type/{name}"),
        "name": name,
        "duration": interval_text(minutes),
        "colour": "#a9a9a9",
        "order": order,
        "activeStatus": 1 if is_active else 2,
        "community": False,
        "telehealth": is_telehealth,
        "description": description,
    }
    put(sandbox, "type", row)


def _patient(sandbox: Sandbox, first: str, last: str, gender: str, dob: str, mobile: str, email: str) -> None:
    moment = timestamp(sandbox.now())
    row = {
        "id": fixed_id(f"patient/{first} {last}"),
        "defaultPracticeId": sandbox.settings.medirecords_practice_id,
        "firstName": first,
        "lastName": last,
        "fullName": f"{first} {last}",
        "gender": {"Male": 1, "Female": 2, "Other": 3}[gender],
        "dob": dob,
        "patientStatusCode": 1,
        "mobilePhone": mobile,
        "email": email,
        "contactMethod": 1,
        "createdDateTime": moment,
        "updatedDateTime": moment,
    }
    put(sandbox, "patient", row)


def _blocked_hour(sandbox: Sandbox) -> None:
    """Time that staff have blocked, at noon on the coming Monday."""
    today = sandbox.now().astimezone(ZoneInfo(sandbox.settings.practice_zone)).date()
    monday = today + timedelta(days=7 - today.weekday())
    block(sandbox, fixed_id("appointment/blocked"), fixed_id(f"provider/{PROVIDERS[0][0]}"), f"{monday}T12:00", 60)


def block(sandbox: Sandbox, id: str, provider_id: str, schedule_time: str, minutes: int) -> Json:
    """Put blocked time into the book: a row without patient and type. The caller has checked it."""
    moment = timestamp(sandbox.now())
    row = {
        "id": id,
        "practiceId": sandbox.settings.medirecords_practice_id,
        "patientId": None,
        "appointmentTypeId": None,
        "scheduleTime": schedule_time,
        "appointmentStatus": 2,
        "appointmentIntervalCode": next(code for code, length in INTERVAL_MINUTES.items() if length == minutes),
        "providerId": provider_id,
        "roomId": None,
        "referralId": None,
        "notes": "Staff meeting",
        "urgency": None,
        "walkIn": None,
        "firstAvailableDoctor": None,
        "emailReminder": None,
        "reminderMethod": None,
        "reminderType": None,
        "cancellationReason": None,
        "confirmationLink": None,
        "telehealthLinkForProvider": None,
        "telehealthLinkForPatient": None,
        "createdBy": STAFF_USER,
        "updatedBy": STAFF_USER,
        "createdDateTime": moment,
        "updatedDateTime": moment,
        "_reads_without_link": 0,
    }
    return sandbox.store.put(SYSTEM, "appointment", id, row)
