"""The MediRecords client: patients, code lists and the appointment book of one practice.

Times go in and come out in UTC; on the wire they are practice-local. The vendor's specification is not public, so
everything that names their wire is in `medirecords_contract`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from portal.integrations import medirecords_contract as contract
from portal.integrations.http import NotFound, Permanent
from portal.integrations.medirecords_calls import SYSTEM, AuthRefused, Calls, Conflict, Refused, read, rows
from portal.integrations.medirecords_values import (
    ANSWER,
    APPOINTMENT,
    PATIENT,
    Appointment,
    AppointmentSpec,
    AppointmentType,
    MrPatient,
    NewPatient,
    Provider,
    Row,
    UnwritableTime,
    as_appointment,
    as_patient,
    as_provider,
    as_type,
    local_text,
    minutes_in,
    national_mobile,
    quoted,
    same_name,
)

__all__ = [
    "Appointment",
    "AppointmentSpec",
    "AppointmentType",
    "AuthRefused",
    "Conflict",
    "MappingError",
    "MediRecords",
    "MrPatient",
    "NewPatient",
    "Provider",
    "Refused",
    "UnwritableTime",
]

CANCELLED = contract.STATUS["cancelled"].value
MOST_HITS = 20


class MappingError(Permanent):
    """A type, interval, provider or gender that we need is not set up there."""


class MediRecords:
    """One practice's MediRecords. `pace` is called before each request and waits for the shared rate limit.

    Every method may raise Transient (try later), AuthRefused, Refused or NotFound; the writing ones also Ambiguous,
    after which the caller must look before it writes again: the server has no idempotency keys.
    """

    def __init__(
        self,
        *,
        base_url: str,
        practice_id: str,
        rest_token: str,
        practice_zone: str,
        pace: Callable[[], None] = lambda: None,
    ) -> None:
        self._practice_id = practice_id
        self._zone = ZoneInfo(practice_zone)
        self._calls = Calls(base_url, practice_id, rest_token, pace)
        self._code_lists: dict[str, dict[str, int]] = {}

    # Set-up of the practice

    def appointment_types(self) -> list[AppointmentType]:
        """All types, also inactive ones. They can only be made by hand in MediRecords."""
        return [read(as_type, row) for row in self._calls.pages("appointment_types")]

    def providers(self) -> list[Provider]:
        return [read(as_provider, row) for row in self._calls.pages("providers")]

    def interval_code(self, minutes: int) -> int:
        """The code of exactly this many minutes. Raises MappingError: the nearest would book the wrong length."""
        for code, its_minutes in self._minutes_by_code().items():
            if its_minutes == minutes:
                return code
        raise MappingError(SYSTEM, f"no interval of {minutes} minutes")

    def gender_code(self, gender: str) -> int:
        """The code of male or female; anything else, such as prefer-not, is Other. Raises MappingError."""
        return self._code("gender", gender if gender in ("male", "female") else "other")

    def cancellation_reason(self) -> int:
        """The code that tells a cancellation by the patient. Raises MappingError."""
        return self._code("cancellation_reason", "cancelled")

    # Patients

    def find_patients(
        self, *, mobile: str | None, email: str | None, family_name: str, born_on: date
    ) -> list[MrPatient]:
        """Who has this family name and birth date: by mobile (E.164), else by email, else by the two themselves.

        The strongest way that finds somebody decides. Families share phones and mail, and twins also birth dates, so
        there may be several, and the caller must look at given names.
        """
        for ids in self._lookups(mobile, email, family_name, born_on):
            found = [patient for patient in map(self._patient_or_none, ids) if patient]
            fitting = [who for who in found if same_name(who.family_name, family_name) and who.born_on == born_on]
            if fitting:
                return fitting
        return []

    def get_patient(self, patient_id: str) -> MrPatient:
        return read(as_patient, self._calls.get("patient", patient_id=patient_id))

    def create_patient(self, patient: NewPatient) -> MrPatient:
        """Creates without looking for duplicates: find_patients comes first. Also raises MappingError."""
        values = {
            "practice_id": self._practice_id,
            "given_name": patient.given_name or None,
            "family_name": patient.family_name,
            "has_one_name": not patient.given_name,
            "preferred_name": patient.preferred_name,
            "gender": self.gender_code(patient.gender),
            "born_on": patient.born_on.isoformat(),
            "status": self._code("patient_status", "active"),
            "mobile": national_mobile(patient.mobile),
            "email": patient.email,
            "contact_method": contract.CONTACT_METHOD.value,
        }
        body = {PATIENT[name]: value for name, value in values.items()}
        return read(as_patient, self._calls.write("POST", "patients", body), wrote=True)

    # The appointment book

    def find_appointments(
        self, *, on: date, patient_id: str | None = None, provider_id: str | None = None
    ) -> list[Appointment]:
        """What is in the book on a practice-local day, by start; includes cancelled and blocked time."""
        return self.appointments_between(on, on, patient_id=patient_id, provider_id=provider_id)

    def appointments_between(
        self, first: date, last: date, *, patient_id: str | None = None, provider_id: str | None = None
    ) -> list[Appointment]:
        """The same for the practice-local days `first` to `last`, both included."""
        query = {name: fact.value for name, fact in contract.APPOINTMENT_QUERY.items()}
        # Whether the end of the range counts is unknown, so we ask for whole days and look ourselves.
        asked = {
            query["from"]: f"{first}T00:00",
            query["until"]: f"{last}T23:59",
            query["patient_id"]: patient_id,
            query["provider_id"]: provider_id,
        }
        pages = self._calls.pages("appointments", {name: value for name, value in asked.items() if value})
        # Rows may shift between two pages while somebody books: an id counts once.
        found = {appointment.id: appointment for appointment in map(self._appointment, pages)}
        inside = [each for each in found.values() if first <= each.starts_at.astimezone(self._zone).date() <= last]
        return sorted(inside, key=lambda appointment: (appointment.starts_at, appointment.id))

    def get_appointment(self, appointment_id: str) -> Appointment:
        return self._appointment(self._calls.get("appointment", appointment_id=appointment_id))

    def create_appointment(self, spec: AppointmentSpec) -> Appointment:
        """Raises Conflict when the time is taken there, UnwritableTime for an hour that a clock change repeats."""
        values = {
            "patient_id": spec.patient_id,
            "type_id": spec.type_id,
            "provider_id": spec.provider_id,
            "room_id": spec.room_id,
            "starts_at": local_text(spec.starts_at, self._zone),
            "interval_code": spec.interval_code,
            "status": spec.status,
            "notes": spec.notes,
            "urgency": 1,
            "is_walk_in": False,
            "is_first_available": False,
            "is_reminded": False,  # the portal writes to the patient itself
        }
        return self._written("POST", "appointments", {APPOINTMENT[name]: value for name, value in values.items()})

    def replace_appointment(self, appointment_id: str, **changes: Any) -> Appointment:
        """Change the named fields (as in AppointmentSpec, also cancellation_reason) and leave the others as they are.

        Reads first: a PUT replaces the whole row. Raises Conflict and UnwritableTime like create_appointment.
        """
        return self._replaced(self._calls.get("appointment", appointment_id=appointment_id), changes)

    def cancel_appointment(self, appointment_id: str) -> Appointment:
        """The row stays, cancelled with a reason. One that is cancelled already is left alone."""
        row = self._calls.get("appointment", appointment_id=appointment_id)
        if row.get(APPOINTMENT["status"]) == CANCELLED:
            return self._appointment(row)
        return self._replaced(row, {"status": CANCELLED, "cancellation_reason": self.cancellation_reason()})

    def _replaced(self, row: Row, changes: Mapping[str, Any]) -> Appointment:
        unknown = changes.keys() - APPOINTMENT.keys()
        if unknown:
            raise TypeError(f"not a field of an appointment: {', '.join(sorted(unknown))}")
        body = {wire: row.get(wire) for wire in APPOINTMENT.values()}
        body[APPOINTMENT["starts_at"]] = row[APPOINTMENT["starts_at"]][:16]
        if changes.get("status", CANCELLED) != CANCELLED:
            body[APPOINTMENT["cancellation_reason"]] = None
        body |= {APPOINTMENT[name]: self._on_wire(value) for name, value in changes.items()}
        return self._written("PUT", "appointment", body, appointment_id=row[ANSWER["id"]])

    def _on_wire(self, value: Any) -> Any:
        return local_text(value, self._zone) if isinstance(value, datetime) else value

    def _written(self, method: str, path: str, body: dict[str, Any], **ids: str) -> Appointment:
        flags = {name: fact.value for name, fact in contract.NO_DOUBLE_BOOKING.items()}
        # The intervals are fetched first: after the write a failing look-up would hide that it took effect.
        self._minutes_by_code()
        row = self._calls.write(method, path, {**body, **flags}, **ids)
        return read(lambda each: as_appointment(each, self._zone, self._minutes_by_code()), row, wrote=True)

    def _appointment(self, row: Row) -> Appointment:
        minutes = self._minutes_by_code()
        return read(lambda each: as_appointment(each, self._zone, minutes), row)

    # Code lists

    def _code(self, system: str, name: str) -> int:
        codes = self._codes(contract.CODE_SYSTEM[system].value)
        for wanted in contract.CODE_NAME[name].value:
            if wanted.casefold() in codes:
                return codes[wanted.casefold()]
        raise MappingError(SYSTEM, f"no code for {name} in {contract.CODE_SYSTEM[system].value}")

    def _minutes_by_code(self) -> dict[int, int]:
        codes = self._codes(contract.CODE_SYSTEM["interval"].value, contract.CODE_SYSTEM["interval_older"].value)
        lengths = {code: minutes_in(name) for name, code in codes.items()}
        return {code: minutes for code, minutes in lengths.items() if minutes}

    def _codes(self, name: str, *older_names: str) -> dict[str, int]:
        """Text in lower case -> code. Asked for once, unless there was nothing."""
        if not self._code_lists.get(name):
            answers = filter(None, map(self._fetch_codes, (name, *older_names)))
            self._code_lists[name] = next(answers, {})
        return self._code_lists[name]

    def _fetch_codes(self, name: str) -> dict[str, int]:
        try:
            answer = self._calls.get("code_system", name=name)
        except NotFound:
            return {}
        return read(lambda found: dict(map(_named_code, found)), rows(answer))

    # Look-ups

    def _lookups(self, mobile: str | None, email: str | None, family_name: str, born_on: date) -> Iterator[list[str]]:
        number = national_mobile(mobile) if mobile else None
        if number:
            yield self._existing("mobile", number)
        if email:
            yield self._existing("email", email)
        query = f"{PATIENT['family_name']}=={quoted(' '.join(family_name.split()))};{PATIENT['born_on']}=={born_on}"
        yield _ids(list(self._calls.pages("patients_search", {ANSWER["search"]: query})))

    def _existing(self, way: str, value: str) -> list[str]:
        try:
            answer = self._calls.get("patients_exist", {contract.EXIST_QUERY[way].value: value})
        except (Refused, NotFound):
            return []  # not every way of asking may exist there; the search by name and birth date remains
        ids = _ids(rows(answer))
        # So many hits mean that the server does not know the parameter and lists everybody.
        return ids if len(ids) <= MOST_HITS else []

    def _patient_or_none(self, patient_id: str) -> MrPatient | None:
        try:
            return self.get_patient(patient_id)
        except NotFound:
            return None


def _ids(found: list[Row]) -> list[str]:
    """Each id once."""
    return read(lambda each: list(dict.fromkeys(row[ANSWER["id"]] for row in each)), found)


def _named_code(row: Row) -> tuple[str, int]:
    return str(_first(row, "name")).strip().casefold(), int(_first(row, "code"))


def _first(row: Row, field: str) -> Any:
    names = [name for name in contract.CODE_FIELDS[field].value if name in row]
    return row[names[0]] if names else row[field]
