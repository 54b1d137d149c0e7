"""After this event, run these jobs. "sync.outlook" is the function outlook() in portal/sync/jobs.py.

Each job is called with the id that the event is about. Its queue is the outside system that it talks to, so that one
system that fails never makes work for another one wait.
"""

from __future__ import annotations

REACTIONS: dict[str, list[str]] = {
    "booking.held": [],
    "booking.payment_started": [],
    "booking.payment_not_started": [],
    "booking.paid_too_late": ["payments.place_or_refund"],
    "booking.confirmed": ["notices.send_confirmation", "sync.outlook"],
    "booking.moved": ["notices.send_moved", "sync.outlook", "sync.medirecords"],
    "booking.cancelled": [
        "payments.refund_if_due",
        "sync.outlook",
        "sync.medirecords",
        "notices.send_cancelled",
    ],
    # Only confirmed visits are ever written outside, so a hold that ends leaves nothing to clean up there.
    "booking.released": [],
    "booking.expired": [],
    "booking.not_placed": ["notices.send_not_placed"],
    # What the desk does. A visit that is put back is as it was before: mails that were sent are not sent again.
    "booking.put_back": ["notices.send_confirmation", "notices.send_moved", "sync.outlook", "sync.medirecords"],
    "booking.patient_changed": ["sync.medirecords"],
    "booking.arrived": [],
    "booking.in_session": [],
    "booking.completed": [],
    "booking.set_back": [],
    "booking.did_not_arrive": ["payments.refund_if_due"],
    "booking.not_told": [],
    "booking.told_now": [],
    "booking.paid_at_clinic": [],
    "booking.payment_taken_back": [],
    "booking.confirmation_sent_again": [],
    # A held alternative is written nowhere; the visit itself is announced as moved or cancelled.
    "offer.made": ["notices.send_offer"],
    "offer.accepted": [],
    "offer.declined": [],
    "offer.lapsed": [],
    "payment.given_back": ["payments.send_refunds"],
    "stripe.notified": ["payments.apply_notification"],
    "graph.notified": ["sync.route"],
    "outlook.event_found": ["sync.medirecords"],
}

# Changes by staff can be undone for three minutes, and these wait for that long. What is written into calendars is put
# right again, so it goes at once.
CANNOT_BE_TAKEN_BACK = frozenset({"notices.send_moved", "notices.send_cancelled", "payments.refund_if_due"})

JOB_QUEUES: dict[str, str] = {
    "notices.send_confirmation": "mail",
    "notices.send_moved": "mail",
    "notices.send_cancelled": "mail",
    "notices.send_not_placed": "mail",
    "notices.send_confirmation_again": "mail",
    "notices.send_personal_link": "mail",
    "notices.send_offer": "mail",
    "payments.apply_notification": "stripe",
    "payments.check": "stripe",
    "payments.place_or_refund": "stripe",
    "payments.refund_if_due": "stripe",
    "payments.send_refunds": "stripe",
    "payments.release": "stripe",
    "payments.follow_refunds": "stripe",
    "payments.reconcile": "stripe",
    "sync.outlook": "graph",
    "sync.route": "graph",
    "sync.keep_subscription": "graph",
    "sync.reconcile_outlook": "graph",
    "sync.read_outlook_busy": "graph",
    "sync.check_outlook_busy": "graph",
    "sync.medirecords": "medirecords",
    "sync.check_mapping": "medirecords",
    "sync.reconcile_medirecords": "medirecords",
    "sync.read_medirecords_busy": "medirecords",
}

QUEUES = ("stripe", "mail", "graph", "medirecords")
