"""Documents for the catalogue's tests."""

from __future__ import annotations

import copy
import json
from typing import Any

from portal.catalogue.load import PACKAGED

# The JSON block of the clinic's own architecture note, word for word.
CLINICS_OWN = """
{
  "services": [
    {
      "id": "alternative-medicine",
      "name": "Alternative Medicine",
      "status": "active",
      "appointments": [
        {
          "type": "followup-alternative-30min",
          "duration": 30,
          "price": 69,
          "calendly_event": "alt-med-30",
          "medi_code": "CONSULT_ALT_30"
        }
      ]
    },
    {
      "id": "weight-loss",
      "name": "Weight Loss Program",
      "status": "active",
      "appointments": [
        {
          "type": "followup-weight-45min",
          "duration": 45,
          "price": 89,
          "calendly_event": "weight-45",
          "medi_code": "CONSULT_WEIGHT_45"
        }
      ]
    },
    {
      "id": "counseling",
      "name": "Counseling Services",
      "status": "coming-soon",
      "launch_date": "2024-06-01",
      "waitlist": true
    }
  ]
}
"""


def clinics_own() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(CLINICS_OWN)
    return document


def packaged() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(PACKAGED.read_text())
    return document


def service_in(document: dict[str, Any], slug: str) -> dict[str, Any]:
    return next(each for each in document["services"] if each["id"] == slug)


def type_in(document: dict[str, Any], slug: str) -> dict[str, Any]:
    every = (each for service in document["services"] for each in service.get("appointments", []))
    return next(each for each in every if each["type"] == slug)


def with_type(slug: str, **values: Any) -> dict[str, Any]:
    """The packaged catalogue with other values for one appointment type."""
    document = copy.deepcopy(packaged())
    type_in(document, slug).update(values)
    return document
