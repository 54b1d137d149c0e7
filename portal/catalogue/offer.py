"""What is on sale now, and the terms that a person agrees to when they hold a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload
from sqlalchemy.sql.base import ExecutableOption

from portal import changes
from portal.catalogue.models import (
    AppointmentType,
    ContentPage,
    FormDefinition,
    OldAddress,
    Service,
    ServiceStatus,
)
from portal.db import Json, db

T = TypeVar("T")

ON_SHOW = (ServiceStatus.ACTIVE, ServiceStatus.COMING_SOON)


class NoSuchService(LookupError):
    """No service that visitors may see has this slug."""


class NotOnSale(LookupError):
    """The appointment type cannot be booked now."""


class NoSuchType(NotOnSale):
    """No appointment type that visitors may see has this slug."""


def services_on_show() -> list[Service]:
    """Active and coming-soon services in the clinic's order, with their types and prices loaded."""
    wanted = select(Service).where(Service.status.in_(ON_SHOW)).order_by(Service.position, Service.id)
    return list(db.session.scalars(wanted.options(*_types_and_prices())))


def names_on_show() -> list[tuple[str, str]]:
    """Slug and name of the same services, for choices in a form."""
    return changes.keep("names on show", _names_on_show)


def get_service(slug: str) -> Service:
    """The service on show with this slug. Raises NoSuchService."""
    wanted = select(Service).where(Service.slug == slug, Service.status.in_(ON_SHOW))
    service = db.session.scalar(wanted.options(*_types_and_prices()))
    if service is None:
        raise NoSuchService(slug)
    return service


def get_type(slug: str) -> AppointmentType:
    """The type on show with this slug; an unlisted one too, for those who have its link. Raises NoSuchType."""
    return _load_type(slug, db.session())


def get_bookable(slug: str, now: datetime) -> AppointmentType:
    """The type with this slug, if it can be booked now. Raises NotOnSale."""
    appointment_type = get_type(slug)
    if not is_bookable(appointment_type, now):
        raise NotOnSale(slug)
    return appointment_type


def on_sale(slug: str, now: datetime) -> AppointmentType:
    """As `get_bookable`, for pages that many people open: one copy for all requests, to be read and never changed.

    It has its service, prices and cancellation policy, as they are until something has changed. Raises NotOnSale.
    """
    kept = changes.keep(("type", slug), lambda: _copy(lambda own: _load_type(slug, own)))
    if not is_bookable(kept, now):
        raise NotOnSale(slug)
    return kept


def is_bookable(appointment_type: AppointmentType, now: datetime) -> bool:
    """Without a length or a price a type is shown, and cannot be booked yet."""
    return (
        appointment_type.is_active
        and appointment_type.service.is_active
        and appointment_type.length_minutes is not None
        and appointment_type.price_at(now) is not None
    )


def listed_types(service: Service) -> list[AppointmentType]:
    """The types that the service's page shows, in the clinic's order."""
    return [each for each in service.types if each.is_active and each.is_listed]


def launch_day(service: Service, today: date) -> date | None:
    """The day a coming-soon service opens. A day that has passed is no promise, so it is not told."""
    return service.launch_on if service.launch_on is not None and service.launch_on > today else None


def current_form(slug: str) -> FormDefinition | None:
    """The newest version of a form."""
    return _load_form(slug, db.session())


def form_in_use(slug: str) -> FormDefinition | None:
    """As `current_form`, one copy for all requests, to be read and never changed."""
    return changes.keep(("form", slug), lambda: _copy(lambda own: _load_form(slug, own)))


def content_page(slug: str) -> ContentPage | None:
    """A page that the clinic writes itself, with the placeholders still in it."""
    return db.session.get(ContentPage, slug)


def old_address(path: str) -> str | None:
    """Where an address of the former site leads now, if it was one."""
    known = db.session.get(OldAddress, path.rstrip("/") or "/")
    return known.leads_to if known else None


def terms_of(appointment_type: AppointmentType, now: datetime) -> Json:
    """What is agreed when a time is held: these stay as they are, whatever the clinic changes later.

    Plain JSON for `booking.terms`. Raises NotOnSale while the length or price is to be announced.
    """
    price = appointment_type.price_at(now)
    if price is None or appointment_type.length_minutes is None:
        raise NotOnSale(appointment_type.slug)
    policy = appointment_type.cancellation_policy
    return {
        "service_slug": appointment_type.service.slug,
        "service_name": appointment_type.service.name,
        "type_slug": appointment_type.slug,
        "type_name": appointment_type.name,
        "length_minutes": appointment_type.length_minutes,
        "price_cents": price.amount_cents,
        "gst_rule": str(appointment_type.gst_rule),
        "payment_policy": str(appointment_type.payment_policy),
        "cancellation": {
            "notice_hours": policy.notice_hours,
            "late_fee_percent": policy.late_fee_percent,
            "no_show_fee_percent": policy.no_show_fee_percent,
            "grace_minutes": policy.grace_minutes,
        },
        "medi_code": appointment_type.medi_code,
        "medi_minutes": appointment_type.medi_minutes or appointment_type.length_minutes,
        "billing_code": appointment_type.billing_code or appointment_type.medi_code,
    }


def _types_and_prices() -> tuple[ExecutableOption, ...]:
    types = selectinload(Service.types)
    return types.selectinload(AppointmentType.prices), types.joinedload(AppointmentType.cancellation_policy)


def _load_type(slug: str, session: Session) -> AppointmentType:
    wanted = (
        select(AppointmentType)
        .join(AppointmentType.service)
        .where(AppointmentType.slug == slug, AppointmentType.is_active, Service.status.in_(ON_SHOW))
        .options(
            joinedload(AppointmentType.service),
            joinedload(AppointmentType.cancellation_policy),
            selectinload(AppointmentType.prices),
        )
    )
    appointment_type = session.scalar(wanted)
    if appointment_type is None:
        raise NoSuchType(slug)
    return appointment_type


def _load_form(slug: str, session: Session) -> FormDefinition | None:
    wanted = select(FormDefinition).where(FormDefinition.slug == slug).order_by(FormDefinition.version.desc())
    return session.scalar(wanted.limit(1))


def _names_on_show() -> list[tuple[str, str]]:
    wanted = select(Service.slug, Service.name).where(Service.status.in_(ON_SHOW))
    return [(slug, name) for slug, name in db.session.execute(wanted.order_by(Service.position, Service.id))]


def _copy(load: Callable[[Session], T]) -> T:
    """Loaded for nobody's session, over the connection that this request has already."""
    with Session(db.session.connection(), expire_on_commit=False) as own:
        found = load(own)
        own.expunge_all()
        return found
