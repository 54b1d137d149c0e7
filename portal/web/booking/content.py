"""The pages the clinic writes itself, and what the former site's addresses lead to."""

from __future__ import annotations

from flask import Blueprint, Response, abort, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from werkzeug.exceptions import NotFound

from portal import clinic
from portal.catalogue import offer, pages
from portal.db import db
from portal.staff.models import Practitioner
from portal.web.booking import cards
from portal.web.public_pages import public_page

bp = Blueprint("content", __name__)


@bp.get("/<any(about, contact, privacy):slug>")
@public_page
def page(slug: str) -> ResponseReturnValue:
    found = offer.content_page(slug)
    if found is None:
        abort(404)
    return render_template("content/page.html", title=found.title, body=pages.fill_in(found.body, clinic.details()))


@bp.get("/practitioners/<slug>")
@public_page
def practitioner(slug: str) -> ResponseReturnValue:
    found = db.session.scalars(
        select(Practitioner).where(Practitioner.slug == slug, Practitioner.is_active)
    ).one_or_none()
    if found is None:
        abort(404)
    types = cards.offered_by(found, offer.services_on_show())
    return render_template(
        "content/practitioner.html",
        practitioner=found,
        next_words=cards.next_words(cards.for_a_first_look(types), found),
        types=[cards.of_type(each, found) for each in types],
    )


@bp.get("/robots.txt")
def robots() -> ResponseReturnValue:
    sitemap_url = current_app.config["PORTAL"].public_url + url_for(".sitemap")
    private = "".join(f"Disallow: {path}\n" for path in ("/bookings/", "/b/", "/book/", "/find-my-visit"))
    return Response(f"User-agent: *\n{private}Sitemap: {sitemap_url}\n", content_type="text/plain; charset=utf-8")


@bp.get("/sitemap.xml")
@public_page
def sitemap() -> ResponseReturnValue:
    base = current_app.config["PORTAL"].public_url
    paths = [url_for("grid.home"), *(url_for(".page", slug=slug) for slug in ("about", "contact", "privacy"))]
    paths += [url_for("grid.service", slug=service.slug) for service in offer.services_on_show()]
    paths += [
        url_for(".practitioner", slug=slug)
        for slug in db.session.scalars(
            select(Practitioner.slug).where(Practitioner.is_active).order_by(Practitioner.id)
        )
    ]
    body = render_template("content/sitemap.xml", addresses=[base + path for path in paths])
    return Response(body, content_type="application/xml; charset=utf-8")


@bp.before_app_request
def former_address() -> ResponseReturnValue | None:
    """An address of the former site leads on for good. Not a route, which would take every unknown address for one of
    ours: a page that only takes a POST answers 405 to a GET, and a POST to nowhere 404."""
    if request.method not in ("GET", "HEAD") or not isinstance(request.routing_exception, NotFound):
        return None
    leads_to = offer.old_address(request.path)
    return redirect(leads_to, 301) if leads_to else None
