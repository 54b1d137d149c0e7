"""The catalogue editor. Every page works on one person's own draft, until they publish it."""

from __future__ import annotations

from portal.web.staff.catalogue import (
    changes,
    files,
    mapping,
    overview,
    policies,
    preview,
    questions,
    services,
    types,
    versions,
)
from portal.web.staff.catalogue.desk import bp

__all__ = [
    "bp",
    "changes",
    "files",
    "mapping",
    "overview",
    "policies",
    "preview",
    "questions",
    "services",
    "types",
    "versions",
]
