"""The emulator's own copy of the MediRecords contract: paths, codes, limits. A test holds it against the client's."""

from __future__ import annotations

PATH = {
    "token": "/oauth/token",
    "practice": "/v1/practices/{practice_id}",
    "providers": "/v1/practices/{practice_id}/providers",
    "regular_sessions": "/v1/practices/{practice_id}/regular-sessions",
    "rooms": "/v1/practices/{practice_id}/rooms",
    "appointment_types": "/v1/practices/{practice_id}/appointment-types",
    "appointment_type": "/v1/practices/{practice_id}/appointment-types/{type_id}",
    "appointments": "/v1/practices/{practice_id}/appointments",
    "appointment": "/v1/practices/{practice_id}/appointments/{appointment_id}",
    "code_system": "/v1/code-system/{name}",
    "patients": "/v2/patients",
    "patients_v1": "/v1/patients",
    "patient": "/v1/patients/{patient_id}",
    "patients_exist": "/v1/patients/exist",
    "patients_search": "/v1/patients/search",
    "addresses": "/v1/patients/{patient_id}/addresses",
    "settings": "/v1/patients/{patient_id}/settings",
    "relationships": "/v1/patients/{patient_id}/relationships",
    "upload_inbound": "/v1/upload/patients/{patient_id}/correspondences/inbounds",
    "correspondences": "/v1/patients/{patient_id}/correspondences/{direction}",
    "fhir_patients": "/fhir/v1/Patient",
    "fhir_patient": "/fhir/v1/Patient/{patient_id}",
}

STATUS = {
    "booked": 2,
    "confirmed": 3,
    "waiting_room": 4,
    "with_doctor": 5,
    "at_billing": 6,
    "completed": 7,
    "cancelled": 8,
}
STATUS_WORDS = {code: name.replace("_", " ").capitalize() for name, code in STATUS.items()}

APPOINTMENT_REQUIRED = (
    "patientId",
    "appointmentTypeId",
    "scheduleTime",
    "appointmentStatus",
    "appointmentIntervalCode",
)
APPOINTMENT_NULLABLE = (
    "providerId",
    "roomId",
    "referralId",
    "notes",
    "urgency",
    "walkIn",
    "firstAvailableDoctor",
    "emailReminder",
    "reminderMethod",
    "reminderType",
    "cancellationReason",
)
APPOINTMENT_WRITABLE = APPOINTMENT_REQUIRED + APPOINTMENT_NULLABLE
APPOINTMENT_REQUEST_ONLY = ("allowDoubleBookingForPatient", "allowDoubleBookingForProvider")
APPOINTMENT_FILTERS = ("providerId", "patientId", "appointmentStatus", "appointmentTypeId", "roomId", "urgency")

PATIENT_WRITABLE = (
    "defaultPracticeId",
    "usualDoctorId",
    "titleCode",
    "firstName",
    "lastName",
    "oneNameOnly",
    "fullName",
    "middleName",
    "preferredName",
    "previouslyKnownAs",
    "gender",
    "dob",
    "patientStatusCode",
    "mobilePhone",
    "homePhone",
    "workPhone",
    "email",
    "contactMethod",
    "notes",
)

NOTES_LIMIT, LAST_NAME_LIMIT, EMAIL_LIMIT = 500, 40, 100
DEFAULT_PAGE_SIZE = 20

# Code -> minutes, in an order of its own: a client that counts up, or takes the nearest, is caught.
INTERVAL_MINUTES = {
    6: 15, 2: 5, 9: 30, 13: 60, 4: 10, 7: 20, 11: 45, 1: 3, 3: 8, 5: 12, 8: 25, 10: 40, 12: 50, 14: 90, 15: 120,
}  # fmt: skip

GENDER = {"mf": {1: "Male", 2: "Female", 3: "Other"}, "fm": {1: "Female", 2: "Male", 3: "Other"}}
CODE_SYSTEMS = {
    "patient-status-code": {1: "Active", 2: "Inactive", 3: "Deceased"},
    "appointment-cancellation-reason": {
        11: "Practice cancelled",
        14: "Patient cancelled",
        17: "Did not attend",
        19: "Other",
    },
    "contact-method": {1: "Mobile", 2: "Home phone", 3: "Email", 4: "Post"},
    "state-code": {1: "NSW", 2: "VIC", 3: "QLD", 4: "SA", 5: "WA", 6: "TAS", 7: "ACT", 8: "NT"},
    "title-code": {
        315890000: "Mr",
        315890001: "Mrs",
        315890002: "Ms",
        315890003: "Miss",
        315890004: "Dr",
        315890005: "Prof",
        315890012: "Mx",
    },
}
INTERVAL_SYSTEMS = ("appointment-interval-code", "appointment-Interval-Code")


def rule(name: str) -> str:
    """The path in Flask's notation."""
    return PATH[name].replace("{", "<").replace("}", ">")


def interval_text(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    parts = ([f"{hours} hr{'s' if hours > 1 else ''}"] if hours else []) + ([f"{rest} min"] if rest else [])
    return " ".join(parts)
