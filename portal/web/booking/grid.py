"""The first road in: the service grid, and a page for each service."""

from __future__ import annotations

from flask import Blueprint, abort, current_app, redirect, render_template
from flask.typing import ResponseReturnValue

from portal import words
from portal.catalogue import offer
from portal.catalogue.models import Kind, Service
from portal.clock import now
from portal.web.booking import cards
from portal.web.public_pages import public_page

bp = Blueprint("grid", __name__)


@bp.get("/")
@public_page
def home() -> ResponseReturnValue:
    return home_page("booking/grid.html")


def home_page(template: str) -> str:
    """The grid of what is on show now."""
    services = offer.services_on_show()
    active = [service for service in services if service.is_active]
    consult = next((service for service in active if _is_free_consult(service)), None)
    return render_template(
        template,
        consult=consult,
        active=[service for service in active if service is not consult],
        next_words={service.slug: _next_words(service) for service in active},
        coming=[service for service in services if service.is_coming_soon],
    )


@bp.get("/services/<slug>")
@public_page
def service(slug: str) -> ResponseReturnValue:
    try:
        found = offer.get_service(slug)
    except offer.NoSuchService:
        leads_to = offer.old_address(f"/services/{slug}")
        return redirect(leads_to, 301) if leads_to else abort(404)
    return service_page(found, "booking/service.html")


def service_page(found: Service, template: str) -> str:
    """What the service is, and its listed types."""
    today = now().astimezone(current_app.config["PORTAL"].zone).date()
    launch = offer.launch_day(found, today)
    return render_template(
        template,
        service=found,
        types=[cards.of_type(each) for each in offer.listed_types(found)],
        launch_words=words.day(launch) if launch else None,
    )


def _is_free_consult(service: Service) -> bool:
    """The service for people who do not know yet what they need: it offers nothing but a free consult."""
    listed = offer.listed_types(service)
    return bool(listed) and all(each.kind == Kind.CONSULT and cards.price_cents(each) == 0 for each in listed)


def _next_words(service: Service) -> str | None:
    return cards.next_words(cards.for_a_first_look(offer.listed_types(service)))
