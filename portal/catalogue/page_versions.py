"""Publishes the clinic's own pages, and remembers every text with its author and time.

Each time it is a version of the whole catalogue, like every other publication: somebody's draft of it takes the text
in, and the version can be taken back in the catalogue's own way too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from portal.catalogue.document import read_document
from portal.catalogue.keys import paragraphs
from portal.catalogue.load import load
from portal.catalogue.models import CatalogueVersion
from portal.catalogue.pages import NAMES
from portal.catalogue.publish import NothingToPublish, take_turns
from portal.db import db

PAGES = {"about": "About", "contact": "Contact", "privacy": "Privacy"}
LOOK_BACK = 300  # versions of the catalogue; few of them touch a page

_PLACE = re.compile(r"\{([^{}\s]*)\}")


@dataclass(frozen=True)
class PageVersion:
    """A text as it stood from then on. `number` is the catalogue version that brought it."""

    number: int
    made_at: datetime
    made_by: str
    title: str
    body: str
    note: str


def publish(slug: str, title: str, body: str, by: str, now: datetime, note: str = "") -> int:
    """Make this the page; -> the version's number. Raises NothingToPublish when it reads so already."""
    take_turns()
    document = read_document({"pages": [{"id": slug, "title": title, "body": paragraphs(body)}]})
    if not load(document, now, by):
        raise NothingToPublish
    newest = db.session.scalars(select(CatalogueVersion).order_by(CatalogueVersion.id.desc()).limit(1)).one()
    newest.note = note or f"The page “{title}”."
    db.session.flush()
    return newest.id


def versions_of(slug: str) -> list[PageVersion]:
    """The texts that a page has had, the newest first."""
    columns = (CatalogueVersion.id, CatalogueVersion.made_at, CatalogueVersion.made_by, CatalogueVersion.note)
    pages = CatalogueVersion.document["pages"]
    rows = db.session.execute(select(*columns, pages).order_by(CatalogueVersion.id.desc()).limit(LOOK_BACK)).all()
    found: list[PageVersion] = []
    for id, made_at, made_by, note, kept in reversed(rows):
        page = next((each for each in kept or () if each["id"] == slug), None)
        if page is None:
            continue
        body = "\n\n".join(page["body"])
        if not found or (found[-1].title, found[-1].body) != (page["title"], body):
            found.append(PageVersion(id, made_at, made_by, page["title"], body, note))
    return found[::-1]


def unknown_places(text: str) -> list[str]:
    """What stands in braces and is no detail of the clinic, such as {clinic_fone}."""
    return [f"{{{name}}}" for name in dict.fromkeys(_PLACE.findall(text)) if name not in NAMES]
