"""How MediRecords answers: page envelopes, field errors, timestamps, and who may not come in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Response, jsonify, request

from portal.sandbox.core import Json, Sandbox
from portal.sandbox.medirecords.contract import DEFAULT_PAGE_SIZE

SYSTEM = "medirecords"


class Refusal(Exception):
    """An answer other than success: its status and its body."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(status)
        self.status, self.body = status, body


def no_such(kind: str, id: str) -> Refusal:
    """MediRecords answers 400, not 404, to an id it does not know."""
    return Refusal(400, {"message": f"No {kind} for id: {id}"})


class FieldErrors:
    """Collects what is wrong with a body, so that one answer names all of it."""

    def __init__(self) -> None:
        self._errors: list[Json] = []

    def add(self, parameter: str, value: Any, message: str) -> None:
        self._errors.append({"parameter": parameter, "value": value, "message": message})

    def text(self, body: Json, parameter: str, least: int, most: int, *, required: bool = False) -> None:
        """`parameter` must be a string of `least` to `most` characters, or null where it is not required."""
        value = body.get(parameter)
        if value is None:
            if required:
                self.add(parameter, None, "must not be null")
        elif not isinstance(value, str):
            self.add(parameter, value, "must be a string")
        elif not least <= len(value) <= most:
            self.add(parameter, value, f"size must be between {least} and {most}")

    def boolean(self, body: Json, parameter: str) -> None:
        if not isinstance(body.get(parameter), bool | None):
            self.add(parameter, body[parameter], "must be a boolean")

    def refuse(self) -> None:
        """Raises when anything was added."""
        if self._errors:
            raise Refusal(400, {"errors": self._errors})


def body_of_request() -> Json:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise Refusal(400, {"message": "Malformed JSON request"})
    return body


def page_of(sandbox: Sandbox, rows: list[Json]) -> Response:
    """One page of `rows` in the envelope, as the query asks."""
    size = min(_count("size", DEFAULT_PAGE_SIZE, 1), int(sandbox.knob(SYSTEM, "MAX_PAGE_SIZE")))
    page = _count("page", 0, 0)
    shown = rows[page * size : (page + 1) * size]
    pages = -(-len(rows) // size)
    return jsonify(
        data=shown,
        first=page == 0,
        last=page + 1 >= pages,
        totalPages=pages,
        totalElements=len(rows),
        numberOfElements=len(shown),
        size=size,
        page=page,
    )


def _count(name: str, default: int, least: int) -> int:
    raw = request.args.get(name)
    if raw is None:
        return default
    if not raw.isdecimal() or int(raw) < least:
        raise Refusal(
            400, {"errors": [{"parameter": name, "value": raw, "message": f"must be greater than or equal to {least}"}]}
        )
    return int(raw)


def timestamp(moment: datetime) -> str:
    """UTC with milliseconds and an offset without a colon, such as 2020-12-15T07:43:52.529+0000."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}+0000"


def find(sandbox: Sandbox, kind: str, id: Any) -> Json | None:
    return sandbox.store.get(SYSTEM, kind, id) if isinstance(id, str) else None


def put(sandbox: Sandbox, kind: str, value: Json) -> Json:
    return sandbox.store.put(SYSTEM, kind, value["id"], value)


def every(sandbox: Sandbox, kind: str) -> list[Json]:
    return sandbox.store.all(SYSTEM, kind)


def new_document(sandbox: Sandbox, value: Json) -> Json:
    """`value` with the hour from which lists show it, when the search index is told to lag."""
    lag = float(sandbox.knob(SYSTEM, "SEARCH_LAG_SECONDS"))
    return {**value, "_listed_from": sandbox.now().timestamp() + lag if lag else None}


def is_listed(sandbox: Sandbox, document: Json) -> bool:
    listed_from = document.get("_listed_from")
    return listed_from is None or sandbox.now().timestamp() >= listed_from


def public(document: Json) -> Json:
    """What goes on the wire: names with an underscore in front are the emulator's own."""
    return {name: value for name, value in document.items() if not name.startswith("_")}
