"""Cuts a long list into pages, and says where the others are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from flask import request, url_for
from sqlalchemy import Select, func, select

from portal.db import db

T = TypeVar("T")
PER_PAGE = 50


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of a list; pages count from 1."""

    rows: Sequence[T]
    number: int
    per_page: int
    total: int

    @property
    def first(self) -> int:
        return (self.number - 1) * self.per_page + 1

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1

    @property
    def older(self) -> str | None:
        """The address of the page after this one, with the filters as they are."""
        return self._address(self.number + 1) if self.last < self.total else None

    @property
    def newer(self) -> str | None:
        return self._address(self.number - 1) if self.number > 1 else None

    def _address(self, number: int) -> str:
        kept = {**(request.view_args or {}), **{k: v for k, v in request.args.items() if not k.startswith("_")}}
        kept.pop("endpoint", None)
        return url_for(request.endpoint or "", **{**kept, "page": number})


def page_of(wanted: Select[T], asked: str | None, *, per_page: int = PER_PAGE) -> Page[T]:
    """The page that was asked for, as typed into the address; anything that is no page is the first or the last."""
    total = db.session.scalar(select(func.count()).select_from(wanted.order_by(None).subquery())) or 0
    most = max(1, -(-total // per_page))
    number = min(int(asked), most) if asked and asked.isdecimal() and len(asked) < 9 else 1
    number = max(1, number)
    rows = db.session.scalars(wanted.limit(per_page).offset((number - 1) * per_page)).all()
    return Page(rows, number, per_page, total)
