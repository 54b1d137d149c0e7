"""`flask graph`: how each calendar is listened to, and how that is renewed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask import Flask
from sqlalchemy import select

from portal import clock
from portal.db import db, transaction
from portal.outbox.models import OutboxMessage
from portal.outbox.run import drain
from portal.staff.models import Practitioner
from portal.sync.models import GraphSubscription
from tests.cli.commands import run, rung
from tests.support.factories import make_practitioner
from tests.support.microsoft import WREN
from tests.support.sandbox import RunningSandbox

FRESH = timedelta(minutes=4200)


def make_subscription(practitioner: Practitioner, expires_at: datetime | None, subscription_id: str | None) -> None:
    with transaction():
        db.session.add(
            GraphSubscription(
                practitioner_id=practitioner.id,
                subscription_id=subscription_id,
                client_state=f"secret of {practitioner.slug}",
                expires_at=expires_at,
            )
        )


def test_subscriptions_tell_how_each_calendar_is_listened_to(app: Flask, ctx: None) -> None:
    at = clock.now()
    states = {
        "live": (at + FRESH, "one"),
        "renewal-due": (at + timedelta(hours=20), "two"),
        "ran-out": (at - timedelta(minutes=1), "three"),
        "removed": (None, None),
    }
    for place, (slug, (expires_at, subscription_id)) in enumerate(states.items()):
        practitioner = make_practitioner(slug=slug, graph_user_id=f"user-{slug}", position=place)
        make_subscription(practitioner, expires_at, subscription_id)
    make_practitioner(slug="new", graph_user_id="user-new", position=10)
    make_practitioner(slug="unconnected", position=11)
    make_practitioner(slug="gone", graph_user_id="user-gone", position=12, is_active=False)

    lines = run(app, "graph", "subscriptions").output.splitlines()[1:]

    assert [(line.split()[0], line.split("  ")[-1].strip()) for line in lines] == [
        ("live", "live"),
        ("renewal-due", "renewal due"),
        ("ran-out", "ran out"),
        ("removed", "missing"),
        ("new", "missing"),
        ("unconnected", "no mailbox"),
    ]


def test_subscriptions_expire_in_the_clinics_time(app: Flask, ctx: None) -> None:
    half_past_one = datetime(2090, 5, 10, 1, 30, tzinfo=UTC)
    make_subscription(make_practitioner(slug="willa-wren", graph_user_id=WREN), half_past_one, "one")

    assert run(app, "graph", "subscriptions").output.splitlines() == [
        "practitioner  expires                state",
        "willa-wren    2090-05-10 11:30 AEST  live",
    ]


def test_subscriptions_of_an_empty_clinic_say_so(app: Flask) -> None:
    assert run(app, "graph", "subscriptions").output == "There are no practitioners yet.\n"
    assert run(app, "graph", "renew").output == "No practitioner has a mailbox yet.\n"


def test_the_secret_of_a_subscription_is_not_shown(app: Flask, ctx: None) -> None:
    make_subscription(make_practitioner(graph_user_id=WREN), clock.now() + FRESH, "one")

    assert "secret of" not in run(app, "graph", "subscriptions").output


def test_renew_owes_each_connected_practitioner_a_renewal(app: Flask, ctx: None) -> None:
    wren = make_practitioner(slug="willa-wren", graph_user_id=WREN)
    make_subscription(wren, clock.now() + FRESH, "one")
    make_practitioner(slug="unconnected")

    told = run(app, "graph", "renew")

    assert told.output == "willa-wren is due for renewal.\n"
    owed = db.session.execute(select(OutboxMessage.job, OutboxMessage.args)).all()
    assert [tuple(row) for row in owed] == [("sync.keep_subscription", [wren.id])]
    assert rung("graph") == 1


def test_renew_makes_a_subscription_anew_that_graph_has_dropped_without_a_word(
    app: Flask, mailbox: Practitioner, sandbox: RunningSandbox, portal_server: object
) -> None:
    make_subscription(mailbox, clock.now() + FRESH, "11111111-2222-4333-8444-555555555555")

    run(app, "graph", "renew")
    drain("graph")

    (subscription,) = sandbox.get("/_emu/graph/subscriptions")
    row = db.session.scalars(select(GraphSubscription).execution_options(populate_existing=True)).one()
    assert row.subscription_id == subscription["id"]
    assert row.expires_at is not None and row.expires_at > clock.now() + timedelta(days=2)
