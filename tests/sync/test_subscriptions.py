"""One live subscription per practitioner's calendar: made, renewed, replaced, and made again when Graph drops it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import select

from portal.clients import clients
from portal.clock import now
from portal.db import db, transaction
from portal.sync import jobs
from portal.sync.models import GraphSubscription
from portal.sync.notifications import LIFETIME, RENEW_BEFORE, practitioners_to_look_after
from tests.support.chain import Chain, patient_who
from tests.support.factories import make_practitioner
from tests.support.microsoft import LARK, WREN
from tests.support.outbox import all_rows, later, owed, settle
from tests.support.race import Race
from tests.sync.tales import confirmed, listen


def at_graph(chain: Chain, user_id: str = WREN) -> list[dict[str, Any]]:
    return [one for one in chain.sandbox.get("/_emu/graph/subscriptions") if one["user_id"] == user_id]


def ours(chain: Chain) -> GraphSubscription:
    db.session.rollback()
    rows = select(GraphSubscription).filter_by(practitioner_id=chain.wren.id)
    return db.session.scalars(rows.execution_options(populate_existing=True)).one()


def sweep(chain: Chain) -> None:
    with transaction():
        jobs.sweep(now())
    settle(chain.sandbox)


def test_a_subscription_is_made_for_each_mailbox_with_a_secret_of_its_own(chain: Chain) -> None:
    make_practitioner()  # has no mailbox
    make_practitioner(graph_user_id="somebody-who-left", is_active=False)
    sweep(chain)

    (wren,), (lark,) = at_graph(chain), at_graph(chain, LARK)
    hook = clients().settings.graph_notification_url
    assert (wren["notification_url"], wren["lifecycle_url"]) == (hook, f"{hook}/lifecycle")
    assert wren["change_types"] == ["created", "deleted", "updated"]
    assert len(wren["client_state"]) >= 40
    assert wren["client_state"] != lark["client_state"]
    known = ours(chain)
    assert (known.subscription_id, known.client_state) == (wren["id"], wren["client_state"])
    assert known.expires_at == datetime.fromisoformat(wren["expires_at"])
    assert len(chain.sandbox.get("/_emu/graph/subscriptions")) == 2


def test_a_fresh_one_is_left_alone(chain: Chain) -> None:
    listen(chain)
    calls = len(chain.sandbox.calls("graph"))
    sweep(chain)
    listen(chain)
    assert len(chain.sandbox.calls("graph")) == calls


def test_it_is_renewed_once_a_day(chain: Chain) -> None:
    listen(chain)
    before = ours(chain)
    id, expires_at = before.subscription_id, before.expires_at
    assert practitioners_to_look_after(now() + timedelta(hours=23)) == []
    assert sorted(practitioners_to_look_after(now() + timedelta(hours=24, minutes=1))) == [chain.wren.id, chain.lark.id]

    chain.sandbox.advance(hours=25)
    sweep(chain)
    after = ours(chain)
    assert after.subscription_id == id
    assert after.expires_at is not None and expires_at is not None
    assert after.expires_at - expires_at > timedelta(hours=24)
    assert len(at_graph(chain)) == 1


def test_one_that_ran_out_while_we_slept_is_made_again(chain: Chain) -> None:
    listen(chain)
    old = ours(chain).subscription_id
    chain.sandbox.advance(days=4)
    assert at_graph(chain) == []
    sweep(chain)
    (one,) = at_graph(chain)
    assert one["id"] == ours(chain).subscription_id != old


@pytest.mark.parametrize("fault", ["timeout_after_commit", "error_after"])
def test_one_whose_answer_was_lost_is_replaced_and_not_doubled(chain: Chain, fault: str) -> None:
    chain.sandbox.fault("POST /graph/v1.0/subscriptions", fault)
    sweep(chain)
    later(chain.sandbox, seconds=10)
    assert (len(at_graph(chain)), len(at_graph(chain, LARK))) == (1, 1)
    assert ours(chain).subscription_id == at_graph(chain)[0]["id"]


def test_two_who_look_after_one_calendar_make_one_subscription(chain: Chain, race: Race) -> None:
    wren_id = chain.wren.id
    chain.sandbox.fault("POST /graph/v1.0/subscriptions", "slow", seconds=0.3)
    race.of(4, lambda: jobs.keep_subscription(wren_id))
    settle(chain.sandbox)
    assert len(at_graph(chain)) == 1


def lifecycle(chain: Chain, event: str) -> None:
    (one,) = at_graph(chain)
    chain.sandbox.post("/_emu/graph/lifecycle", {"event": event, "subscription": one["id"]})
    settle(chain.sandbox)


def test_one_that_graph_removed_is_made_again_at_once(chain: Chain) -> None:
    listen(chain)
    old = ours(chain).subscription_id
    lifecycle(chain, "subscriptionRemoved")
    (one,) = at_graph(chain)
    assert one["id"] == ours(chain).subscription_id != old
    assert len(at_graph(chain, LARK)) == 1


def test_one_that_wants_to_be_authorised_again_is_renewed_at_once(chain: Chain) -> None:
    listen(chain)
    id = ours(chain).subscription_id
    lifecycle(chain, "reauthorizationRequired")
    (one,) = at_graph(chain)
    assert (one["id"], one["reauthorize_by"]) == (id, None)
    expires_at = ours(chain).expires_at
    assert expires_at is not None
    assert expires_at - now() > LIFETIME - timedelta(minutes=1)


def test_news_that_something_was_missed_does_no_harm(chain: Chain) -> None:
    listen(chain)
    id = ours(chain).subscription_id
    lifecycle(chain, "missed")
    assert [one["id"] for one in at_graph(chain)] == [id]


def test_a_forged_lifecycle_notification_removes_nothing(chain: Chain) -> None:
    listen(chain)
    id = ours(chain).subscription_id
    item = {"subscriptionId": id, "clientState": "forged", "lifecycleEvent": "subscriptionRemoved"}
    url = clients().settings.graph_notification_url + "/lifecycle"
    assert requests.post(url, json={"value": [item]}, timeout=10).status_code == 202
    assert ours(chain).subscription_id == id
    assert owed() == []


def test_after_a_removal_the_visits_that_came_in_between_are_caught_up_with(chain: Chain) -> None:
    listen(chain)
    (one,) = at_graph(chain)
    chain.sandbox.delivery_fault("graph", "drop", times=3)
    chain.sandbox.post("/_emu/graph/lifecycle", {"event": "subscriptionRemoved", "subscription": one["id"]})
    booking = confirmed(chain, patient=patient_who())
    settle(chain.sandbox)
    assert chain.appointments(booking.reference) == []
    # Our row still believes in it; the daily renewal finds out.
    chain.sandbox.advance(hours=25)
    sweep(chain)
    later(chain.sandbox, seconds=10)
    assert len(at_graph(chain)) == 1
    assert len(chain.appointments(booking.reference)) == 1


def test_a_mailbox_that_graph_does_not_let_us_see_is_given_up_for_an_hour(chain: Chain) -> None:
    chain.sandbox.knob("graph", "allowed_mailboxes", [LARK])
    for _ in range(4):
        sweep(chain)
        chain.sandbox.advance(minutes=1)
    rows = [row for row in all_rows("sync.keep_subscription") if row.args == [chain.wren.id]]
    assert [row.parked_at is not None for row in rows] == [True]
    assert len(at_graph(chain, LARK)) == 1

    chain.sandbox.knob("graph", "allowed_mailboxes", None)
    chain.sandbox.advance(minutes=61)
    sweep(chain)
    assert len(at_graph(chain)) == 1


def test_renewal_leaves_two_days_for_trouble() -> None:
    assert timedelta(days=1, hours=20) < RENEW_BEFORE < LIFETIME
