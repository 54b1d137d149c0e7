"""Mail as MIME: built from Graph's JSON, read back for Graph's answers, the pages and the ledger."""

from __future__ import annotations

import base64
import binascii
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Any

from portal.sandbox.core import Json
from portal.sandbox.graph.answers import GraphError, bad_property

LINES = {"toRecipients": "To", "ccRecipients": "Cc", "bccRecipients": "Bcc", "replyTo": "Reply-To"}
WRITABLE = {*LINES, "subject", "body", "from", "sender", "importance", "internetMessageHeaders", "attachments"}
MAX_ATTACHMENTS = 3 * 1024 * 1024


def from_base64(body: bytes) -> EmailMessage:
    """The MIME message of a text/plain request."""
    try:
        raw = base64.b64decode(body.strip(), validate=True)
    except binascii.Error:
        raise _not_base64() from None
    message = read(raw)
    if not raw or message.defects or not message.keys():
        raise GraphError(400, "ErrorMimeContentInvalid", "The MIME content is invalid.")
    return message


def from_json(sent: Json) -> EmailMessage:
    """The MIME message that Exchange would make of a JSON message."""
    if unknown := set(sent) - WRITABLE:
        raise GraphError(400, "RequestBodyRead", f"The property '{min(unknown)}' cannot be written on a message.")
    message = EmailMessage(policy=policy.SMTP)
    message["Subject"] = str(sent.get("subject", ""))
    for name, header in LINES.items():
        if sent.get(name):
            message[header] = ", ".join(str(_address(one)) for one in sent[name])
    if sent.get("from"):
        message["From"] = str(_address(sent["from"]))
    for header in sent.get("internetMessageHeaders", []):
        if not str(header.get("name")).lower().startswith("x-"):
            raise GraphError(
                400,
                "InvalidInternetMessageHeader",
                f"The internet message header name '{header.get('name')}' should start with 'x-' or 'X-'.",
            )
        message[header["name"]] = str(header.get("value", ""))
    body = sent.get("body") or {}
    is_html = str(body.get("contentType", "text")).lower() == "html"
    message.set_content(str(body.get("content", "")), subtype="html" if is_html else "plain")
    for attachment in sent.get("attachments", []):
        _attach(message, attachment)
    return message


def read(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, _class=EmailMessage, policy=policy.SMTP)


def completed(message: EmailMessage, mailbox: Json, sent_at: Any) -> EmailMessage:
    """With the lines that Exchange adds when they are missing."""
    if "From" not in message:
        message["From"] = str(Address(mailbox["name"], addr_spec=mailbox["email"]))
    if "Message-ID" not in message:
        message["Message-ID"] = make_msgid(domain="sandbox.prod.outlook.example.com")
    if "Date" not in message:
        message["Date"] = format_datetime(sent_at)
    return message


def addresses(message: EmailMessage, *headers: str) -> list[Address]:
    return [one for name in headers for line in message.get_all(name, []) for one in line.addresses]


def part(message: EmailMessage, content_type: str) -> str | None:
    """The first part of this type, attached or not."""
    for one in message.walk():
        if one.get_content_type() == content_type:
            return _content(one)
    return None


def attachments(message: EmailMessage) -> list[Json]:
    """Name, type and (where it is text) content of each attachment."""
    return [
        {
            "name": one.get_filename() or "",
            "type": one.get_content_type(),
            "text": _content(one) if one.get_content_maintype() == "text" else None,
        }
        for one in message.iter_attachments()
    ]


def _content(one: Any) -> str:
    """The text of a part; a charset that nobody knows must not break the page that shows the mail."""
    payload = one.get_payload(decode=True) or b""
    return str(payload.decode(one.get_content_charset("utf-8"), "replace")).replace("\r\n", "\n")


def _address(recipient: Any) -> Address:
    try:
        known = recipient["emailAddress"]
        return Address(str(known.get("name", "")), addr_spec=known["address"])
    except (AttributeError, TypeError, KeyError, ValueError, IndexError):
        raise GraphError(400, "ErrorInvalidRecipients", "At least one recipient isn't valid.") from None


def _attach(message: EmailMessage, attachment: Json) -> None:
    if attachment.get("@odata.type") != "#microsoft.graph.fileAttachment":
        raise bad_property("attachments", "has an item that is no fileAttachment")
    try:
        content = base64.b64decode(str(attachment.get("contentBytes")), validate=True)
    except binascii.Error:
        raise bad_property("attachments", "has contentBytes that are no base64") from None
    if len(content) >= MAX_ATTACHMENTS:
        raise GraphError(413, "ErrorMessageSizeExceeded", "The attachment is too large for an inline upload.")
    one = EmailMessage(policy=policy.SMTP)
    one["Content-Type"] = attachment.get("contentType") or "application/octet-stream"
    one["Content-Transfer-Encoding"] = "base64"
    one["Content-Disposition"] = f'attachment; filename="{attachment.get("name", "")}"'
    one.set_payload(base64.encodebytes(content).decode())
    if not message.is_multipart():
        message.make_mixed()
    message.attach(one)


def _not_base64() -> GraphError:
    return GraphError(400, "ErrorMimeContentInvalidBase64String", "Invalid base64 string for MIME content.")
