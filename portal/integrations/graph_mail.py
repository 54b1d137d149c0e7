"""Mail through Microsoft Graph: a draft first, which can be found again, and then sent."""

from __future__ import annotations

import base64

from portal.integrations.graph_calls import Calls, literal, quoted
from portal.integrations.graph_values import Draft, draft_of, json_of
from portal.integrations.http import NotFound


class GraphMail:
    """A thin client. `sender` is an object id or an address, ids of messages are immutable. Raises as Graph does."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    # https://learn.microsoft.com/graph/api/user-post-messages
    def create_draft(self, sender: str, mime: bytes) -> str:
        """Put a whole MIME message into the drafts and answer its id. Nothing is sent."""
        answer = self._calls.call(
            "POST",
            f"/users/{quoted(sender)}/messages",
            "/users/{id}/messages",
            data=base64.b64encode(mime),
            headers={"Content-Type": "text/plain"},
        )
        return str(json_of(answer)["id"])

    # https://learn.microsoft.com/graph/api/user-list-messages
    def find_message(self, sender: str, internet_message_id: str) -> Draft | None:
        """The message with this Message-ID line; the sent one if there are a sent one and a draft."""
        query = {"$filter": f"internetMessageId eq {literal(internet_message_id)}", "$select": "id,isDraft"}
        rows = self._calls.pages(f"/users/{quoted(sender)}/messages", "/users/{id}/messages", query)
        return min(map(draft_of, rows), key=lambda message: message.is_draft, default=None)

    # https://learn.microsoft.com/graph/api/message-get
    def get_message(self, sender: str, message_id: str) -> Draft:
        path, template = _message_path(sender, message_id)
        return draft_of(json_of(self._calls.call("GET", path, template, query={"$select": "id,isDraft"})))

    # https://learn.microsoft.com/graph/api/message-send
    def send_draft(self, sender: str, draft_id: str) -> None:
        """Send a draft; one that was sent before is left alone. Raises NotFound if there is no such message."""
        path, template = _message_path(sender, draft_id)
        try:
            self._calls.call("POST", f"{path}/send", f"{template}/send")
        except NotFound:
            # A sent message has left the drafts, but keeps its immutable id.
            if self.get_message(sender, draft_id).is_draft:
                raise


def _message_path(sender: str, message_id: str) -> tuple[str, str]:
    return f"/users/{quoted(sender)}/messages/{quoted(message_id)}", "/users/{id}/messages/{id}"
