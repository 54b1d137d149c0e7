"""The patients' records: finding them, reading them, and correcting how somebody is reached."""

from __future__ import annotations

from portal.web.staff.patients import contact, matches, record, search
from portal.web.staff.patients.desk import bp

__all__ = ["bp", "contact", "matches", "record", "search"]
