"""What is true when all is quiet: our database, and every ledger of the sandbox, read past the portal's own code."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
import requests
from psycopg.rows import dict_row

from tests.support.sandbox import Controls

Row = dict[str, Any]
STRIPE_KEY = {"Authorization": "Bearer sk_test_sandbox"}

VISITS = """
    select b.id, b.reference, b.status, b.practitioner_id, b.room_id, b.starts_at, b.ends_at, b.overlap_allowed,
        lower(b.blocked) as blocked_from, upper(b.blocked) as blocked_until, b.held_at, b.hold_expires_at,
        b.confirmed_at, b.cancelled_at, b.cancelled_by, b.version, b.terms, p.slug as practitioner,
        p.graph_user_id, p.medirecords_provider_id, pr.kind as processor
    from booking b
    join practitioner p on p.id = b.practitioner_id
    join appointment_type t on t.id = b.appointment_type_id
    left join processor pr on pr.service_id = t.service_id
    order by b.id"""
HISTORY = """
    select b.reference, e.at, e.name || ' by ' || e.by || ' ' || e.data::text as what
    from booking_event e join booking b on b.id = e.booking_id
    union all
    select b.reference, coalesce(m.sent_at, m.attempted_at, m.created_at),
        'mail ' || m.kind || case when m.sent_at is null then ' not sent' else ' sent' end
    from message m join booking b on b.id = m.booking_id
    union all
    select b.reference, p.created_at, 'payment ' || p.state || ' ' || coalesce(p.session_id, 'without session')
    from payment p join booking b on b.id = p.booking_id
    union all
    select b.reference, r.created_at, 'refund ' || r.cause || ' ' || r.amount_cents || ' ' || r.state
    from refund r join payment p on p.id = r.payment_id join booking b on b.id = p.booking_id
    union all
    select b.reference, r.started_at, 'processor ' || r.state || ' ' || r.steps::text
    from processor_run r join booking b on b.id = r.booking_id
    union all
    select b.reference, o.created_at, 'job ' || o.job || ' tries ' || o.attempts || ' ' || o.last_error
        || case when o.done_at is null then ' not done' else '' end
    from outbox o join booking b on o.args ->> 0 = b.id::text
    where o.job like 'notices.%' or o.job in ('sync.outlook', 'sync.medirecords', 'payments.release',
        'payments.refund_if_due', 'payments.place_or_refund')
    order by 2"""
OUTBOX = "select id, job, args, queue, attempts, last_error, parked_at from outbox where done_at is null order by id"
MESSAGES = "select m.message_id, m.kind, b.reference from message m join booking b on b.id = m.booking_id"
TASKS = """
    select t.kind, t.words, t.done_at, b.reference from staff_task t
    left join booking b on b.id = t.booking_id order by t.id"""


@dataclass
class Facts:
    """Rows as they were found. `history` is what the portal wrote down about each booking, for a person to read."""

    visits: list[Row]
    outbox: list[Row] = field(default_factory=list)
    messages: list[Row] = field(default_factory=list)
    tasks: list[Row] = field(default_factory=list)
    history: dict[str, list[str]] = field(default_factory=dict)
    sessions: list[Row] = field(default_factory=list)
    refunds: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    appointments: list[Row] = field(default_factory=list)
    mails: list[Row] = field(default_factory=list)
    now: datetime | None = None


def read(database_url: str, sandbox: Controls) -> Facts:
    """Everything there is."""
    with psycopg.connect(database_url, row_factory=dict_row) as connection:

        def rows(query: str) -> list[Row]:
            return connection.execute(query).fetchall()

        history: dict[str, list[str]] = {}
        for row in rows(HISTORY):
            history.setdefault(row["reference"], []).append(f"{row['at']:%d %H:%M:%S.%f} {row['what']}")
        facts = Facts(rows(VISITS), rows(OUTBOX), rows(MESSAGES), rows(TASKS), history)
    facts.sessions = stripe_list(sandbox, "checkout/sessions")
    facts.refunds = stripe_list(sandbox, "refunds")
    facts.events = sandbox.get("/_emu/graph/events")
    facts.appointments = sandbox.get("/_emu/medirecords/appointments")
    facts.mails = sandbox.get("/_emu/graph/messages")
    facts.now = datetime.fromisoformat(sandbox.get("/_emu/clock")["now"])
    return facts


def visits(database_url: str) -> list[Row]:
    """Only our bookings, for a look in between."""
    with psycopg.connect(database_url, row_factory=dict_row, connect_timeout=2) as connection:
        return connection.execute(VISITS).fetchall()


def stripe_list(sandbox: Controls, path: str) -> list[Row]:
    """All pages of one of Stripe's lists, as anybody with the key would read them."""
    found: list[Row] = []
    params: dict[str, Any] = {"limit": 100}
    while True:
        answer = requests.get(f"{sandbox.url}/stripe/v1/{path}", params=params, headers=STRIPE_KEY, timeout=20)
        answer.raise_for_status()
        found += answer.json()["data"]
        if not answer.json()["has_more"]:
            return found
        params["starting_after"] = found[-1]["id"]
