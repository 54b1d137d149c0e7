"""What subscribers are told: a hint that something changed, at least twice, in no promised order."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from portal.sandbox.core import Json, Sandbox
from portal.sandbox.deliveries import Builder, Outgoing
from portal.sandbox.graph.answers import public_id
from portal.sandbox.graph.calendars import FOLDER, etag

# How long a subscriber may ignore reauthorizationRequired before deliveries to it pause and are lost.
REAUTHORIZE_WITHIN = timedelta(seconds=60)


class Notifier:
    """Queues notifications for the live subscriptions of a mailbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def subscriptions(self) -> list[Json]:
        """Those that have not expired by the sandbox's clock, oldest first."""
        now = self._sandbox.now()
        known = self._sandbox.store.all("graph", "subscription")
        return [one for one in known if datetime.fromisoformat(one["expires_at"]) > now]

    def changed(self, change: str, event: Json) -> None:
        """Tell about one write. An extra `updated` follows a creation or a change, an extra `deleted` a removal."""
        extra = "deleted" if change == "deleted" else "updated"
        delay = float(self._sandbox.knob("graph", "notification_delay_seconds"))
        for subscription in self.subscriptions():
            if subscription["user_id"] != event["user_id"] or self._is_paused(subscription):
                continue
            for kind, after in ((change, delay), (extra, delay + 0.05)):
                if kind in subscription["change_types"]:
                    self._send(subscription["notification_url"], self._change(subscription, kind, event), kind, after)

    def lifecycle(self, what: str, subscription: Json) -> None:
        """Tell about the subscription itself; a removed one is gone from then on."""
        if what == "subscriptionRemoved":
            self._sandbox.store.delete("graph", "subscription", subscription["id"])
        elif what == "reauthorizationRequired":
            deadline = self._sandbox.now() + REAUTHORIZE_WITHIN
            waiting = {**subscription, "reauthorize_by": deadline.isoformat()}
            self._sandbox.store.put("graph", "subscription", subscription["id"], waiting)
        if subscription["lifecycle_url"]:
            item = {**self._envelope(subscription), "lifecycleEvent": what}
            self._send(subscription["lifecycle_url"], item, what, 0.0)

    def _is_paused(self, subscription: Json) -> bool:
        deadline = subscription["reauthorize_by"]
        return deadline is not None and datetime.fromisoformat(deadline) < self._sandbox.now()

    def _send(self, url: str, item: Json, label: str, after: float) -> None:
        self._sandbox.deliveries.send("graph", url, _builder(item), label=label, after=after)

    def _change(self, subscription: Json, kind: str, event: Json) -> Json:
        event_id = public_id(event["core"], FOLDER, subscription["is_immutable"])
        path = f"Users/{event['user_id']}/Events/{event_id}"
        data = {"@odata.type": "#Microsoft.Graph.Event", "@odata.id": path, "@odata.etag": etag(event), "id": event_id}
        return {**self._envelope(subscription), "changeType": kind, "resource": path, "resourceData": data}

    def _envelope(self, subscription: Json) -> Json:
        return {
            "subscriptionId": subscription["id"],
            "subscriptionExpirationDateTime": subscription["expires_at"],
            "clientState": subscription["client_state"],
            "tenantId": self._sandbox.settings.entra_tenant_id,
        }


def _builder(item: Json) -> Builder:
    def build(outgoing: Outgoing) -> tuple[dict[str, str], bytes]:
        # There is no signature: the client state is all that tells a true notification from a forged one.
        state = "forged" if outgoing.forged else item["clientState"]
        return {"Content-Type": "application/json"}, json.dumps({"value": [{**item, "clientState": state}]}).encode()

    return build
