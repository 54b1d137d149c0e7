"""Form fields that speak the catalogue's JSON: each shows a value of a document, and `json` is what was typed as one.

What may stand there is said by portal/catalogue/keys.py, so that a form and a file are held against the same rules.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, time
from typing import Any, ClassVar

from flask_wtf import FlaskForm
from wtforms import BooleanField, Form, RadioField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.widgets import CheckboxInput, DateInput, ListWidget

from portal.catalogue.keys import Key, Wrong, paragraphs
from portal.catalogue.said import LABELS
from portal.db import Json
from portal.web.staff.catalogue import desk


class Words(StringField):
    """A line of text."""

    def process_data(self, value: Any) -> None:
        self.data = "" if value is None else str(value)

    @property
    def json(self) -> Any:
        return (self.data or "").strip()


class MaybeWords(Words):
    """A line of text that may be missing."""

    @property
    def json(self) -> Any:
        return (self.data or "").strip() or None


class Whole(Words):
    """A whole number; an empty box is no number."""

    @property
    def json(self) -> Any:
        typed = (self.data or "").strip()
        return int(typed) if re.fullmatch(r"\d{1,9}", typed) else typed or None


class Dollars(Words):
    """An amount, as people write it."""

    def process_data(self, value: Any) -> None:
        self.data = "" if value is None else f"{value:.2f}".removesuffix(".00")

    @property
    def json(self) -> Any:
        typed = (self.data or "").strip().lstrip("$").replace(",", "")
        if not re.fullmatch(r"\d{1,6}(\.\d{1,2})?", typed):
            return typed or None
        return float(typed) if "." in typed else int(typed)


class Day(MaybeWords):
    """A day, in the browser's own calendar."""

    widget = DateInput()


class Text(TextAreaField):
    """Several lines."""

    @property
    def json(self) -> Any:
        return (self.data or "").replace("\r\n", "\n").strip()


class Paragraphs(TextAreaField):
    """Markdown; a document keeps it paragraph by paragraph."""

    def process_data(self, value: Any) -> None:
        self.data = "\n\n".join(value or [])

    @property
    def json(self) -> Any:
        typed = (self.data or "").replace("\r\n", "\n").strip()
        return paragraphs(re.sub(r"\n{3,}", "\n\n", typed))


class Flag(BooleanField):
    @property
    def json(self) -> Any:
        return bool(self.data)


def _as_choice(value: Any) -> str:
    return "" if value is None else str(value)


class Choice(SelectField):
    """One of several; the empty choice is none of them."""

    def __init__(self, label: str, **known: Any) -> None:
        super().__init__(label, coerce=_as_choice, **known)

    @property
    def json(self) -> Any:
        return self.data or None


class Picture(RadioField):
    @property
    def json(self) -> Any:
        return self.data


class Several(SelectMultipleField):
    """Any of several, each with a box to tick."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()

    @property
    def json(self) -> Any:
        return sorted(self.data or [])


class EntryForm(FlaskForm):
    """A form about one entry of the document: a field is called as its key is."""

    KEYS: ClassVar[Mapping[str, Key]]

    def validate(self, extra_validators: Any = None) -> bool:
        is_valid = bool(super().validate(extra_validators))
        for name, key in self.KEYS.items():
            field = self._fields.get(name)
            if field is None or field.errors:
                continue
            try:
                key.read(field.json)
            except Wrong as wrong:
                field.errors = [f"{LABELS[name]} {wrong}."]
                is_valid = False
        return is_valid

    def values(self) -> Json:
        """What was typed, by key."""
        return {name: self._fields[name].json for name in self.KEYS if name in self._fields}


class ComingPrice(Form):
    """A price, and the day it begins."""

    starts = Day("From")
    price = Dollars("Price")


def coming_rows(prices: list[Json]) -> list[Json]:
    """Prices to come as rows of a form, with days of the clinic."""
    starts = [datetime.fromisoformat(each["from"]).astimezone(desk.zone()).date() for each in prices]
    return [{"starts": day.isoformat(), "price": each["price"]} for day, each in zip(starts, prices, strict=True)]


def coming_prices(rows: list[ComingPrice]) -> list[Json]:
    """The rows as a document has them; empty ones are left out. Raises Wrong."""
    found = []
    for row in rows:
        if row.starts.json is None and row.price.json is None:
            continue
        try:
            day = datetime.fromisoformat(row.starts.json or "").date()
        except ValueError:
            raise Wrong("must say from which day on") from None
        if row.price.json is None:
            raise Wrong("must say how much it is")
        start = datetime.combine(day, time(), desk.zone())
        found.append({"from": start.isoformat(), "price": row.price.json})
    return found
