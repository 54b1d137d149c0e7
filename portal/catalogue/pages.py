"""The clinic's own pages: its details stand in them as {clinic_phone} and the like."""

from __future__ import annotations

import re
from collections.abc import Mapping

from portal.clinic import Clinic

NAMES = ("clinic_name", "clinic_phone", "clinic_email", "clinic_address", "clinic_abn")
PLACEHOLDER = re.compile(rf"\{{({'|'.join(NAMES)})\}}")


def fill_in(body: str, clinic: Clinic) -> str:
    """The Markdown with the clinic's details. A line about a detail that is not known is left out."""
    values = {
        "clinic_name": clinic.name,
        "clinic_phone": clinic.phone,
        "clinic_email": clinic.email,
        "clinic_address": clinic.street_address,
        "clinic_abn": clinic.abn,
    }
    return "\n".join(_filled(line, values) for line in body.split("\n") if _is_known(line, values))


def _is_known(line: str, values: Mapping[str, str]) -> bool:
    return all(values[name] for name in PLACEHOLDER.findall(line))


def _filled(line: str, values: Mapping[str, str]) -> str:
    return PLACEHOLDER.sub(lambda found: values[found.group(1)], line)
