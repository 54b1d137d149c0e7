"""Who has a mailbox, who may reach it, and how many calls it bears at once."""

from __future__ import annotations

import threading
from collections import Counter

from portal.sandbox.core import Json, Sandbox
from portal.sandbox.graph.answers import GraphError


class Mailboxes:
    """The mailboxes of the tenant, found by user id or by address."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._busy: Counter[str] = Counter()
        self._lock = threading.Lock()

    def seed(self, people: Json) -> None:
        """A mailbox for every practitioner, and one that sends mail."""
        for person in people.get("practitioners", []):
            self._put(person, kind="practitioner")
        if people.get("sender"):
            self._put(people["sender"], kind="sender")

    def get(self, key: str) -> Json:
        """The mailbox of a user id or address. Raises Graph's own refusals."""
        mailbox = self.find(key)
        if mailbox is None:
            raise GraphError(
                404,
                "MailboxNotEnabledForRESTAPI",
                "The mailbox is either inactive, soft-deleted, or hosted on-premise.",
            )
        allowed = self._sandbox.knob("graph", "allowed_mailboxes")
        if allowed is not None and not {mailbox["id"], mailbox["email"]} & set(allowed):
            raise GraphError(403, "ErrorAccessDenied", "Access to OData is disabled.")
        return mailbox

    def find(self, key: str) -> Json | None:
        direct = self._sandbox.store.get("graph", "mailbox", key)
        return direct or next((box for box in self.all() if box["email"].lower() == key.lower()), None)

    def all(self) -> list[Json]:
        return self._sandbox.store.all("graph", "mailbox")

    def practitioners(self) -> list[Json]:
        return [box for box in self.all() if box["kind"] == "practitioner"]

    def enter(self, key: str) -> None:
        """Count a call in; Exchange bears only a few at once per app and mailbox."""
        with self._lock:
            if self._busy[key] >= self._sandbox.knob("graph", "max_concurrent_calls"):
                raise GraphError(
                    429,
                    "ApplicationThrottled",
                    "Application is over its MailboxConcurrency limit.",
                    headers={"Retry-After": "2.128"},
                )
            self._busy[key] += 1

    def leave(self, key: str) -> None:
        with self._lock:
            self._busy[key] -= 1

    def _put(self, person: Json, kind: str) -> None:
        mailbox = {"id": person["graph_user_id"], "email": person["email"], "name": person["name"], "kind": kind}
        self._sandbox.store.put("graph", "mailbox", mailbox["id"], mailbox)
