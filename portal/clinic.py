"""Who the clinic is: its name, numbers and address, kept as one row of `setting` and shown on pages and mails."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

from sqlalchemy import select
from sqlalchemy.orm import Mapped, mapped_column

from portal import changes
from portal.db import Base, Json, db


class Setting(Base):
    """A named document that staff may change."""

    __tablename__ = "setting"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[Json]


@dataclass(frozen=True)
class Clinic:
    """The clinic's own details. An empty text means that the clinic has not told us; nothing is shown then."""

    name: str = "Our clinic"
    phone: str = ""
    email: str = ""
    street_address: str = ""
    abn: str = ""


def details() -> Clinic:
    """The clinic's details as stored, or the bare default."""
    global _kept
    state = changes.state().catalogue
    if _kept is None or _kept[0] != state:
        _kept = state, _read()
    return _kept[1]


_kept: tuple[int | None, Clinic] | None = None


def _read() -> Clinic:
    columns = Setting.__table__.c  # every page asks, and needs no object
    stored = db.session.scalar(select(columns.value).where(columns.name == "clinic")) or {}
    known = {field.name for field in fields(Clinic)}
    return Clinic(**{key: value for key, value in stored.items() if key in known})


def store(clinic: Clinic) -> None:
    """Replace the clinic's details."""
    db.session.merge(Setting(name="clinic", value=asdict(clinic)))
    db.session.flush()
