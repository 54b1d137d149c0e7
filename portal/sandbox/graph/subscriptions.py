"""Subscriptions over HTTP: the handshake, the limits, renewal and removal."""

from __future__ import annotations

import re
import uuid
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote_plus, urlsplit

import requests
from flask import Blueprint, Response, g, jsonify, make_response

from portal.sandbox.core import Json, Sandbox
from portal.sandbox.graph.answers import GraphError, graph_root, item_not_found, json_body, preferences
from portal.sandbox.graph.mailboxes import Mailboxes
from portal.sandbox.graph.notifications import Notifier
from portal.sandbox.graph.zones import iso_z, read_instant

LONGEST = timedelta(minutes=10_070)
HANDSHAKE_SECONDS = 10
RESOURCE = re.compile(r"/?users/([^/]+)/events", re.IGNORECASE)
CHANGE_TYPES = {"created", "updated", "deleted"}
KNOWN = {
    "changeType",
    "resource",
    "notificationUrl",
    "lifecycleNotificationUrl",
    "expirationDateTime",
    "clientState",
    "latestSupportedTlsVersion",
}


def add_subscription_routes(api: Blueprint, sandbox: Sandbox, mailboxes: Mailboxes, notifier: Notifier) -> None:
    """/subscriptions and below. An app sees its own only."""

    @api.post("/subscriptions")
    def subscribe() -> Response:
        wanted = read_wanted(json_body())
        refuse_duplicate(wanted)
        for url in (wanted["notification_url"], wanted["lifecycle_url"]):
            if url:
                shake_hands(url)
        subscription = sandbox.store.put("graph", "subscription", wanted["id"], wanted)
        response = jsonify({**shown(subscription), "clientState": subscription["client_state"]})
        response.status_code = 201
        return response

    @api.get("/subscriptions")
    def list_subscriptions() -> Response:
        rows = [shown(one) for one in notifier.subscriptions() if one["app_id"] == g.app_id]
        return jsonify({"@odata.context": f"{graph_root()}/$metadata#subscriptions", "value": rows})

    @api.get("/subscriptions/<subscription_id>")
    def read_subscription(subscription_id: str) -> Response:
        return jsonify(shown(own(subscription_id)))

    @api.patch("/subscriptions/<subscription_id>")
    def renew(subscription_id: str) -> Response:
        subscription, sent = own(subscription_id), json_body()
        if set(sent) != {"expirationDateTime"}:
            raise GraphError(400, "InvalidRequest", "Only expirationDateTime can be changed.")
        subscription |= {"expires_at": expiry(sent).isoformat(), "reauthorize_by": None}
        return jsonify(shown(sandbox.store.put("graph", "subscription", subscription_id, subscription)))

    @api.post("/subscriptions/<subscription_id>/reauthorize")
    def reauthorize(subscription_id: str) -> Response:
        sandbox.store.put("graph", "subscription", subscription_id, {**own(subscription_id), "reauthorize_by": None})
        return make_response("", 204)

    @api.delete("/subscriptions/<subscription_id>")
    def unsubscribe(subscription_id: str) -> Response:
        sandbox.store.delete("graph", "subscription", own(subscription_id)["id"])
        return make_response("", 204)

    def own(subscription_id: str) -> Json:
        for one in notifier.subscriptions():
            if one["id"] == subscription_id and one["app_id"] == g.app_id:
                return one
        raise item_not_found()

    def read_wanted(sent: Json) -> Json:
        if unknown := set(sent) - KNOWN:
            raise GraphError(400, "InvalidRequest", f"The property '{min(unknown)}' is not supported.")
        for name in ("changeType", "resource", "notificationUrl", "expirationDateTime"):
            if not isinstance(sent.get(name), str):
                raise GraphError(400, "InvalidRequest", f"Subscription {name} is required.")
        if len(sent.get("clientState") or "") > 128:
            raise extension_error("Client state must be at most 128 characters.")
        if sent.get("latestSupportedTlsVersion", "v1_2") not in ("v1_0", "v1_1", "v1_2", "v1_3"):
            raise extension_error("latestSupportedTlsVersion is invalid.")
        return {
            "id": str(uuid.uuid4()),
            "app_id": g.app_id,
            "user_id": mailbox_of(sent["resource"])["id"],
            "resource": sent["resource"],
            "change_types": change_types(sent["changeType"]),
            "notification_url": checked_url(sent["notificationUrl"]),
            "lifecycle_url": checked_url(sent["lifecycleNotificationUrl"])
            if sent.get("lifecycleNotificationUrl")
            else None,
            "client_state": sent.get("clientState"),
            "tls": sent.get("latestSupportedTlsVersion", "v1_2"),
            "is_immutable": preferences().immutable,
            "expires_at": expiry(sent).isoformat(),
            "reauthorize_by": None,
        }

    def mailbox_of(resource: str) -> Json:
        if resource.lstrip("/").lower().startswith("me/"):
            raise GraphError(400, "ExtensionError", "/me request is only valid with delegated authentication flow.")
        match = RESOURCE.fullmatch(resource)
        if match is None:
            raise extension_error("Subscribing to this resource is not allowed.")
        return mailboxes.get(match[1])

    def expiry(sent: Json) -> datetime:
        at, now = read_instant(sent.get("expirationDateTime"), "expirationDateTime"), sandbox.now()
        if at <= now:
            raise extension_error("Subscription expiration must be in the future.")
        if at > now + LONGEST:
            raise extension_error("Subscription expiration can only be 10070 minutes in the future.")
        return at

    def refuse_duplicate(wanted: Json) -> None:
        for one in notifier.subscriptions():
            if all(one[name] == wanted[name] for name in ("app_id", "user_id", "change_types")):
                message = f"Subscription Id <{one['id']}> already exists for the requested combination"
                raise GraphError(409, "ExtensionError", message)

    def shown(subscription: Json) -> Json:
        """Without the client state: who may list subscriptions need not learn what proves a notification."""
        return {
            "id": subscription["id"],
            "resource": subscription["resource"],
            "applicationId": subscription["app_id"],
            "creatorId": subscription["app_id"],
            "changeType": ",".join(subscription["change_types"]),
            "clientState": None,
            "notificationUrl": subscription["notification_url"],
            "lifecycleNotificationUrl": subscription["lifecycle_url"],
            "expirationDateTime": iso_z(datetime.fromisoformat(subscription["expires_at"])),
            "latestSupportedTlsVersion": subscription["tls"],
            "notificationQueryOptions": None,
            "includeResourceData": False,
            "encryptionCertificate": None,
            "encryptionCertificateId": None,
            "notificationUrlAppId": None,
        }


def extension_error(message: str) -> GraphError:
    return GraphError(400, "ExtensionError", message)


def change_types(raw: str) -> list[str]:
    kinds = sorted({kind.strip().lower() for kind in raw.split(",")})
    if not set(kinds) <= CHANGE_TYPES:
        raise extension_error("changeType is not supported.")
    return kinds


def checked_url(raw: Any) -> str:
    parts = urlsplit(str(raw))
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1")):
        return str(raw)
    raise extension_error("The notification URL must use https.")


def shake_hands(url: str) -> None:
    """Ask the endpoint to echo a token, as a caller that trusts nobody. It has ten seconds."""
    token = f"Validation: Testing client application reachability for subscription Request-Id: {uuid.uuid4()} 100%+ok"
    joined = f"{url}{'&' if urlsplit(url).query else '?'}validationToken={quote_plus(token)}"
    headers = {"Content-Type": "text/plain; charset=utf-8"}
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(joined, data=b"", headers=headers, timeout=HANDSHAKE_SECONDS, allow_redirects=False)
    except requests.Timeout:
        raise GraphError(400, "InvalidRequest", "Subscription validation request timed out.") from None
    except requests.RequestException:
        raise _handshake_failed() from None
    is_text = answer.headers.get("Content-Type", "").split(";")[0].strip() == "text/plain"
    if answer.status_code != 200 or not is_text or answer.text != token:
        raise _handshake_failed()


def _handshake_failed() -> GraphError:
    return GraphError(
        400,
        "InvalidRequest",
        "Subscription validation request failed. Notification endpoint must respond with 200 OK to validation request.",
    )
