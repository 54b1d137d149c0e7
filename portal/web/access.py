"""Who may open which route: the access matrix as data, and the one place that refuses what it does not name."""

from __future__ import annotations

from enum import StrEnum

import structlog
from flask import Flask, abort, request

from portal.web.booking import visitor

log = structlog.get_logger(__name__)


class Rule(StrEnum):
    PUBLIC = "public"  # everybody
    OWN_BOOKING = "own-booking"  # the browser that took the time: answers included
    KNOWN_BOOKING = "known-booking"  # also a browser in which the personal link was opened: logistics only
    TOKEN = "token"  # noqa: S105 - whoever has the link; the view looks its hash up
    SIGNED_MACHINE = "signed-machine"  # a system whose signature or secret the view verifies


# endpoint -> rule. A route that is missing here answers 404 to everybody, and fails tests/test_access.py.
RULES: dict[str, Rule] = {
    "static": Rule.PUBLIC,
    "grid.home": Rule.PUBLIC,
    "grid.service": Rule.PUBLIC,
    "content.page": Rule.PUBLIC,
    "content.practitioner": Rule.PUBLIC,
    "content.robots": Rule.PUBLIC,
    "content.sitemap": Rule.PUBLIC,
    "times.times": Rule.PUBLIC,
    "times.create_hold": Rule.PUBLIC,
    "links.find": Rule.PUBLIC,
    "links.send_link": Rule.PUBLIC,
    "links.sent": Rule.PUBLIC,
    "links.open_link": Rule.TOKEN,
    "funnel.details": Rule.OWN_BOOKING,
    "funnel.save_details": Rule.OWN_BOOKING,
    "funnel.intake": Rule.OWN_BOOKING,
    "funnel.save_intake": Rule.OWN_BOOKING,
    "funnel.check": Rule.OWN_BOOKING,
    "funnel.extend": Rule.OWN_BOOKING,
    "funnel.release": Rule.OWN_BOOKING,
    "payment.pay": Rule.OWN_BOOKING,
    "payment.came_back": Rule.OWN_BOOKING,
    "confirmation.booking": Rule.KNOWN_BOOKING,
    "confirmation.ics": Rule.KNOWN_BOOKING,
    "confirmation.move_page": Rule.KNOWN_BOOKING,
    "confirmation.move": Rule.KNOWN_BOOKING,
    "confirmation.cancel_page": Rule.KNOWN_BOOKING,
    "confirmation.cancel": Rule.KNOWN_BOOKING,
    "api.services": Rule.PUBLIC,
    "api.times": Rule.PUBLIC,
    "api.description": Rule.PUBLIC,
    "security.csp_reports": Rule.PUBLIC,
    "health.healthz": Rule.PUBLIC,
    "health.readyz": Rule.PUBLIC,
    "hooks.stripe": Rule.SIGNED_MACHINE,
    "hooks.graph": Rule.SIGNED_MACHINE,
    "hooks.graph_lifecycle": Rule.SIGNED_MACHINE,
}


def init_app(app: Flask) -> None:
    app.before_request(refuse_what_is_not_theirs)


def refuse_what_is_not_theirs() -> None:
    """Foreign, missing and unlisted answer the same 404. Views load the booking through visitor.py once more."""
    if request.endpoint is None:
        return
    rule = RULES.get(request.endpoint)
    if rule is None:
        log.error("access.no_rule", route=str(request.url_rule))
        abort(404)
    if rule in (Rule.OWN_BOOKING, Rule.KNOWN_BOOKING):
        reference = (request.view_args or {})["reference"]
        is_theirs = visitor.was_booked_here if rule == Rule.OWN_BOOKING else visitor.is_known_here
        if not is_theirs(reference):
            abort(404)
