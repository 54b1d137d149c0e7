"""Sends what we owe people in writing. No mail goes out twice, whatever is lost, repeated or killed on the way.

Through Graph a mail is a draft first, which is found again by its Message-ID, so that every doubt can be settled by
looking. SMTP cannot be asked afterwards: there a confirmation may repeat once, everything else is left to staff.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email import policy
from email.message import EmailMessage
from email.utils import parseaddr
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from portal import crash, words
from portal.bookings import find, links, offers, undo
from portal.bookings.models import Booking, ChangeKind
from portal.clients import clients
from portal.clock import now
from portal.db import LockKind, db, exclusive, transaction
from portal.integrations.graph_values import Draft
from portal.integrations.http import Ambiguous, NotFound, PartnerError, Permanent, Transient
from portal.notices import letter
from portal.notices.compose import BadAddress, Letter, Offered, compose
from portal.notices.kinds import MailKind, cause_of, is_wanted
from portal.notices.models import Message
from portal.outbox.models import OutboxMessage
from portal.outbox.post import owe, remind
from portal.staff.tasks import raise_task

TRY_AGAIN_FOR = timedelta(days=3)  # later, nobody waits for a mail any more; the staff task stays


@dataclass(frozen=True)
class Owed:
    """A mail to send now, as it stood when we began: no transaction is open while we call out."""

    id: int
    kind: MailKind
    message_id: str
    draft_id: str | None
    was_attempted: bool


def send_confirmation(booking_id: int) -> None:
    """The visit is booked."""
    _send(booking_id, MailKind.CONFIRMATION)


def send_moved(booking_id: int) -> None:
    """The visit is at another time."""
    if not _can_be_undone(booking_id, ChangeKind.MOVED, "notices.send_moved"):
        _send(booking_id, MailKind.MOVED)


def send_cancelled(booking_id: int) -> None:
    """The visit is off; what goes back is said in the mail."""
    if not _can_be_undone(booking_id, ChangeKind.CANCELLED, "notices.send_cancelled"):
        _send(booking_id, MailKind.CANCELLED)


def send_not_placed(booking_id: int) -> None:
    """Paid after the time was lost: no visit, and the whole payment goes back."""
    _send(booking_id, MailKind.NOT_PLACED)


def send_personal_link(booking_id: int, request_key: str) -> None:
    """Somebody asked for the link to their visit; `request_key` is the request, so that each is answered once."""
    _send(booking_id, MailKind.PERSONAL_LINK, request_key)


def send_confirmation_again(booking_id: int, request_key: str) -> None:
    """Staff send the details of a visit once more; `request_key` is their click, so that each is answered once."""
    _send(booking_id, MailKind.CONFIRMATION_AGAIN, request_key)


def send_offer(booking_id: int) -> None:
    """The clinic cannot keep the time of a visit and offers others."""
    offer = offers.find_open(booking_id)
    if offer is not None:
        _send(booking_id, MailKind.OFFER, f"offer {offer.id}")


def sweep(at: datetime) -> None:
    """Try mails again that were given up, once an hour: a refused password is mended some time, and they still wait.

    Each job looks whether its mail is wanted still, and was not sent meanwhile.
    """
    given_up = select(OutboxMessage.job, OutboxMessage.args).where(
        OutboxMessage.queue == "mail",
        OutboxMessage.done_at.is_(None),
        OutboxMessage.parked_at.is_not(None),
    )
    given_up = given_up.group_by(OutboxMessage.job, OutboxMessage.args)
    for job, args in db.session.execute(given_up.having(func.min(OutboxMessage.created_at) > at - TRY_AGAIN_FOR)):
        remind(job, *args, now=at)


def _can_be_undone(booking_id: int, kind: ChangeKind, job: str) -> bool:
    """Whether staff changed the visit a moment ago: then the mail waits, or is not wanted at all."""
    with transaction():
        booking, at = find.get_locked(booking_id), now()
        wait = undo.waits_until(booking, kind, at)
        if wait is not None:
            owe(job, booking_id, now=at, not_before=wait)
        return wait is not None or undo.is_kept_quiet(booking, kind)


def _send(booking_id: int, kind: MailKind, cause: str | None = None) -> None:
    # A second run at the same time could make a draft, and a link, of its own.
    with exclusive(LockKind.MAIL, booking_id):
        owed = _owed(booking_id, kind, cause)
        if owed is None:
            return
        is_sent = _send_by_graph(owed) if clients().smtp is None else _send_by_smtp(owed)
        if is_sent:
            with transaction():
                message = db.session.get_one(Message, owed.id)
                message.sent_at, message.given_up = now(), ""


def _owed(booking_id: int, kind: MailKind, cause: str | None) -> Owed | None:
    """The mail's row, made when it is new; None when it is not wanted any more, was sent, or was left to staff."""
    with transaction():
        booking = find.get(booking_id)
        if not is_wanted(kind, booking, now()) or (
            kind == MailKind.NOT_PLACED and letter.cost_of(kind, booking).refund_cents == 0
        ):
            return None
        message = _get_or_make(booking_id, kind, cause or cause_of(kind, booking))
        if message.given_up:
            _leave_to_staff(message, booking)
        if message.sent_at is not None or message.given_up:
            return None
        return Owed(message.id, kind, message.message_id, message.draft_id, message.attempted_at is not None)


def _get_or_make(booking_id: int, kind: MailKind, cause: str) -> Message:
    key = {"booking_id": booking_id, "kind": str(kind), "cause": cause}
    domain = _sender().rpartition("@")[2]
    db.session.execute(
        insert(Message)
        .values(**key, message_id=f"<{uuid4()}@{domain}>", created_at=now(), given_up="")
        .on_conflict_do_nothing(index_elements=list(key))
    )
    made = select(Message).filter_by(**key).execution_options(populate_existing=True)
    return db.session.scalars(made).one()


def _send_by_graph(owed: Owed) -> bool:
    mail, sender = clients().graph.mail, _sender()
    draft = _find_draft(owed)
    if draft is None:
        mime = _write(owed).as_bytes(policy=policy.SMTP)
        crash.point("mail.stored")
        draft = Draft(mail.create_draft(sender, mime), is_draft=True)
        crash.point("mail.drafted")
    if draft.id != owed.draft_id:
        with transaction():
            db.session.get_one(Message, owed.id).draft_id = draft.id
        crash.point("mail.draft_noted")
    if draft.is_draft:
        try:
            mail.send_draft(sender, draft.id)
            crash.point("mail.sent")
        except NotFound as gone:
            # Somebody tidied the mailbox between our two calls: look again with the next try.
            raise Transient("graph", "the draft is gone") from gone
    return True


def _find_draft(owed: Owed) -> Draft | None:
    """What an earlier try left in the mailbox: the draft we know, else one whose answer was lost, else nothing."""
    if not owed.was_attempted:
        return None
    mail, sender = clients().graph.mail, _sender()
    if owed.draft_id is not None:
        try:
            return mail.get_message(sender, owed.draft_id)
        except NotFound:
            pass
    return mail.find_message(sender, owed.message_id)


def _send_by_smtp(owed: Owed) -> bool:
    smtp = clients().smtp
    assert smtp is not None
    if owed.was_attempted and not _may_repeat(owed):
        return False
    mail = _write(owed)
    try:
        smtp.send(mail, sender=_sender(), recipients=[mail["To"].addresses[0].addr_spec])
    except Ambiguous:
        raise
    except PartnerError:
        # It surely did not go out, so this was no try.
        with transaction():
            message = db.session.get_one(Message, owed.id)
            message.given_up = ""
            if not owed.was_attempted:
                message.attempted_at = None
        raise
    return True


def _may_repeat(owed: Owed) -> bool:
    """The answer to an earlier try was lost, so the mail may be there. Only a confirmation may repeat, and only once.

    Written down before the repeat: if its answer is lost as well, nothing more goes out and staff are told.
    """
    with transaction():
        message = db.session.get_one(Message, owed.id)
        message.given_up = "the mail server did not say whether it took the mail"
        if owed.kind != MailKind.CONFIRMATION:
            _leave_to_staff(message, find.get(message.booking_id))
    return owed.kind == MailKind.CONFIRMATION


def _leave_to_staff(message: Message, booking: Booking) -> None:
    words = f"The mail “{message.kind}” about {booking.reference} may not have arrived: {message.given_up}."
    raise_task("mail-unsure", words, now(), booking_id=booking.id, about=message.message_id)


def _write(owed: Owed) -> EmailMessage:
    """Compose the mail with a link of its own, and note the attempt before anything leaves the house."""
    try:
        with transaction():
            message, at = db.session.get_one(Message, owed.id), now()
            # Locked, so that nobody closes this booking's links between our look at the address and the new link.
            booking = find.get_locked(message.booking_id)
            message.attempted_at, message.draft_id = at, None
            if owed.kind == MailKind.OFFER:
                return compose(_offer_letter(owed, booking, at))
            token = links.make(booking.id, owed.message_id, at, expires_at=links.expiry_of(booking))
            return compose(_letter(owed, booking, token, at))
    except BadAddress as error:
        raise Permanent("mail", str(error)) from error


def _letter(owed: Owed, booking: Booking, token: str, at: datetime) -> Letter:
    return letter.about(booking, owed.kind, clients().settings, message_id=owed.message_id, token=token, at=at)


def _offer_letter(owed: Owed, booking: Booking, at: datetime) -> Letter:
    """Its link opens the offer and not the visit. Raises Permanent when the offer was answered a moment ago."""
    offer = offers.find_open(booking.id)
    if offer is None:
        raise Permanent("mail", "the offer is closed")
    zone = ZoneInfo(booking.location.zone)
    held = offers.held_times(booking.id, at)
    times = tuple((words.when(each.starts_at, zone), each.practitioner.name) for each in held)
    bare = _letter(owed, booking, offers.make_token(offer), at)
    return replace(bare, offered=Offered(times, words.when(offer.expires_at, zone)))


def _sender() -> str:
    """The address of the mailbox that sends; Graph knows it by this name."""
    return parseaddr(clients().settings.mail_from)[1]
