"""The mail of every mailbox: drafts, what was sent, and the invitations that Exchange mails on its own."""

from __future__ import annotations

import base64
import secrets
from datetime import datetime, timedelta
from email import policy
from email.message import EmailMessage

from portal.sandbox.core import Json, Sandbox
from portal.sandbox.graph import mime
from portal.sandbox.graph.answers import GraphError, Preferences, core_of, item_not_found, new_core, public_id
from portal.sandbox.graph.zones import iso_z

DRAFTS, SENT = "D", "S"
MAX_RECIPIENTS = 500


class Post:
    """Reads and writes of stored messages. A message is a JSON document that holds its MIME in base64."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def draft(self, mailbox: Json, message: EmailMessage) -> Json:
        """Keep a message in the drafts; nothing leaves."""
        now = self._sandbox.now()
        mime.completed(message, mailbox, now)
        document = {
            "core": new_core(),
            "user_id": mailbox["id"],
            "folder": DRAFTS,
            "is_kept": True,
            "mime": base64.b64encode(message.as_bytes()).decode(),
            "message_id": str(message["Message-ID"]).strip(),
            "created_at": now.isoformat(),
            "sent_at": None,
        }
        with self._sandbox.store.lock:
            line = self._sandbox.store.get("graph", "message_line", document["message_id"]) or {"cores": []}
            line["cores"].append(document["core"])
            self._sandbox.store.put("graph", "message_line", document["message_id"], line)
            return self._write(document)

    def send_draft(self, mailbox: Json, message_id: str) -> None:
        """Send it and move it to the sent items. A sent message is no draft any more, so a second send finds none."""
        with self._sandbox.store.lock:
            document = self.get(mailbox["id"], message_id)
            if document["folder"] != DRAFTS:
                raise item_not_found()
            self._send(mailbox, document)

    def send(self, mailbox: Json, message: EmailMessage, *, keep: bool = True) -> None:
        """Send a message at once; the caller learns no id."""
        with self._sandbox.store.lock:
            self._check_sendable(mailbox, mime.completed(message, mailbox, self._sandbox.now()))
            self._send(mailbox, {**self.draft(mailbox, message), "is_kept": keep})

    def invite(self, mailbox: Json, event: Json, what: str) -> None:
        """An event with attendees mails them on every write, and no switch stops it."""
        for attendee in event["fields"]["attendees"]:
            message = EmailMessage(policy=policy.SMTP)
            message["To"] = attendee["emailAddress"]["address"]
            message["Subject"] = f"{what}: {event['fields']['subject']}"
            message.set_content(f"{event['starts_at']} to {event['ends_at']}")
            self.send(mailbox, message)

    def get(self, user_id: str, message_id: str) -> Json:
        core, folder = core_of(message_id)
        document = self._sandbox.store.get("graph", "message", core)
        is_here = document is not None and document["user_id"] == user_id and document["is_kept"]
        if document is None or not is_here or folder not in (None, document["folder"]):
            raise item_not_found()
        return document

    def all(self) -> list[Json]:
        return self._sandbox.store.all("graph", "message")

    def kept(self, user_id: str, message_id: str | None = None) -> list[Json]:
        """The messages in a mailbox, or only those with this Message-ID line."""
        if message_id is None:
            found = self.all()
        else:
            line = self._sandbox.store.get("graph", "message_line", message_id) or {"cores": []}
            found = [one for core in line["cores"] if (one := self.find(core))]
        return [one for one in found if one["user_id"] == user_id and one["is_kept"]]

    def find(self, core: str) -> Json | None:
        return self._sandbox.store.get("graph", "message", core)

    def _send(self, mailbox: Json, document: Json) -> None:
        self._check_sendable(mailbox, mime.read(base64.b64decode(document["mime"])))
        self._write({**document, "folder": SENT, "sent_at": self._sandbox.now().isoformat()})

    def _check_sendable(self, mailbox: Json, message: EmailMessage) -> None:
        recipients = mime.addresses(message, "To", "Cc", "Bcc")
        if not recipients or not all(one.username and one.domain for one in recipients):
            raise GraphError(400, "ErrorInvalidRecipients", "At least one recipient isn't valid.")
        if len(recipients) > MAX_RECIPIENTS:
            raise GraphError(400, "ErrorInvalidRecipients", f"A message has at most {MAX_RECIPIENTS} recipients.")
        senders = {one.addr_spec.lower() for one in mime.addresses(message, "From")}
        if senders != {mailbox["email"].lower()}:
            raise GraphError(
                403,
                "ErrorSendAsDenied",
                "The user account which was used to submit this request does not have the"
                " right to send mail on behalf of the specified sending account.",
            )
        self._check_rate(mailbox)

    def _check_rate(self, mailbox: Json) -> None:
        limit = self._sandbox.knob("graph", "mails_per_minute")
        if not limit:
            return
        since = self._sandbox.now() - timedelta(minutes=1)
        sent = [one["sent_at"] for one in self.all() if one["user_id"] == mailbox["id"] and one["sent_at"]]
        if sum(datetime.fromisoformat(at) > since for at in sent) >= limit:
            raise GraphError(
                429, "ApplicationThrottled", "The mailbox sends too many messages.", headers={"Retry-After": "30"}
            )

    def _write(self, document: Json) -> Json:
        document["change_key"] = secrets.token_urlsafe(18)
        document["modified_at"] = self._sandbox.now().isoformat()
        return self._sandbox.store.put("graph", "message", document["core"], document)


def shown(document: Json, prefs: Preferences) -> Json:
    """The message as Graph answers it."""
    message = mime.read(base64.b64decode(document["mime"]))
    text, html = mime.part(message, "text/plain"), mime.part(message, "text/html")
    sender = next(iter(people(message, "From")), None)
    return {
        "@odata.etag": f'W/"{document["change_key"]}"',
        "id": public_id(document["core"], document["folder"], prefs.immutable),
        "createdDateTime": iso_z(datetime.fromisoformat(document["created_at"])),
        "lastModifiedDateTime": iso_z(datetime.fromisoformat(document["modified_at"])),
        "changeKey": document["change_key"],
        "sentDateTime": iso_z(datetime.fromisoformat(document["sent_at"] or document["created_at"])),
        "hasAttachments": bool(mime.attachments(message)),
        "internetMessageId": document["message_id"],
        "subject": str(message["Subject"] or ""),
        "bodyPreview": (text or "")[:255],
        "isRead": True,
        "isDraft": document["folder"] == DRAFTS,
        "body": {"contentType": "html", "content": html}
        if html is not None and not prefs.text_body
        else {"contentType": "text", "content": text or ""},
        "from": sender,
        "sender": sender,
        "toRecipients": people(message, "To"),
        "ccRecipients": people(message, "Cc"),
        "bccRecipients": people(message, "Bcc"),
        "replyTo": people(message, "Reply-To"),
    }


def people(message: EmailMessage, header: str) -> list[Json]:
    return [
        {"emailAddress": {"name": one.display_name or one.addr_spec, "address": one.addr_spec}}
        for one in mime.addresses(message, header)
    ]
