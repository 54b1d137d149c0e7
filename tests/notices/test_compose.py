"""What the mails say, in both of their parts."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from bs4 import BeautifulSoup

from portal.bookings.models import BookedFor
from portal.bookings.policy import Cost
from portal.bookings.states import Status
from portal.catalogue.models import GstRule
from portal.clinic import Clinic
from portal.notices.compose import BadAddress, Letter, compose
from portal.notices.kinds import MailKind
from tests.notices.letters import TERMS, event_in, make_booking, make_letter, make_patient


def received(letter: Letter) -> EmailMessage:
    """The mail as its reader's program parses it."""
    return message_from_bytes(compose(letter).as_bytes(), _class=EmailMessage, policy=policy.default)


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def html_of(mail: EmailMessage) -> BeautifulSoup:
    part = mail.get_body(("html",))
    assert part is not None
    return BeautifulSoup(part.get_content(), "html.parser")


def words_of_html(mail: EmailMessage) -> list[str]:
    """The words a reader sees, with the address behind each link."""
    body = html_of(mail).body
    assert body is not None
    for link in body.find_all("a"):
        link.append(f" {link['href']}")
    for item in body.find_all("li"):
        item.insert(0, "- ")
    return body.get_text().split()


def words_of_text(mail: EmailMessage) -> list[str]:
    return text_of(mail).replace("(https", "https").replace("map)", "map").split()


MESSAGE = "Please be **on time**.\n\n- Bring a card\n- See [the map](https://example.com/map)"
BOTH = Cost(fee_cents=4450, refund_cents=4450, is_late=True)


@pytest.mark.parametrize("kind", list(MailKind))
@pytest.mark.parametrize("cost", [BOTH, Cost(0, 8900, is_late=False), Cost(8900, 0, is_late=True)])
def test_html_and_text_say_the_same(kind: MailKind, cost: Cost) -> None:
    mail = received(make_letter(kind, make_booking(message=MESSAGE), cost=cost))

    in_text = [word.rstrip(":") for word in words_of_text(mail)]
    in_html = [word.rstrip(":") for word in words_of_html(mail)]
    assert in_text == in_html


@pytest.mark.parametrize("kind", [MailKind.CONFIRMATION, MailKind.MOVED])
def test_a_mail_about_a_coming_visit_says_all_one_needs(kind: MailKind) -> None:
    text = text_of(received(make_letter(kind, make_booking(message=MESSAGE))))

    for fact in (
        "Hello Nora,",
        "Who: Nora Castellano",
        "When: Tuesday 1 December 2026, 10:00 am Sydney time (AEDT)",
        "Length: 45 minutes",
        "With: Dr Ines Moreau",
        "Where: Rosella Clinic, 1 Example St, Sydney",
        "Paid: $89.00",
        "Reference: BK-7F3K2Q",
        "https://bookings.example.com/b/T0KEN",
        "Please be on time.",
        "without a fee until 24 hours before your visit",
        "(02) 5550 1234",
    ):
        assert fact in text


@pytest.mark.parametrize("kind", list(MailKind))
def test_a_mail_has_one_link_to_follow(kind: MailKind) -> None:
    html = html_of(received(make_letter(kind, cost=BOTH)))

    opens = "offers" if kind == MailKind.OFFER else "b"
    assert [link["href"] for link in html.find_all("a")] == [f"https://bookings.example.com/{opens}/T0KEN"]


@pytest.mark.parametrize("kind", list(MailKind))
def test_no_mail_tells_what_the_visit_is_for(kind: MailKind) -> None:
    mail = received(make_letter(kind, cost=BOTH))
    everything = " ".join([*map(str, mail.values()), text_of(mail), *words_of_html(mail)]).lower()

    for telling in ("weight", "loss", "follow-up", "consult", "program", TERMS["service_slug"]):
        assert telling not in everything


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        ("confirmation", "Your appointment at Rosella Clinic – Tuesday 1 December 2026"),
        ("moved", "Your appointment at Rosella Clinic has moved – Tuesday 1 December 2026"),
        ("cancelled", "Your appointment at Rosella Clinic is cancelled – Tuesday 1 December 2026"),
        ("not_placed", "Your payment to Rosella Clinic is on its way back"),
        ("personal_link", "Your link from Rosella Clinic"),
        ("offer", "Your appointment at Rosella Clinic needs a new time – Tuesday 1 December 2026"),
    ],
)
def test_the_subject_names_the_clinic_only(kind: str, subject: str) -> None:
    assert received(make_letter(MailKind(kind)))["Subject"] == subject


@pytest.mark.parametrize(
    ("terms", "line"),
    [
        ({"gst_rule": GstRule.UNSET}, "Paid: $89.00\n"),
        ({"gst_rule": GstRule.TAXABLE}, "Paid: $89.00 (includes $8.09 GST)\n"),
        ({"gst_rule": GstRule.GST_FREE}, "Paid: $89.00 (GST-free)\n"),
        ({"payment_policy": "none"}, "Price: $89.00\n"),
        ({"price_cents": 0, "gst_rule": GstRule.TAXABLE}, "Price: Free\n"),
    ],
)
def test_gst_is_named_only_where_the_clinic_has_said_so(terms: dict[str, Any], line: str) -> None:
    assert line in text_of(received(make_letter(booking=make_booking(terms=terms))))


@pytest.mark.parametrize(
    ("cost", "said", "unsaid"),
    [
        (Cost(0, 8900, is_late=False), ["giving back $89.00"], ["we keep", "ill"]),
        (BOTH, ["we keep $44.50", "giving back $44.50", "ill"], []),
        (Cost(8900, 0, is_late=True), ["we keep $89.00", "ill"], ["giving back"]),
        (Cost(0, 0, is_late=False), [], ["we keep", "giving back", "$"]),
    ],
)
def test_a_cancelled_mail_says_what_happens_to_the_money(cost: Cost, said: list[str], unsaid: list[str]) -> None:
    text = text_of(received(make_letter(MailKind.CANCELLED, cost=cost)))

    assert "on Tuesday 1 December 2026, 10:00 am Sydney time (AEDT) is cancelled" in text
    assert [words for words in said if words not in text] == []
    assert [words for words in unsaid if words in text.split("Questions?")[0]] == []


def test_who_paid_too_late_is_told_so_and_gets_everything_back() -> None:
    letter = make_letter(MailKind.NOT_PLACED, make_booking(status=Status.CANCELLED), cost=Cost(0, 8900, is_late=False))
    text = text_of(received(letter))

    assert "no appointment is booked" in text
    assert "giving back the whole $89.00" in text


@pytest.mark.parametrize(
    ("kind", "method"), [("confirmation", "PUBLISH"), ("moved", "PUBLISH"), ("cancelled", "CANCEL")]
)
def test_the_calendar_entry_is_attached(kind: str, method: str) -> None:
    status = Status.CANCELLED if kind == "cancelled" else Status.CONFIRMED
    (attached,) = received(make_letter(MailKind(kind), make_booking(status=status))).iter_attachments()

    assert attached.get_content_type() == "text/calendar"
    assert attached.get_param("method") == method
    assert attached.get_param("charset") == "utf-8"
    assert attached.get_filename() == "appointment.ics"
    ics = attached.get_content()
    assert f"METHOD:{method}\r\n" in ics
    assert event_in(ics)["UID"] == "BK-7F3K2Q@bookings.example.com"


@pytest.mark.parametrize("kind", ["not_placed", "personal_link"])
def test_mails_about_no_visit_carry_no_calendar_entry(kind: str) -> None:
    assert list(received(make_letter(MailKind(kind))).iter_attachments()) == []


def test_the_headers_are_those_of_a_mail_from_a_machine() -> None:
    mail = received(make_letter())

    assert mail["From"] == "Rosella Clinic <bookings@rosella-clinic.example.com>"
    assert mail["To"] == "Nora Castellano <nora.castellano@example.com>"
    assert mail["Date"] == "Fri, 20 Nov 2026 01:00:00 +0000"
    assert mail["Message-ID"] == "<1f0c@rosella-clinic.example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "X-Booking" not in mail


def test_a_name_cannot_add_headers_recipients_or_markup() -> None:
    evil = 'Eve\r\nBcc: everyone@example.org\r\n\r\n<script>alert(1)</script>, "x" <mallory@example.org>'
    booking = make_booking(patient=make_patient(given_name=evil, preferred_name=evil))
    mail = received(make_letter(booking=booking))

    assert "Bcc" not in mail
    assert mail["To"].addresses[0].display_name.startswith("Eve Bcc everyone example.org")
    assert [address.addr_spec for address in mail["To"].addresses] == ["nora.castellano@example.com"]
    assert html_of(mail).find("script") is None
    assert "Hello Eve Bcc: everyone@example.org <script>" in text_of(mail)


@pytest.mark.parametrize("pause", [",", "=2C", '"', '",', ";", "=?utf-8?q?=2C?="])
def test_a_long_name_adds_no_recipient_when_its_line_is_folded(pause: str) -> None:
    name = f"Eve the very long {'named ' * 12}=?utf-8?q?a=2C?={pause} <mallory@example.org>{pause} Oscar"
    mail = received(make_letter(booking=make_booking(patient=make_patient(given_name=name))))

    assert [address.addr_spec for address in mail["To"].addresses] == ["nora.castellano@example.com"]


def test_a_clinic_name_cannot_add_headers() -> None:
    mail = received(make_letter(clinic=Clinic(name="Rosella\r\nBcc: everyone@example.org")))

    assert "Bcc" not in mail
    assert str(mail["Subject"]).startswith("Your appointment at Rosella Bcc: everyone@example.org")


@pytest.mark.parametrize(
    "email", ["", "nora", "nora@example.com\r\nBcc: x@example.org", "a@example.com, b@example.com"]
)
def test_an_address_that_is_none_is_refused_without_being_repeated(email: str) -> None:
    with pytest.raises(BadAddress) as caught:
        compose(make_letter(booking=make_booking(patient=make_patient(email=email))))

    assert str(caught.value) == "the address cannot be used"


def test_whoever_booked_for_a_child_is_the_one_addressed() -> None:
    mail = received(make_letter(booking=make_booking(booked_for=BookedFor.CHILD, booked_by="Sam Castellano")))

    assert mail["To"] == "Sam Castellano <nora.castellano@example.com>"
    assert text_of(mail).startswith("Hello Sam Castellano,")
    assert "Who: Nora Castellano" in text_of(mail)


def test_a_preferred_name_is_used_in_the_greeting() -> None:
    mail = received(make_letter(booking=make_booking(patient=make_patient(preferred_name="Nonie"))))

    assert text_of(mail).startswith("Hello Nonie,")


def test_accents_reach_the_reader() -> None:
    booking = make_booking(patient=make_patient(given_name="Zoë", family_name="Ångström"))
    mail = received(make_letter(booking=booking))

    assert mail["To"].addresses[0].display_name == "Zoë Ångström"
    assert "Who: Zoë Ångström" in text_of(mail)
    assert compose(make_letter(booking=booking)).as_bytes().isascii()
