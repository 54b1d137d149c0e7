"""Composes the mails about a booking: one text and one HTML part that say the same, and the calendar entry.

Discreet by default: no mail names the service or the type of visit (product-reference 8).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from portal import markdown, money, words
from portal.bookings import policy as booking_policy
from portal.bookings.models import BookedFor, Booking
from portal.bookings.policy import Cost
from portal.catalogue.models import GstRule, PaymentPolicy
from portal.clinic import Clinic
from portal.db import Json
from portal.notices import calendar_entry
from portal.notices.calendar_entry import one_line
from portal.notices.kinds import WITH_CALENDAR_ENTRY, MailKind

SUBJECTS = {
    MailKind.CONFIRMATION: "Your appointment at {clinic} – {day}",
    MailKind.MOVED: "Your appointment at {clinic} has moved – {day}",
    MailKind.CANCELLED: "Your appointment at {clinic} is cancelled – {day}",
    MailKind.NOT_PLACED: "Your payment to {clinic} is on its way back",
    MailKind.CONFIRMATION_AGAIN: "Your appointment at {clinic} – {day}",
    MailKind.PERSONAL_LINK: "Your link from {clinic}",
    MailKind.OFFER: "Your appointment at {clinic} needs a new time – {day}",
}

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).resolve().parents[2] / "templates"),
    autoescape=select_autoescape(("html",)),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


class BadAddress(ValueError):
    """The patient's address cannot stand in a mail."""


@dataclass(frozen=True)
class Offered:
    """Other times for a visit, as (when, with whom), and until when they are held; all in words."""

    times: tuple[tuple[str, str], ...]
    until: str


@dataclass(frozen=True)
class Letter:
    """All that a mail is made from. `sender` is a From line, `cost` what happens to the money of a cancelled visit."""

    kind: MailKind
    booking: Booking
    clinic: Clinic
    message_id: str
    sender: str
    public_url: str
    public_host: str
    token: str
    cost: Cost
    written_at: datetime
    is_paid: bool = True  # a visit that has a price
    offered: Offered | None = None  # of a mail that offers other times


def compose(letter: Letter) -> EmailMessage:
    """The whole mail. Raises BadAddress."""
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = letter.sender
    message["To"] = _recipient(letter.booking)
    message["Subject"] = _subject(letter)
    message["Date"] = letter.written_at
    message["Message-ID"] = letter.message_id
    # Out-of-office replies to a machine help nobody (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    told = _told(letter)
    message.set_content(_render(letter.kind, "txt", told), cte="quoted-printable")
    message.add_alternative(_render(letter.kind, "html", told), subtype="html", cte="quoted-printable")
    if letter.kind in WITH_CALENDAR_ENTRY:
        _attach_calendar_entry(message, letter)
    return message


def price_in_words(terms: Json) -> str:
    """The agreed price; GST is named only when the clinic has said which rule applies."""
    cents = int(terms["price_cents"])
    if cents and terms["gst_rule"] == GstRule.TAXABLE:
        return f"{money.in_words(cents)} (includes {money.in_words(money.gst_inside(cents))} GST)"
    if cents and terms["gst_rule"] == GstRule.GST_FREE:
        return f"{money.in_words(cents)} (GST-free)"
    return money.in_words(cents)


def _recipient(booking: Booking) -> Address:
    assert booking.patient is not None
    name = _writes_to_somebody_else(booking) or booking.patient.full_name
    try:
        return Address(_without_specials(name), addr_spec=booking.patient.email)
    except (ValueError, IndexError, HeaderParseError):
        # The address itself stays out of the message: errors are kept and logged.
        raise BadAddress("the address cannot be used") from None


def _without_specials(name: str) -> str:
    """A name that needs no quoting and hides no encoded word: when Python folds a long line it loses the quotes
    (python/cpython#80222), and then a comma or an angle bracket in a name would add a recipient."""
    return one_line(re.sub(r'[()<>\[\]:;@\\,"=?]', " ", name))


def _subject(letter: Letter) -> str:
    zone = ZoneInfo(letter.booking.location.zone)
    subject = SUBJECTS[letter.kind]
    return one_line(subject.format(clinic=letter.clinic.name, day=words.day(letter.booking.starts_at, zone)))


def _told(letter: Letter) -> Json:
    """What the templates may say: words only, no rows."""
    booking, cost = letter.booking, letter.cost
    assert booking.patient is not None
    message = booking.appointment_type.confirmation_message
    return {
        "clinic": letter.clinic,
        "called": one_line(_writes_to_somebody_else(booking) or booking.patient.called),
        "when": words.when(booking.starts_at, ZoneInfo(booking.location.zone)),
        "facts": _facts(booking, is_paid=letter.is_paid),
        "policy": booking_policy.in_words(booking.terms),
        "message_html": markdown.to_html(message),
        "message_text": markdown.to_text(message),
        "refund": money.in_words(cost.refund_cents) if cost.refund_cents else "",
        "fee": money.in_words(cost.fee_cents) if cost.fee_cents else "",
        "offered": letter.offered,
        "link": f"{letter.public_url}/{'offers' if letter.kind == MailKind.OFFER else 'b'}/{letter.token}",
    }


def _facts(booking: Booking, *, is_paid: bool) -> list[tuple[str, str]]:
    """The visit as label and value, in the order people look for them."""
    assert booking.patient is not None
    terms, where = booking.terms, booking.location
    is_paid = is_paid and terms["payment_policy"] == PaymentPolicy.FULL and not booking.is_free
    facts = [
        ("Who", booking.patient.full_name),
        ("When", words.when(booking.starts_at, ZoneInfo(where.zone))),
        ("Length", words.length(int(terms["length_minutes"]))),
        ("With", booking.practitioner.name),
        ("Where", ", ".join(part for part in (where.name, where.address) if part)),
        ("Paid" if is_paid else "Price", price_in_words(terms)),
        ("Reference", booking.reference),
    ]
    return [(label, one_line(value)) for label, value in facts]


def _writes_to_somebody_else(booking: Booking) -> str:
    """Whoever booked for a child or a person in their care gets the mail; their name, or nothing."""
    return "" if booking.booked_for == BookedFor.SELF else booking.booked_by


def _render(kind: MailKind, ending: str, told: Json) -> str:
    rendered = _templates.get_template(f"email/{kind}.{ending}").render(told)
    # What is not said must not leave a hole in the text.
    return re.sub(r"\n{3,}", "\n\n", rendered).strip() + "\n"


def _attach_calendar_entry(message: EmailMessage, letter: Letter) -> None:
    entry = calendar_entry.of_booking(letter.booking, letter.clinic, letter.public_host, letter.written_at)
    message.add_attachment(
        calendar_entry.ics(entry),
        maintype="text",
        subtype="calendar",
        filename="appointment.ics",
        params={"charset": "utf-8", "method": entry.method},
    )
