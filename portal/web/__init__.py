"""The pages: views and forms by audience, and what every response has in common."""

from __future__ import annotations

from flask import Flask
from htmx_flask import Htmx

from portal.config import Settings


def init_app(app: Flask, settings: Settings) -> None:
    """Register every blueprint and what wraps each request."""
    from portal.web import access, api, errors, filters, health, hooks, limits, public_pages, requests, security, staff
    from portal.web.booking import confirmation, content, funnel, grid, links, offers, payment, times, zones

    Htmx(app)
    requests.init_app(app)
    public_pages.init_app(app)
    access.init_app(app)  # before the check of form tokens: whose session has ended is asked to sign in, no more
    security.init_app(app, settings)
    limits.init_app(app, settings)
    filters.init_app(app, settings)
    errors.init_app(app)
    for module in (grid, times, zones, funnel, payment, confirmation, offers, links, content, api, health, hooks):
        app.register_blueprint(module.bp)
    staff.register(app)
