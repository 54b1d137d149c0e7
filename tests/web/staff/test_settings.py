"""What managers set: checked on entry, shown where it acts, and acting there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from portal import clinic, clock
from portal.bookings.models import Booking
from portal.config import Settings
from portal.db import db
from portal.notices import letter
from portal.notices.kinds import MailKind
from portal.staff.access import Role
from portal.staff.models import AuditEntry
from portal.sync.outside import unknown_after
from tests.support.factories import make_booking
from tests.support.funnel import hold, make_offer
from tests.support.page import Page
from tests.support.visitor import Visitor

AsRole = Callable[..., Visitor]
pytestmark = pytest.mark.usefixtures("ctx")
HOME = "/staff/settings"
CLINIC, HOLDS, LIMIT = "Save the clinic", "Save the holds", "Save the limit"
BUTTONS = {**dict.fromkeys(("name", "abn", "street_address", "phone", "email", "mail_footer"), CLINIC),
           "minutes": HOLDS, "longest_minutes": HOLDS, "unknown_after_minutes": LIMIT}  # fmt: skip


def save(visitor: Visitor, **fields: Any) -> Page:
    return visitor.page(HOME).submit(BUTTONS[next(iter(fields))], **fields)


@pytest.mark.parametrize("role", [Role.RECEPTION, Role.PRACTITIONER, Role.BOOKKEEPER])
def test_others_may_not_open_the_settings(as_role: AsRole, role: Role) -> None:
    assert as_role(role).get(HOME).status_code == 403


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("name", "", "Enter the clinic's name."),
        ("name", "x" * 81, "Use 80 letters or fewer"),
        ("name", "Rosella\x07", "cannot be printed"),
        ("abn", "51 824 753 557", "That is no ABN"),
        ("phone", "5550", "Enter a phone number"),
        ("phone", "call us", "Enter a phone number"),
        ("email", "hello at rosella", "Enter an e-mail address"),
        ("mail_footer", "Guaranteed results!", "must not advertise"),
        ("minutes", "4", "between 5 and 60"),
        ("minutes", "a while", "between 5 and 60"),
        ("minutes", "٢٠", "between 5 and 60"),
        ("longest_minutes", "10", "cannot be shorter"),
        ("longest_minutes", "", "between 5 and 180"),
        ("unknown_after_minutes", "-1", "between 15 and 2880"),
    ],
)
def test_what_would_not_work_is_told_beside_the_field(milo: Visitor, field: str, typed: str, words: str) -> None:
    before = {name: clinic.read(name) for name in ("clinic", "holds", "scheduling")}
    page = save(milo, **{field: typed})
    assert page.status == 422
    assert words in (page.error_for(field) or "")
    assert page.value(field).strip() == typed
    assert {name: clinic.read(name) for name in before} == before


@pytest.mark.usefixtures("rosella")
def test_the_clinics_details_stand_on_pages(milo: Visitor, client: Visitor) -> None:
    page = save(
        milo, name="Wattlebird Clinic", abn="51824753556", phone="(02) 5550 0199", street_address="2 Sample Lane"
    )
    assert page.has("Saved.")
    assert page.value("abn") == "51 824 753 556"
    shown = client.page("/find-my-visit")
    for words in ("Wattlebird Clinic", "ABN 51 824 753 556", "(02) 5550 0199", "2 Sample Lane"):
        assert shown.has(words), words
    assert "Last changed by Milo Ashgrove" in page.text
    [entry] = db.session.scalars(select(AuditEntry).where(AuditEntry.kind == "settings"))
    assert entry.subject == "clinic"
    assert "ABN" in entry.part
    assert "51 824" not in entry.part


def test_the_footer_stands_below_every_mail(milo: Visitor, settings: Settings) -> None:
    save(milo, mail_footer="Open Monday to Friday.\r\n<b>Closed</b> on holidays.")
    mail = letter.preview(make_booking(), MailKind.CONFIRMATION, settings, clock.now())
    text, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))  # type: ignore[union-attr]
    assert "Open Monday to Friday.\n<b>Closed</b> on holidays." in text.replace("\r\n", "\n")
    assert "&lt;b&gt;Closed&lt;/b&gt; on holidays." in html


def test_a_hold_lasts_as_long_as_is_set(milo: Visitor, client: Visitor) -> None:
    page = save(milo, minutes="20", longest_minutes="20")
    assert page.has("Saved.")
    hold(client, make_offer().slug)
    booking = db.session.scalars(select(Booking)).one()
    assert booking.hold_expires_at == booking.held_at + timedelta(minutes=20)


def test_a_silent_calendar_is_believed_as_long_as_is_set(milo: Visitor) -> None:
    save(milo, unknown_after_minutes="90")
    assert unknown_after() == timedelta(minutes=90)


def test_the_second_to_save_sees_what_the_first_has_changed(as_role: AsRole, milo: Visitor) -> None:
    save(milo, name="Rosella Clinic", phone="(02) 5550 0100")
    slow = milo.page(HOME)
    save(as_role(Role.OWNER), name="Rosella Clinic", phone="(02) 5550 0101")
    page = slow.submit(CLINIC, name="Rosella Health", email="hello@example.org")
    assert page.status == 409
    assert page.has("Phone: now (02) 5550 0101 , you typed (02) 5550 0100")
    assert page.has("Last changed by Odette Farrow")
    assert clinic.details().name == "Rosella Clinic"
    assert page.submit(CLINIC, phone="(02) 5550 0101").has("Saved.")
    assert (clinic.details().name, clinic.details().phone) == ("Rosella Health", "(02) 5550 0101")


def test_two_forms_of_the_page_do_not_stand_in_each_others_way(as_role: AsRole, milo: Visitor) -> None:
    slow = milo.page(HOME)
    save(as_role(Role.OWNER), minutes="25")
    assert slow.submit(CLINIC, name="Rosella Clinic").has("Saved.")
    assert clinic.holds().minutes == 25


def test_saving_the_same_again_is_no_change(milo: Visitor) -> None:
    save(milo, minutes="15")
    assert not db.session.scalars(select(AuditEntry).where(AuditEntry.kind == "settings")).all()


def test_an_unknown_section_is_a_404(milo: Visitor) -> None:
    token = milo.page(HOME).value("csrf_token")
    assert milo.post(f"{HOME}/secrets", data={"csrf_token": token}).status_code == 404


@pytest.mark.usefixtures("rosella")
def test_each_place_that_a_setting_names_is_there(milo: Visitor) -> None:
    links = milo.page(HOME).part("main").links
    assert len(links) >= 4
    for words, link in links.items():
        assert milo.get(link).status_code == 200, words
