"""Notes of staff about a visit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import abort, make_response, url_for
from flask.typing import ResponseReturnValue

from portal import clock
from portal.bookings import notes
from portal.bookings.models import Booking
from portal.bookings.notes import NoSuchNote
from portal.db import transaction
from portal.staff.access import Staff
from portal.web.htmx import go
from portal.web.staff import who
from portal.web.staff.bookings import panel
from portal.web.staff.bookings.desk import bp, get, typed


@bp.post("/<reference>/notes")
def write_note(reference: str) -> ResponseReturnValue:
    """A note is added whatever has happened to the visit meanwhile: nothing that was typed is lost."""
    booking, text = get(reference), typed("note", notes.LONGEST)
    if not text:
        return make_response(panel.page(reference, "Write something in the note first."), 422)
    with transaction():
        key = notes.write(booking, text, who.staff(), clock.now())
    return go(url_for(".panel", reference=reference, told="noted", about=key))


@bp.post("/<reference>/notes/<key>/removal")
def remove_note(reference: str, key: str) -> ResponseReturnValue:
    return _change(notes.remove, reference, key, told="note-removed", about=key)


@bp.post("/<reference>/notes/<key>/return")
def put_note_back(reference: str, key: str) -> ResponseReturnValue:
    return _change(notes.put_back, reference, key, told="note-back")


def _change(
    do: Callable[[Booking, str, Staff, datetime], None], reference: str, key: str, **told: Any
) -> ResponseReturnValue:
    booking = get(reference)
    try:
        with transaction():
            do(booking, key, who.staff(), clock.now())
    except NoSuchNote:
        abort(404)
    return go(url_for(".panel", reference=reference, **told))
