"""Who may open which route: the access matrix as data, and the one place that refuses what it does not name."""

from __future__ import annotations

from enum import StrEnum

import structlog
from flask import Flask, abort, render_template, request
from flask.typing import ResponseReturnValue

from portal import clock
from portal.staff.access import CLINIC, DESK, EVERYBODY, HEALTH, MANAGERS, MONEY, OWNERS, Role, Staff, holder_of
from portal.web import htmx
from portal.web.booking import visitor

log = structlog.get_logger(__name__)


class Rule(StrEnum):
    PUBLIC = "public"  # everybody
    OWN_BOOKING = "own-booking"  # the browser that took the time: answers included
    KNOWN_BOOKING = "known-booking"  # also a browser in which the personal link was opened: logistics only
    TOKEN = "token"  # noqa: S105 - whoever has the link; the view looks its hash up
    SIGNED_MACHINE = "signed-machine"  # a system whose signature or secret the view verifies


# endpoint -> rule, or the roles of staff that may open it. A route that is missing here answers 404 to everybody, and
# fails tests/test_access.py.
RULES: dict[str, Rule | frozenset[Role]] = {
    "static": Rule.PUBLIC,
    "grid.home": Rule.PUBLIC,
    "grid.service": Rule.PUBLIC,
    "content.page": Rule.PUBLIC,
    "content.practitioner": Rule.PUBLIC,
    "content.robots": Rule.PUBLIC,
    "content.sitemap": Rule.PUBLIC,
    "times.times": Rule.PUBLIC,
    "times.create_hold": Rule.PUBLIC,
    "zones.choose": Rule.PUBLIC,
    "zones.remember": Rule.PUBLIC,
    "zones.choose_to_move": Rule.KNOWN_BOOKING,
    "zones.remember_to_move": Rule.KNOWN_BOOKING,
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
    "offers.open_offer": Rule.TOKEN,
    "offers.offer": Rule.KNOWN_BOOKING,
    "offers.accept": Rule.KNOWN_BOOKING,
    "offers.refuse": Rule.KNOWN_BOOKING,
    "api.services": Rule.PUBLIC,
    "api.times": Rule.PUBLIC,
    "api.description": Rule.PUBLIC,
    "security.csp_reports": Rule.PUBLIC,
    "health.healthz": Rule.PUBLIC,
    "health.readyz": Rule.PUBLIC,
    "hooks.stripe": Rule.SIGNED_MACHINE,
    "hooks.graph": Rule.SIGNED_MACHINE,
    "hooks.graph_lifecycle": Rule.SIGNED_MACHINE,
    "staff.sign_in.page": Rule.PUBLIC,
    "staff.sign_in.start": Rule.PUBLIC,
    "staff.sign_in.callback": Rule.PUBLIC,
    "staff.sign_in.signed_out": Rule.PUBLIC,
    "staff.sign_in.look_up_again": EVERYBODY,
    "staff.sign_in.sign_out": EVERYBODY,
    "staff.home.today": EVERYBODY,
    "staff.diary.day": CLINIC,
    "staff.bookings.panel": EVERYBODY,  # the bookkeeper sees its money only
    "staff.bookings.find": CLINIC,
    "staff.bookings.search": CLINIC,
    "staff.bookings.no_show_page": CLINIC,
    "staff.bookings.no_show": CLINIC,
    "staff.bookings.set_status": CLINIC,
    "staff.bookings.write_note": CLINIC,
    "staff.bookings.remove_note": CLINIC,
    "staff.bookings.put_note_back": CLINIC,
    "staff.bookings.new": DESK,
    "staff.bookings.new_times": DESK,
    "staff.bookings.hold_time": DESK,
    "staff.bookings.book": DESK,
    "staff.bookings.extend": DESK,
    "staff.bookings.release": DESK,
    "staff.bookings.move_page": DESK,
    "staff.bookings.move": DESK,
    "staff.bookings.cancel_page": DESK,
    "staff.bookings.cancel": DESK,
    "staff.bookings.undo": DESK,
    "staff.bookings.tell_now": DESK,
    "staff.bookings.keep_quiet": DESK,
    "staff.bookings.choose_patient": DESK,
    "staff.bookings.search_patient": DESK,
    "staff.bookings.set_patient": DESK,
    "staff.bookings.add_patient": DESK,
    "staff.bookings.send_again": DESK,
    "staff.bookings.try_again": DESK,
    "staff.bookings.take": DESK | MONEY,
    "staff.bookings.take_back": DESK | MONEY,
    "staff.bookings.hand_back": DESK | MONEY,
    "staff.bookings.answers": HEALTH,  # and only of visits in their own diary
    "staff.tasks.listed": EVERYBODY,
    "staff.tasks.mark_done": EVERYBODY,
    "staff.tasks.open_again": EVERYBODY,
    "staff.accounts.listed": MANAGERS,
    "staff.accounts.end_sessions": MANAGERS,
    "staff.accounts.close": OWNERS,
    "staff.accounts.open_again": OWNERS,
    "staff.catalogue.overview": MANAGERS,
    "staff.catalogue.move_service": MANAGERS,
    "staff.catalogue.move_type": MANAGERS,
    "staff.catalogue.new_service": MANAGERS,
    "staff.catalogue.add_service": MANAGERS,
    "staff.catalogue.service_page": MANAGERS,
    "staff.catalogue.save_service": MANAGERS,
    "staff.catalogue.remove_service": MANAGERS,
    "staff.catalogue.new_type": MANAGERS,
    "staff.catalogue.add_type": MANAGERS,
    "staff.catalogue.type_page": MANAGERS,
    "staff.catalogue.save_type": MANAGERS,
    "staff.catalogue.remove_type": MANAGERS,
    "staff.catalogue.new_form": MANAGERS,
    "staff.catalogue.add_form": MANAGERS,
    "staff.catalogue.form_page": MANAGERS,
    "staff.catalogue.save_form": MANAGERS,
    "staff.catalogue.new_question": MANAGERS,
    "staff.catalogue.add_question": MANAGERS,
    "staff.catalogue.question_page": MANAGERS,
    "staff.catalogue.save_question": MANAGERS,
    "staff.catalogue.remove_question": MANAGERS,
    "staff.catalogue.move_question": MANAGERS,
    "staff.catalogue.new_policy": MANAGERS,
    "staff.catalogue.add_policy": MANAGERS,
    "staff.catalogue.policy_page": MANAGERS,
    "staff.catalogue.save_policy": MANAGERS,
    "staff.catalogue.mapping_page": MANAGERS,
    "staff.catalogue.save_mapping": MANAGERS,
    "staff.catalogue.check_mapping": MANAGERS,
    "staff.catalogue.preview_grid": MANAGERS,
    "staff.catalogue.preview_service": MANAGERS,
    "staff.catalogue.preview_details": MANAGERS,
    "staff.catalogue.go_on_from_details": MANAGERS,
    "staff.catalogue.preview_confirmation": MANAGERS,
    "staff.catalogue.preview_mail": MANAGERS,
    "staff.catalogue.changes": MANAGERS,
    "staff.catalogue.settle": MANAGERS,
    "staff.catalogue.publish_draft": MANAGERS,
    "staff.catalogue.discard": MANAGERS,
    "staff.catalogue.versions": MANAGERS,
    "staff.catalogue.version_page": MANAGERS,
    "staff.catalogue.take_back": MANAGERS,
    "staff.catalogue.export_file": MANAGERS,
    "staff.catalogue.import_page": MANAGERS,
    "staff.catalogue.read_file": MANAGERS,
    "staff.catalogue.accept_file": MANAGERS,
    "staff.catalogue.refuse_file": MANAGERS,
    "staff.practitioners.listed": DESK,
    "staff.practitioners.page": DESK,
    "staff.practitioners.new": MANAGERS,
    "staff.practitioners.add": MANAGERS,
    "staff.practitioners.change": MANAGERS,
    "staff.practitioners.retire": MANAGERS,
    "staff.practitioners.bring_back": MANAGERS,
    "staff.places.listed": DESK,
    "staff.places.page": DESK,
    "staff.places.new": MANAGERS,
    "staff.places.add": MANAGERS,
    "staff.places.change": MANAGERS,
    "staff.places.add_room": MANAGERS,
    "staff.hours.listed": DESK,
    "staff.hours.save": MANAGERS,
    "staff.closures.listed": DESK,
    "staff.closures.impact": DESK,
    "staff.closures.close": MANAGERS,
    "staff.closures.take_back": MANAGERS,
    "staff.closures.make_offers": MANAGERS,
    "staff.extra_hours.listed": DESK,
    "staff.extra_hours.add": MANAGERS,
    "staff.extra_hours.take_back": MANAGERS,
    "staff.holidays.listed": DESK,
    "staff.holidays.add": MANAGERS,
    "staff.holidays.keep": MANAGERS,
    "staff.holidays.work": MANAGERS,
    "staff.explain.time": DESK,
    "staff.patients.listed": CLINIC,
    "staff.patients.search": CLINIC,
    "staff.patients.record": CLINIC,
    "staff.patients.contact_page": DESK,
    "staff.patients.save_contact": DESK,
    "staff.patients.matches": DESK,
    "staff.patients.compare": DESK,
    "staff.patients.merge": DESK,
    "staff.patients.keep_apart": DESK,
    "staff.patients.doubt_again": DESK,
    "staff.patients.undo_merge": DESK,
    "staff.content.listed": MANAGERS,
    "staff.content.page": MANAGERS,
    "staff.content.save": MANAGERS,
    "staff.content.version": MANAGERS,
    "staff.content.bring_back": MANAGERS,
    "staff.content.addresses": MANAGERS,
    "staff.content.add_address": MANAGERS,
    "staff.content.remove_address": MANAGERS,
    "staff.settings.page": MANAGERS,
    "staff.settings.save": MANAGERS,
    "staff.audit.search": OWNERS,
    "staff.audit.export": OWNERS,
}


# Where roles are looked up again, and the way out.
NEEDS_NO_NEW_LOOK = ("staff.sign_in.look_up_again", "staff.sign_in.sign_out")


def init_app(app: Flask) -> None:
    app.before_request(refuse_what_is_not_theirs)


def may_open(staff: Staff, endpoint: str) -> bool:
    """Whether somebody may open a page of the back office, for menus and links; False where there is none."""
    rule = RULES.get(endpoint)
    return isinstance(rule, frozenset) and staff.may(rule)


def refuse_what_is_not_theirs() -> ResponseReturnValue | None:
    """Foreign, missing and unlisted answer the same 404. Views load the booking through visitor.py once more."""
    if request.endpoint is None:
        return None
    rule = RULES.get(request.endpoint)
    if rule is None:
        log.error("access.no_rule", route=str(request.url_rule))
        abort(404)
    if isinstance(rule, frozenset):
        return refuse_other_roles(rule)
    if rule in (Rule.OWN_BOOKING, Rule.KNOWN_BOOKING):
        reference = (request.view_args or {})["reference"]
        is_theirs = visitor.was_booked_here if rule == Rule.OWN_BOOKING else visitor.is_known_here
        if not is_theirs(reference):
            abort(404)
    return None


def refuse_other_roles(allowed: frozenset[Role]) -> ResponseReturnValue | None:
    """Who has not signed in goes to do so, also from within a fragment; another role is told that it is another's."""
    from portal.web.staff import next_page, who

    staff = who.find_staff()
    if staff is None:
        return htmx.go(next_page.sign_in_address())
    structlog.contextvars.bind_contextvars(actor=holder_of(staff.id))
    if not staff.may(allowed):
        log.warning("access.other_role", route=str(request.url_rule))
        return render_template("staff/not_yours.html"), 403
    if request.endpoint in NEEDS_NO_NEW_LOOK:
        return None
    now = clock.now()
    if request.method in ("GET", "HEAD"):
        return htmx.go(next_page.again_address()) if who.is_due_again(now) else None
    # A form that is being sent is not lost for it; the next page is soon enough, but there has to be one.
    if who.is_overdue(now):
        log.warning("access.not_looked_up_again", route=str(request.url_rule))
        return render_template("staff/look_up_first.html"), 403
    return None
