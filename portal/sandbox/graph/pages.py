"""What a person sees of Microsoft 365: the week in each calendar, the mail that was sent, who is told what."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, render_template, request

from portal.sandbox.core import Json, Panel, Sandbox
from portal.sandbox.graph import fields as event_fields
from portal.sandbox.graph import mime
from portal.sandbox.graph.answers import core_of, public_id
from portal.sandbox.graph.calendars import FOLDER, Calendars
from portal.sandbox.graph.controls import metadata
from portal.sandbox.graph.mailboxes import Mailboxes
from portal.sandbox.graph.notifications import Notifier
from portal.sandbox.graph.post import DRAFTS, Post

SHOWN = 100


def mail_pages(sandbox: Sandbox, post: Post) -> Blueprint:
    """/mail/<id>: one message as its reader would see it."""
    bp = Blueprint("mail", __name__)

    @bp.get("/mail/<message_id>")
    def show_mail(message_id: str) -> str:
        document = post.find(core_of(message_id)[0]) or abort(404)
        message = mime.read(base64.b64decode(document["mime"]))
        return render_template(
            "sandbox/graph/mail.html",
            mail=_mail_row(sandbox, document),
            headers=[(name, str(value)) for name, value in message.items()],
            text=mime.part(message, "text/plain"),
            html=mime.part(message, "text/html"),
            attachments=mime.attachments(message),
        )

    return bp


def panels(sandbox: Sandbox, mailboxes: Mailboxes, calendars: Calendars, post: Post, notifier: Notifier) -> list[Panel]:
    def weeks() -> Json:
        zone = ZoneInfo(sandbox.settings.practice_zone)
        monday = _chosen_monday(sandbox, mailboxes, calendars, zone)
        days = [monday + timedelta(days=day) for day in range(7)]
        return {
            "previous": f"{monday - timedelta(days=7):%G-W%V}",
            "week": f"{monday:%G-W%V}",
            "next": f"{monday + timedelta(days=7):%G-W%V}",
            "days": days,
            "zone": zone.key,
            "today": sandbox.now().astimezone(zone).date(),
            "show_as": event_fields.SHOW_AS,
            "calendars": [
                {
                    "id": box["id"],
                    "name": box["name"],
                    "email": box["email"],
                    "days": _days(calendars, box["id"], days, zone),
                }
                for box in mailboxes.practitioners()
            ],
        }

    def mails() -> Json:
        return {"rows": [_mail_row(sandbox, document) for document in reversed(post.all()[-SHOWN:])]}

    def subscriptions() -> Json:
        history = [one for one in sandbox.deliveries.history if one["system"] == "graph"]
        names = {box["id"]: box["name"] for box in mailboxes.all()}
        rows = [{**one, "name": names.get(one["user_id"], one["user_id"])} for one in notifier.subscriptions()]
        return {"subscriptions": rows, "notifications": history[::-1][:SHOWN]}

    return [
        Panel("Calendars", "sandbox/graph/_calendars.html", weeks),
        Panel("Mail", "sandbox/graph/_mails.html", mails),
        Panel("Subscriptions and notifications", "sandbox/graph/_subscriptions.html", subscriptions),
    ]


def _chosen_monday(sandbox: Sandbox, mailboxes: Mailboxes, calendars: Calendars, zone: ZoneInfo) -> date:
    """`?week=2026-W10`, else the week of the next event, else this week."""
    try:
        return datetime.strptime(f"{request.args.get('week', '')}-1", "%G-W%V-%u").replace(tzinfo=UTC).date()
    except ValueError:
        now = sandbox.now()
        starts = [
            datetime.fromisoformat(event["starts_at"])
            for box in mailboxes.practitioners()
            for event in calendars.live(box["id"])
            if datetime.fromisoformat(event["ends_at"]) > now
        ]
        day = min(starts, default=now).astimezone(zone).date()
        return day - timedelta(days=day.weekday())


def _days(calendars: Calendars, user_id: str, days: list[date], zone: ZoneInfo) -> list[list[Json]]:
    """The events of each day, by the day they start on."""
    first = datetime.combine(days[0], datetime.min.time(), zone)
    last = datetime.combine(days[-1] + timedelta(days=1), datetime.min.time(), zone)
    rows = [_event_row(event, zone) for event in calendars.between(user_id, first, last)]
    by_day = {day: list(group) for day, group in groupby(rows, key=lambda row: row["starts_at"].date())}
    return [by_day.get(day, []) for day in days]


def _event_row(event: Json, zone: ZoneInfo) -> Json:
    fields = event["fields"]
    return {
        "id": public_id(event["core"], FOLDER, immutable=True),
        "is_of_series": event["series"] is not None,
        "starts_at": datetime.fromisoformat(event["starts_at"]).astimezone(zone),
        "ends_at": datetime.fromisoformat(event["ends_at"]).astimezone(zone),
        "subject": fields["subject"],
        "location": fields["location"].get("displayName", ""),
        "show_as": fields["showAs"],
        "is_private": fields["sensitivity"] == "private",
        "is_all_day": fields["isAllDay"],
        "metadata": metadata(event),
    }


def _mail_row(sandbox: Sandbox, document: Json) -> Json:
    message = mime.read(base64.b64decode(document["mime"]))
    at = datetime.fromisoformat(document["sent_at"] or document["created_at"])
    return {
        "id": public_id(document["core"], document["folder"], immutable=True),
        "at": at.astimezone(ZoneInfo(sandbox.settings.practice_zone)),
        "is_draft": document["folder"] == DRAFTS,
        "sender": str(message["From"] or ""),
        "to": ", ".join(one.addr_spec for one in mime.addresses(message, "To", "Cc", "Bcc")),
        "subject": str(message["Subject"] or ""),
        "attachments": [one["name"] or one["type"] for one in mime.attachments(message)],
    }
