"""Sending the confirmation once more, and trying again what was given up outside."""

from __future__ import annotations

import re
from datetime import datetime

from flask import request
from flask.typing import ResponseReturnValue

from portal.bookings import undo
from portal.bookings.auditing import write_down
from portal.bookings.history import record
from portal.bookings.models import Booking
from portal.bookings.states import Status, WrongState
from portal.outbox import owed
from portal.outbox.post import owe
from portal.staff.access import Staff, holder_of
from portal.staff.models import Action
from portal.web.staff import row_ids
from portal.web.staff.bookings import panel, sync_words
from portal.web.staff.bookings.desk import act, bp

_KEY = re.compile(r"[0-9a-f]{12}", re.ASCII)


@bp.post("/<reference>/mails")
def send_again(reference: str) -> ResponseReturnValue:
    """A mail of its own kind; `key` is the button that was pressed, so that a double click sends one."""
    key = request.form.get("key", "")

    def do(booking: Booking, me: Staff, now: datetime) -> None:
        is_coming = booking.is_confirmed and booking.starts_at > now
        if not is_coming or undo.find_open(booking, now) is not None or not _KEY.fullmatch(key):
            raise WrongState(booking.status, Status.CONFIRMED)
        owe("notices.send_confirmation_again", booking.id, key, now=now)
        record(booking, "booking.confirmation_sent_again", now, by=holder_of(me.id))
        write_down(booking, Action.SENT, me, now, part="confirmation")

    return act(reference, do, panel.again(reference), told="mail")


@bp.post("/<reference>/retries")
def try_again(reference: str) -> ResponseReturnValue:
    """What was given up is due again, with all its tries before it."""
    asked = request.form.get("what", "")

    def do(booking: Booking, me: Staff, now: datetime) -> None:
        if asked == sync_words.MEDIRECORDS:
            owe(asked, booking.id, now=now)
        else:
            row = sync_words.waiting_row(booking.id, row_ids.read(asked))
            if row is None or row.parked_at is None or row.done_at is not None:
                raise WrongState(booking.status, booking.status)
            owed.try_again(row.id, now)
            owe(row.job, *row.args, now=now)  # the row is due again: this rings for it
        write_down(booking, Action.CHANGED, me, now, part="try again")

    return act(reference, do, panel.again(reference), told="retry")
