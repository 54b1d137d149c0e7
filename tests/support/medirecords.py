"""MediRecords in tests: bare calls as the practice's token holder, and the clinic the sandbox always has."""

from __future__ import annotations

from typing import Any

import requests

from portal.config import LOCAL_IDS, LOCAL_SECRETS
from portal.integrations.medirecords import MediRecords
from portal.sandbox.medirecords.seed import fixed_id
from tests.support.sandbox import RunningSandbox

PRACTICE = LOCAL_IDS["MEDIRECORDS_PRACTICE_ID"]
REST_TOKEN = LOCAL_SECRETS["MEDIRECORDS_REST_TOKEN"]
FHIR_TOKEN = LOCAL_SECRETS["MEDIRECORDS_FHIR_TOKEN"]
BOOK = f"/v1/practices/{PRACTICE}/appointments"

MOREAU = fixed_id("provider/Dr Ines Moreau")
LINDQVIST = fixed_id("provider/Dr Tobias Lindqvist")
NORA = fixed_id("patient/Nora Castellano")
WILL = fixed_id("patient/Will Castellano")
ALT_30 = fixed_id("type/CONSULT_ALT_30")
TELEHEALTH = fixed_id("type/Telehealth consult")
HOUSE_CALL = fixed_id("type/House call")
BLOCKED = fixed_id("appointment/blocked")

MINUTES_15, MINUTES_30, MINUTES_60 = 6, 9, 13


class Wire:
    """Calls to the emulator with the headers of a token holder; `path` starts at /v1."""

    def __init__(self, sandbox: RunningSandbox, token: str | None = REST_TOKEN) -> None:
        self.base = f"{sandbox.url}/medirecords"
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def call(self, method: str, path: str, **how: Any) -> requests.Response:
        return requests.request(method, self.base + path, headers=self.headers, timeout=10, **how)

    def get(self, path: str, **query: Any) -> requests.Response:
        return self.call("GET", path, params=query)

    def post(self, path: str, body: Any) -> requests.Response:
        return self.call("POST", path, json=body)

    def put(self, path: str, body: Any) -> requests.Response:
        return self.call("PUT", path, json=body)

    def delete(self, path: str) -> requests.Response:
        return self.call("DELETE", path)

    def book(self, **fields: Any) -> dict[str, Any]:
        """A stored appointment; see appointment()."""
        answer = self.post(BOOK, appointment(**fields))
        assert answer.status_code == 201, answer.text
        return dict(answer.json())


def appointment(**fields: Any) -> dict[str, Any]:
    """The body of a good appointment: Nora with Dr Moreau for 30 minutes. `fields` change it, None takes one out."""
    body = {
        "patientId": NORA,
        "appointmentTypeId": ALT_30,
        "providerId": MOREAU,
        "scheduleTime": "2027-03-09T14:30",
        "appointmentStatus": 2,
        "appointmentIntervalCode": MINUTES_30,
        "notes": "Booked online. [ref:BK-7F3K2Q]",
        "allowDoubleBookingForPatient": False,
        "allowDoubleBookingForProvider": False,
        **fields,
    }
    return {name: value for name, value in body.items() if value is not None}


def patient(**fields: Any) -> dict[str, Any]:
    """The body of a good patient, for the emulator's own tests."""
    body = {
        "defaultPracticeId": PRACTICE,
        "firstName": "Ruth",
        "lastName": "Abernathy",
        "gender": 2,
        "dob": "1971-05-02",
        "patientStatusCode": 1,
        "mobilePhone": "0491570159",
        "email": "ruth.abernathy@example.org",
        "contactMethod": 1,
        **fields,
    }
    return {name: value for name, value in body.items() if value is not None}


def client(sandbox: RunningSandbox, **settings: Any) -> MediRecords:
    """The portal's client of this sandbox, new: it knows no code list yet."""
    how = {"practice_id": PRACTICE, "rest_token": REST_TOKEN, "practice_zone": "Australia/Sydney", **settings}
    return MediRecords(base_url=f"{sandbox.url}/medirecords", **how)
