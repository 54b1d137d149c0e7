"""What staff may set about the clinic: who it is, and how long a time is held. Each is a named row of `setting`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
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
    mail_footer: str = ""  # several lines below the clinic's name in each mail


@dataclass(frozen=True)
class Holds:
    """How long a time is kept for somebody who is booking it: with each step, and from beginning to end."""

    minutes: int = 15
    longest_minutes: int = 45

    @property
    def step(self) -> timedelta:
        return timedelta(minutes=self.minutes)

    @property
    def longest(self) -> timedelta:
        return timedelta(minutes=self.longest_minutes)


def details() -> Clinic:
    """The clinic's details as stored, or the bare default."""
    known = {field.name for field in fields(Clinic)}
    return Clinic(**{key: value for key, value in read("clinic").items() if key in known})


def store(clinic: Clinic) -> None:
    """Replace the clinic's details."""
    db.session.merge(Setting(name="clinic", value=asdict(clinic)))
    db.session.flush()


def holds() -> Holds:
    """The lengths in force; a hold that has begun keeps its deadline until its next step."""
    known = {field.name for field in fields(Holds)}
    return Holds(**{key: int(value) for key, value in read("holds").items() if key in known})


def read(name: str) -> Json:
    """A setting's document, to be read and never changed; empty while nobody has set anything."""
    return changes.keep(("setting", name), lambda: _read(name))


def _read(name: str) -> Json:
    columns = Setting.__table__.c  # every page asks, and needs no object
    return db.session.scalar(select(columns.value).where(columns.name == name)) or {}


def read_locked(name: str) -> Json:
    """The same for whoever changes it: two at once take turns, also the first two."""
    db.session.execute(insert(Setting).values(name=name, value={}).on_conflict_do_nothing())
    return dict(db.session.scalars(select(Setting).where(Setting.name == name).with_for_update()).one().value)


def change(name: str, values: Json) -> None:
    """Set some keys of a document that read_locked has locked; the others stay."""
    setting = db.session.get_one(Setting, name)
    setting.value = {**setting.value, **values}
    db.session.flush()


ABN_WEIGHTS = (10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)


def read_abn(typed: str) -> str | None:
    """The ABN as it is written, "10 000 000 000", or None where its check digits do not fit.

    The rule of the Australian Business Register: one less in the first digit, each digit by its weight, the sum a
    multiple of 89.
    """
    digits = "".join(typed.split())
    if len(digits) != 11 or not (digits.isascii() and digits.isdecimal()):
        return None
    first, *others = map(int, digits)
    total = sum(weight * digit for weight, digit in zip(ABN_WEIGHTS, (first - 1, *others), strict=True))
    return f"{digits[:2]} {digits[2:5]} {digits[5:8]} {digits[8:]}" if total % 89 == 0 else None
