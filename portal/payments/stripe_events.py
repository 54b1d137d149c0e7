"""Stores what Stripe tells us, together with the job that acts on it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.dialects.postgresql import insert

from portal.clients import clients
from portal.db import db
from portal.integrations.stripe import StripeEvent
from portal.outbox.post import announce
from portal.payments.models import StripeNotification

ACTED_ON = ("checkout.session.", "refund.", "charge.refunded", "charge.dispute.")


def store(event: StripeEvent, now: datetime) -> None:
    """Store a verified event once. Unknown types, copies and events of the other mode cause nothing."""
    wants_live = not clients().settings.stripe_secret_key.startswith("sk_test_")
    if event.livemode != wants_live or not event.type.startswith(ACTED_ON):
        return
    stored = db.session.scalar(
        insert(StripeNotification)
        .values(
            event_id=event.id,
            type=event.type,
            object_id=event.object_id,
            payment_intent=event.payment_intent,
            livemode=event.livemode,
            received_at=now,
        )
        .on_conflict_do_nothing(index_elements=["event_id"])
        .returning(StripeNotification.id)
    )
    if stored is not None:
        announce("stripe.notified", stored, now)
