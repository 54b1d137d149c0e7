"""Change subscriptions of the Graph client, and the notifications that follow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from portal.integrations.graph import AlreadySubscribed, Graph, Subscription
from portal.integrations.http import NotFound, Permanent
from tests.support.microsoft import LARK, WREN, spec
from tests.support.receiver import Receiver
from tests.support.sandbox import RunningSandbox


def in_minutes(minutes: int) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=minutes)


def subscribe(graph: Graph, receiver: Receiver, user_id: str = WREN, minutes: int = 4200) -> Subscription:
    return graph.create_subscription(
        user_id=user_id,
        notification_url=f"{receiver.url}/hooks/graph",
        lifecycle_url=f"{receiver.url}/hooks/graph/lifecycle",
        client_state="kookaburra",
        expires_at=in_minutes(minutes),
    )


def test_both_urls_are_asked_before_the_subscription_stands(graph: Graph, receiver: Receiver) -> None:
    made = subscribe(graph, receiver)

    assert {one.path for one in receiver.received()} == {"/hooks/graph", "/hooks/graph/lifecycle"}
    assert graph.list_subscriptions() == [made]
    assert (made.resource, made.notification_url) == (f"users/{WREN}/events", f"{receiver.url}/hooks/graph")


def test_our_own_write_is_notified_with_the_immutable_id(
    sandbox: RunningSandbox, graph: Graph, receiver: Receiver
) -> None:
    made = subscribe(graph, receiver)
    receiver.clear()

    event = graph.create_event(WREN, spec(), transaction_id="a")

    first = receiver.wait_for(2, "/hooks/graph")[0].json["value"][0]
    assert (first["subscriptionId"], first["clientState"]) == (made.id, "kookaburra")
    assert first["resourceData"]["id"] == event.id


def test_a_second_subscription_for_a_calendar_is_told_apart(graph: Graph, receiver: Receiver) -> None:
    subscribe(graph, receiver)

    with pytest.raises(AlreadySubscribed):
        subscribe(graph, receiver)
    subscribe(graph, receiver, LARK)
    assert len(graph.list_subscriptions()) == 2


def test_a_renewal_moves_the_end(graph: Graph, receiver: Receiver) -> None:
    made = subscribe(graph, receiver, minutes=60)
    later = in_minutes(4200)

    assert graph.renew_subscription(made.id, later).expires_at == later
    assert graph.list_subscriptions()[0].expires_at == later


def test_a_lapsed_subscription_cannot_be_renewed(sandbox: RunningSandbox, graph: Graph, receiver: Receiver) -> None:
    made = subscribe(graph, receiver, minutes=60)
    sandbox.advance(minutes=61)

    with pytest.raises(NotFound):
        graph.renew_subscription(made.id, in_minutes(4200))
    assert graph.list_subscriptions() == []


def test_a_removed_subscription_may_be_removed_again(graph: Graph, receiver: Receiver) -> None:
    made = subscribe(graph, receiver)

    graph.delete_subscription(made.id)
    graph.delete_subscription(made.id)

    assert graph.list_subscriptions() == []


def test_a_hook_that_fails_the_handshake_gets_no_subscription(graph: Graph, receiver: Receiver) -> None:
    receiver.answer_next(500)

    with pytest.raises(Permanent):
        subscribe(graph, receiver)
    assert graph.list_subscriptions() == []
