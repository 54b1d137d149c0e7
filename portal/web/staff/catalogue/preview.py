"""The draft as patients would see it: the public templates over rows that are taken back afterwards. Nothing is booked,
sent or kept here."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from email.message import EmailMessage

from flask import current_app, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from portal import clinic, clock
from portal import words as wording
from portal.bookings import policy
from portal.bookings.models import BookedFor, Booking
from portal.bookings.policy import Cost
from portal.bookings.states import Status
from portal.catalogue import offer, people
from portal.catalogue.document import BadDocument
from portal.catalogue.models import AppointmentType, Service, ServiceStatus
from portal.catalogue.trial import as_if_published
from portal.db import db
from portal.intake import submit
from portal.intake.definition import BadForm, parse
from portal.notices import compose
from portal.notices.compose import Letter
from portal.notices.kinds import MailKind
from portal.patients.models import Gender, Patient
from portal.scheduling.models import Location
from portal.staff.models import Practitioner
from portal.web.booking import cards, grid, steps
from portal.web.booking.details_form import DetailsForm
from portal.web.htmx import go
from portal.web.staff.catalogue import desk
from portal.web.staff.catalogue.desk import bp

PAGES = "staff/catalogue/preview/"
REFERENCE = "BK-SAMPLE"


@bp.get("/preview")
def preview_grid() -> ResponseReturnValue:
    cards.forget_for_this_request()
    try:
        with as_if_published(desk.document(), now=clock.now()):
            return _inside(grid.home_page(PAGES + "grid.html"))
    except BadDocument as error:
        return _cannot(str(error))


@bp.get("/preview/services/<slug>")
def preview_service(slug: str) -> ResponseReturnValue:
    found = desk.document()
    desk.get_service(found, slug)
    cards.forget_for_this_request()
    try:
        with as_if_published(found, now=clock.now()):
            service = db.session.scalars(select(Service).where(Service.slug == slug)).one()
            _open(service)
            return _inside(grid.service_page(service, PAGES + "service.html"))
    except BadDocument as error:
        return _cannot(str(error))


@bp.get("/preview/types/<slug>/details")
def preview_details(slug: str) -> ResponseReturnValue:
    """The page that asks who comes, with the type's own questions."""

    def page(booking: Booking) -> str:
        definition = submit.questions_form(booking)
        return render_template(
            PAGES + "details.html",
            form=DetailsForm(formdata=None),
            questions=parse(definition.definition, submit.service_options()) if definition else None,
            answers={},
            errors={},
            summary=steps.summary(booking),
            step_words=steps.words_for(booking, "details"),
            back="details",
            slug=slug,
        )

    return _with_sample(slug, page)


@bp.post("/preview/types/<slug>/details")
def go_on_from_details(slug: str) -> ResponseReturnValue:
    """ "Continue" on that page. Nothing is read and nothing is kept."""
    desk.get_type(desk.document(), slug)
    return go(url_for(".preview_confirmation", slug=slug))


@bp.get("/preview/types/<slug>/confirmation")
def preview_confirmation(slug: str) -> ResponseReturnValue:
    """What somebody sees who has booked."""

    def page(booking: Booking) -> str:
        return render_template(
            PAGES + "confirmed.html",
            booking=booking,
            state="confirmed",
            when_words=wording.when(booking.starts_at, desk.zone()),
            beside_words=None,
            where_words=steps.where(booking),
            message=booking.appointment_type.confirmation_message,
            receipt_words=None,
            policy_words=policy.in_words(booking.terms),
            refund_words=None,
            slug=slug,
        )

    return _with_sample(slug, page)


@bp.get("/preview/types/<slug>/mail")
def preview_mail(slug: str) -> ResponseReturnValue:
    """The confirmation as a mail."""

    def page(booking: Booking) -> str:
        mail = compose.compose(_letter(booking))
        return render_template(PAGES + "mail.html", subject=mail["Subject"], to=mail["To"], text=_text(mail), slug=slug)

    return _with_sample(slug, page)


def _with_sample(slug: str, page: Callable[[Booking], str]) -> ResponseReturnValue:
    found = desk.document()
    desk.get_type(found, slug)
    now = clock.now()
    try:
        with as_if_published(found, now=now), db.session.no_autoflush:
            chosen = db.session.scalars(select(AppointmentType).where(AppointmentType.slug == slug)).one()
            return _inside(page(_sample(chosen, now)))
    except offer.NotOnSale:
        return _cannot("It has no length or no price yet, so nobody can book it.")
    except (BadDocument, BadForm) as error:
        return _cannot(str(error))


def _inside(page: str) -> str:
    """The same page, with links that stay in the preview: what is drafted may not be there outside of it."""
    own = url_for(".preview_grid")
    page = re.sub(r'href="/services/([a-z0-9-]+)"', rf'href="{own}/services/\1"', page)
    page = re.sub(r'href="/book/([a-z0-9-]+)[^"]*"', rf'href="{own}/types/\1/details"', page)
    page = re.sub(rf'href="/bookings/{REFERENCE}[^"]*"', 'href="#main"', page)
    return page.replace('href="/"', f'href="{own}"')


def _open(service: Service) -> None:
    """A draft is shown as it will be once it is active."""
    if service.status in (ServiceStatus.DRAFT, ServiceStatus.RETIRED):
        service.status = ServiceStatus.ACTIVE


def _sample(chosen: AppointmentType, now: datetime) -> Booking:
    """A visit that nobody has booked, in a week. It is never stored."""
    starts_at = _ten_in_a_week(now)
    terms = offer.terms_of(chosen, now)
    return Booking(
        reference=REFERENCE,
        appointment_type=chosen,
        practitioner=_practitioner(chosen, now),
        location=_location(chosen),
        room=None,
        patient=_patient(),
        status=Status.CONFIRMED,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=terms["length_minutes"]),
        held_at=now,
        hold_expires_at=None,
        terms=terms,
        chosen_because="",
        version=0,
        booked_for=BookedFor.SELF,
        booked_by="",
        says_new=True,
        confirmed_at=now,
        cancelled_by="",
    )


def _ten_in_a_week(now: datetime) -> datetime:
    day = now.astimezone(desk.zone()).date() + timedelta(days=7)
    return clock.day_bounds(day, desk.zone())[0] + timedelta(hours=10)


def _practitioner(chosen: AppointmentType, now: datetime) -> Practitioner:
    """Somebody with hours in its calendar, where there is one."""
    active = people.active(now.astimezone(desk.zone()).date())
    fits = [each.id for each in active if chosen.calendar_slug in each.calendars]
    found = db.session.get(Practitioner, fits[0]) if fits else None
    return found or Practitioner(name="Your practitioner", slug="sample")


def _location(chosen: AppointmentType) -> Location:
    fits = select(Location).where(Location.is_telehealth == chosen.is_telehealth).order_by(Location.id)
    invented = Location(
        name="Telehealth" if chosen.is_telehealth else "The clinic",
        address="",
        zone=desk.zone().key,
        is_telehealth=chosen.is_telehealth,
    )
    return db.session.scalars(fits.limit(1)).one_or_none() or invented


def _patient() -> Patient:
    return Patient(
        given_name="Sam",
        family_name="Example",
        preferred_name="",
        gender=Gender.NOT_SAID,
        email="sam.example@example.com",
        mobile="+61491570006",
        mobile_as_typed="0491 570 006",
    )


def _letter(booking: Booking) -> Letter:
    settings = current_app.config["PORTAL"]
    details = clinic.details()
    return Letter(
        kind=MailKind.CONFIRMATION,
        booking=booking,
        clinic=details,
        message_id="<sample@example.com>",
        sender=details.email or "clinic@example.com",
        public_url=settings.public_url,
        public_host=settings.public_host,
        token="your-own-link",  # noqa: S106 - leads nowhere
        cost=Cost(0, 0, is_late=False),
        written_at=clock.now(),
    )


def _text(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def _cannot(why: str) -> str:
    return render_template(PAGES + "cannot.html", why=why, back=url_for(".overview"))
