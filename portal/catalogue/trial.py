"""Lets the database read as if a draft were published, for as long as somebody looks. Nothing of it stays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from portal.catalogue.document import read_document
from portal.catalogue.export import export
from portal.catalogue.load import load
from portal.db import Json, db


@contextmanager
def as_if_published(*documents: Json, now: datetime) -> Iterator[None]:
    """Load these documents, one over the other, and take everything back at the end of the block.

    What is shown inside comes from the same rows and rules as the real thing. Raises BadDocument.
    """
    trial = db.session.begin_nested()
    try:
        for document in documents:
            load(read_document(document), now, "nobody")
        yield
    finally:
        trial.rollback()
        db.session.expire_all()


def laid_over(document: Json, addition: Json, now: datetime) -> Json:
    """The document with an addition, completed by everything that is usual for what is new. Raises BadDocument."""
    with as_if_published(document, addition, now=now):
        return export(now)
