"""Tells whether anything has changed that open times, or the pages of the catalogue, follow from.

The database itself adds a row with a random mark whenever such a table changes (migration 0019), in the transaction of
the change. So the marks that a transaction sees, taken together, stand for exactly what it sees of those tables.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import BigInteger, delete, func, select
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, HasId, db

T = TypeVar("T")

_LOOKED, _TOLD = "looked at once", "told along"


class ChangeMark(HasId, Base):
    """Something has changed. Which row it was says nothing; all marks together do."""

    __tablename__ = "change_mark"

    about: Mapped[str]
    mark: Mapped[int] = mapped_column(BigInteger)


_marks = ChangeMark.__table__.c
# One row, also where there is no mark; others may ask it along with a statement of theirs.
STATE = select(
    func.bit_xor(_marks.mark).filter(_marks.about == "times").label("times"),
    func.bit_xor(_marks.mark).filter(_marks.about == "catalogue").label("catalogue"),
)


class State(NamedTuple):
    """Numbers that stay the same only while nothing has changed, this transaction's own changes included."""

    times: int | None
    catalogue: int | None


def state() -> State:
    """How everything stands now."""
    known: State | None = db.session.info.get(_LOOKED)
    if known is not None:
        return known
    db.session.flush()  # what this transaction has done counts, and a plain statement would not flush it
    return State(*db.session.connection().execute(STATE).one())


def only_look() -> None:
    """For a request that writes nothing: all it shows is as it stands now, so one question is enough. It needs no
    transaction either: the two rounds to the database that frame one are saved."""
    db.session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
    look_once()


def look_once() -> None:
    """What follows goes by how everything stands at this moment, until it looks again. What was told along with the
    session a moment ago will do."""
    told = db.session.info.get(_TOLD)
    look_again()
    db.session.info[_LOOKED] = told or state()


def tell(state: State) -> None:
    """How everything stands, from whoever asked it along with something else."""
    db.session.info[_TOLD] = state


@contextmanager
def going_by(state: State) -> Iterator[None]:
    """What is asked within goes by this, which somebody has asked along with something else."""
    db.session.info[_LOOKED] = state
    try:
        yield
    finally:
        look_again()


def look_again() -> None:
    """What was looked at once counts no more."""
    db.session.info.pop(_LOOKED, None)
    db.session.info.pop(_TOLD, None)


def keep(name: Hashable, read: Callable[[], T]) -> T:
    """What `read` tells of the catalogue, asked again only when something of it has changed.

    One answer for all requests, to be read and never changed. What is read must not belong to anybody's session.
    """
    as_it_stands = state().catalogue
    kept = _kept.get(name)
    if kept is None or kept[0] != as_it_stands:
        kept = as_it_stands, read()
        _kept[name] = kept
    answer: T = kept[1]
    return answer


_kept: dict[Hashable, tuple[int | None, Any]] = {}


def forget_old(_now: datetime) -> None:
    """Put one new mark in the place of many.

    None of the old ones may stay: of two changes at once the later number may be committed first, and once the earlier
    one had come and gone, everything would stand as it did before it.
    """
    many = select(ChangeMark.about).group_by(ChangeMark.about).having(func.count() > 1)
    gone = db.session.scalars(delete(ChangeMark).where(ChangeMark.about.in_(many)).returning(ChangeMark.about))
    db.session.add_all([ChangeMark(about=about, mark=random.getrandbits(62)) for about in sorted(set(gone))])
