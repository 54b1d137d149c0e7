"""Listens to Graph: keeps a subscription per practitioner, stores notifications, and routes each to its processor."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert

from portal import crash
from portal.bookings import find
from portal.bookings.models import Booking
from portal.bookings.states import Status
from portal.clients import clients
from portal.clock import now
from portal.db import Json, LockKind, db, exclusive, transaction
from portal.integrations.graph import GraphEvent
from portal.integrations.http import NotFound, Transient
from portal.outbox.post import announce, owe
from portal.staff.models import Practitioner
from portal.sync import busy, moved
from portal.sync.models import GraphNotification, GraphSubscription, MediRecordsLink, OutlookLink
from portal.sync.outlook import event_was_deleted, metadata, same

log = structlog.get_logger(__name__)

LIFETIME = timedelta(minutes=4200)  # valid under every version of Graph's documentation
RENEW_BEFORE = timedelta(minutes=4200) - timedelta(days=1)  # once a day
VISIBLE_AFTER = timedelta(seconds=60)  # how long a new event may stay invisible to a read


def store(items: Sequence[Json], now: datetime) -> None:
    """Store notifications and owe their routing. Forged, unknown and repeated ones are dropped without a word."""
    for item, subscription in _proven(items):
        _store(item, subscription.practitioner_id, now)


def store_lifecycle(items: Sequence[Json], now: datetime) -> None:
    """Graph says that a subscription ends, was removed, or missed something: look after it at once."""
    for item, subscription in _proven(items):
        if item.get("lifecycleEvent") == "subscriptionRemoved":
            subscription.subscription_id, subscription.expires_at = None, None
        elif item.get("lifecycleEvent") == "reauthorizationRequired":
            subscription.expires_at = now
        owe("sync.keep_subscription", subscription.practitioner_id, now=now)
        busy.order_read(subscription.practitioner_id, now)


def route(notification_id: int) -> str:
    """Find out what a notification is about, and owe the processor's run if it is a booking of ours. -> outcome"""
    notification = db.session.get_one(GraphNotification, notification_id)
    if notification.routed_at is not None:
        return notification.outcome
    practitioner_id, user_id = notification.practitioner_id, notification.practitioner.graph_user_id
    event_id, received_at = notification.event_id, notification.received_at
    if user_id is None:
        return _routed(notification_id, "practitioner without mailbox")
    if _is_echo(notification):
        return _routed(notification_id, "echo of our own change")
    deleted = notification.change_type == "deleted"
    db.session.rollback()
    try:
        event = clients().graph.get_event(user_id, event_id)
    except NotFound:
        if not deleted and now() - received_at < VISIBLE_AFTER:
            raise Transient("graph", "event not visible yet", retry_after=2) from None
        return _event_is_gone(notification_id, event_id)
    crash.point("notification.fetched")
    return _event_is_there(notification_id, practitioner_id, event)


def keep_subscription(practitioner_id: int) -> None:
    """Make sure that one live subscription exists for a practitioner's calendar: renew, replace or create."""
    subscription = _begin(practitioner_id)
    if subscription is None:
        return
    user_id, known_id, client_state, expires_at = subscription
    if known_id is not None and expires_at is not None and expires_at - now() > RENEW_BEFORE:
        return
    graph, until = clients().graph, (now() + LIFETIME).replace(microsecond=0)
    if known_id is not None:
        try:
            _keep(practitioner_id, known_id, graph.renew_subscription(known_id, until).expires_at)
            return
        except NotFound:
            _keep(practitioner_id, None, None)
    url = clients().settings.graph_notification_url
    # One that we made and lost the answer of cannot be told apart by its secret, so it is replaced.
    for old in graph.list_subscriptions():
        if old.notification_url == url and old.resource.lower() == f"users/{user_id}/events".lower():
            graph.delete_subscription(old.id)
    made = graph.create_subscription(
        user_id=user_id,
        notification_url=url,
        lifecycle_url=f"{url}/lifecycle",
        client_state=client_state,
        expires_at=until,
    )
    _keep(practitioner_id, made.id, made.expires_at)
    _catch_up(practitioner_id)


def practitioners_to_look_after(at: datetime) -> list[int]:
    """Practitioners whose subscription is missing or due for renewal."""
    return list(
        db.session.scalars(
            select(Practitioner.id)
            .outerjoin(GraphSubscription, GraphSubscription.practitioner_id == Practitioner.id)
            .where(
                Practitioner.is_active,
                Practitioner.graph_user_id.is_not(None),
                or_(
                    GraphSubscription.subscription_id.is_(None),
                    GraphSubscription.expires_at.is_(None),
                    GraphSubscription.expires_at <= at + RENEW_BEFORE,
                ),
            )
        )
    )


def _proven(items: Sequence[Json]) -> list[tuple[Json, GraphSubscription]]:
    """Those that know the secret of their subscription. Graph does not sign: it is the only proof.

    Anybody may send any number of them, so all together cost one question and one line of the log.
    """
    if not items:
        return []
    subscriptions = db.session.scalars(select(GraphSubscription)).all()
    found = [(item, _subscription_of(item, subscriptions)) for item in items]
    proven = [(item, subscription) for item, subscription in found if subscription is not None]
    if len(proven) < len(items):
        log.warning("hooks.notification_refused", system="graph", count=len(items) - len(proven))
    return proven


def _subscription_of(item: Json, subscriptions: Sequence[GraphSubscription]) -> GraphSubscription | None:
    """The subscription whose secret the item knows. The first notification may come before its id is stored."""
    state = item.get("clientState")
    if not isinstance(state, str):
        return None
    secret = state.encode(errors="surrogatepass")
    candidates = [one for one in subscriptions if one.subscription_id in (None, item.get("subscriptionId"))]
    return next((one for one in candidates if hmac.compare_digest(one.client_state.encode(), secret)), None)


def _store(item: Json, practitioner_id: int, now: datetime) -> None:
    data = item.get("resourceData")
    event_id = data.get("id") if isinstance(data, dict) else None
    change = item.get("changeType")
    if not isinstance(data, dict) or not isinstance(event_id, str):
        log.warning("hooks.notification_refused", system="graph", count=1)
        return
    stored = db.session.scalar(
        insert(GraphNotification)
        .values(
            practitioner_id=practitioner_id,
            event_id=event_id,
            change_type=str(change),
            dedupe_key=":".join([str(practitioner_id), event_id, str(change), str(data.get("@odata.etag"))]),
            received_at=now,
        )
        .on_conflict_do_nothing(index_elements=["dedupe_key"])
        .returning(GraphNotification.id)
    )
    if stored is None:
        return
    announce("graph.notified", stored, now)
    # Our own events take no busy time, wherever they are; one that we have not noted yet costs a reading for nothing.
    if db.session.scalar(select(OutlookLink.booking_id).where(OutlookLink.event_id == event_id)) is None:
        busy.order_read(practitioner_id, now)


def _begin(practitioner_id: int) -> tuple[str, str | None, str, datetime | None] | None:
    with transaction():
        practitioner = db.session.get_one(Practitioner, practitioner_id)
        if practitioner.graph_user_id is None or not practitioner.is_active:
            return None
        db.session.execute(
            insert(GraphSubscription)
            .values(practitioner_id=practitioner_id, client_state=secrets.token_urlsafe(32))
            .on_conflict_do_nothing(index_elements=["practitioner_id"])
        )
        row = db.session.scalars(
            select(GraphSubscription).where(GraphSubscription.practitioner_id == practitioner_id)
        ).one()
        return practitioner.graph_user_id, row.subscription_id, row.client_state, row.expires_at


def _keep(practitioner_id: int, subscription_id: str | None, expires_at: datetime | None) -> None:
    with transaction():
        row = db.session.scalars(
            select(GraphSubscription).where(GraphSubscription.practitioner_id == practitioner_id)
        ).one()
        row.subscription_id, row.expires_at, row.checked_at = subscription_id, expires_at, now()


def _catch_up(practitioner_id: int) -> None:
    """Nobody told us of what happened before the subscription began: look after those bookings ourselves.

    A little later, because an event may have been written a moment ago and not be noted yet.
    """
    unprocessed = (
        select(Booking.id)
        .outerjoin(MediRecordsLink, MediRecordsLink.booking_id == Booking.id)
        .where(
            Booking.practitioner_id == practitioner_id,
            Booking.status == Status.CONFIRMED,
            MediRecordsLink.appointment_id.is_(None),
        )
    )
    with transaction():
        for booking_id in db.session.scalars(unprocessed):
            owe("sync.medirecords", booking_id, now=now(), not_before=now() + timedelta(seconds=5))


def _is_echo(notification: GraphNotification) -> bool:
    """Our own change of an event whose booking has been processed. Our own create is what starts the processor, so it
    is never taken for an echo."""
    if notification.change_type != "updated":
        return False
    etag = notification.dedupe_key.split(":updated:", 1)[-1]
    return (
        db.session.scalar(
            select(OutlookLink.booking_id)
            .join(MediRecordsLink, MediRecordsLink.booking_id == OutlookLink.booking_id)
            .where(
                OutlookLink.event_id == notification.event_id,
                OutlookLink.etag == etag,
                MediRecordsLink.appointment_id.is_not(None),
            )
        )
        is not None
    )


def _event_is_there(notification_id: int, practitioner_id: int, event: GraphEvent) -> str:
    reference = (event.metadata or {}).get("b")
    if not isinstance(reference, str):
        return _routed(notification_id, "not a booking of ours")
    try:
        booking = find.by_reference(reference)
    except find.NoSuchBooking:
        return _routed(notification_id, "names no booking we have")
    with transaction():
        _compare(booking, event)
        announce("outlook.event_found", booking.id, now())
    return _routed(notification_id, "routed to the processor")


def _event_is_gone(notification_id: int, event_id: str) -> str:
    """Nothing of ours, removed by ourselves, or deleted by somebody in Outlook while the visit stands."""
    booking_id = db.session.scalar(select(OutlookLink.booking_id).where(OutlookLink.event_id == event_id))
    if booking_id is not None:
        # While the booking's own job is at work the event may be gone because it has just moved it elsewhere.
        with exclusive(LockKind.OUTLOOK, booking_id), transaction():
            link = db.session.get_one(OutlookLink, booking_id, populate_existing=True)
            # In a calendar that the visit has left, it is no loss.
            is_at_home = link.graph_user_id == link.booking.practitioner.graph_user_id
            if link.event_id == event_id and link.booking.is_confirmed and is_at_home:
                event_was_deleted(link.booking, link, now())
    return _routed(notification_id, "the event is gone")


def _compare(booking: Booking, event: GraphEvent) -> None:
    """The calendar is a hint and our database the truth: a difference becomes a task, never a silent change."""
    link = db.session.get(OutlookLink, booking.id)
    move = moved.of_event(booking, link, event) if link is not None else None
    if move is not None:
        moved.tell(move, now())
    if booking.is_confirmed and not same(event.metadata, metadata(booking)):
        log.info("sync.metadata_differs", system="graph", booking=booking.reference)


def _routed(notification_id: int, outcome: str) -> str:
    with transaction():
        row = db.session.get_one(GraphNotification, notification_id)
        row.routed_at, row.outcome = now(), outcome
    return outcome
