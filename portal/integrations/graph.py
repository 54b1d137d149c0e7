"""Microsoft Graph: the practitioners' Outlook calendars, and subscriptions to their changes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from portal.integrations.entra import AppTokens
from portal.integrations.graph_busy import (
    ENTRY_FIELDS,
    CalendarEntry,
    Change,
    Changes,
    RoundsAreOver,
    ScheduleItem,
    ScheduleUnknown,
    changes_of,
    entry_of,
    schedule_of,
)
from portal.integrations.graph_calls import Calls, literal, quoted
from portal.integrations.graph_mail import GraphMail
from portal.integrations.graph_values import (
    METADATA_PROPERTY,
    NO_MAILBOX,
    AlreadySubscribed,
    Conflict,
    DuplicateTransaction,
    EventSpec,
    GraphEvent,
    Json,
    Subscription,
    event_body,
    event_of,
    instant,
    json_of,
    subscription_of,
)
from portal.integrations.http import NotFound, Permanent

__all__ = [
    "METADATA_PROPERTY",
    "NO_MAILBOX",
    "AlreadySubscribed",
    "AppTokens",
    "CalendarEntry",
    "Change",
    "Changes",
    "Conflict",
    "EventSpec",
    "Graph",
    "GraphEvent",
    "RoundsAreOver",
    "ScheduleItem",
    "ScheduleUnknown",
    "Subscription",
]

EXPANDED = f"singleValueExtendedProperties($filter=id eq '{METADATA_PROPERTY}')"
SELECTED = "id,subject,start,end,transactionId,showAs,isAllDay,isCancelled,sensitivity,type,createdDateTime"


class Graph:
    """A thin client; `mail` is its part for mail. `user_id` is an object id or an address, ids of items are immutable.

    Raises NotFound, Conflict, Transient (with Graph's own wish in `retry_after`), Ambiguous when a write may have
    taken effect, and Permanent for the rest.
    """

    def __init__(self, *, base_url: str, tokens: AppTokens) -> None:
        self._calls = Calls(base_url, tokens)
        self.mail = GraphMail(self._calls)

    # https://learn.microsoft.com/graph/api/calendar-post-events
    def create_event(self, user_id: str, spec: EventSpec, *, transaction_id: str) -> GraphEvent:
        """Create an event, once per transaction id: a repeat answers with the event that is there, as it is now.

        Raises NotFound if that event has been deleted since.
        """
        body = {
            **event_body(spec),
            "transactionId": transaction_id,
            "sensitivity": "private",
            "showAs": "busy",
            "isReminderOn": False,
        }
        try:
            answer = self._calls.call("POST", f"/users/{quoted(user_id)}/events", "/users/{id}/events", json=body)
        except DuplicateTransaction as duplicate:
            return self._existing_event(user_id, spec, transaction_id, duplicate.existing_id)
        return self._written(user_id, json_of(answer), spec)

    # https://learn.microsoft.com/graph/api/event-update
    def update_event(self, user_id: str, event_id: str, spec: EventSpec, *, etag: str | None = None) -> GraphEvent:
        """Make an event what `spec` says. With an etag only if nobody has changed it since, else Conflict."""
        answer = self._calls.call(
            "PATCH", *_event_path(user_id, event_id), json=event_body(spec), headers={"If-Match": etag} if etag else {}
        )
        return replace(event_of(json_of(answer)), metadata=dict(spec.metadata))

    # https://learn.microsoft.com/graph/api/event-delete
    def delete_event(self, user_id: str, event_id: str) -> None:
        """Remove an event; one that is gone already is as good."""
        with contextlib.suppress(NotFound):
            self._calls.call("DELETE", *_event_path(user_id, event_id))

    # https://learn.microsoft.com/graph/api/event-get
    def get_event(self, user_id: str, event_id: str) -> GraphEvent:
        query = {"$select": SELECTED, "$expand": EXPANDED}
        return event_of(json_of(self._calls.call("GET", *_event_path(user_id, event_id), query=query)))

    # https://learn.microsoft.com/graph/api/singlevaluelegacyextendedproperty-get
    def find_events(self, user_id: str, reference: str) -> list[GraphEvent]:
        """The events that carry this booking reference in our property, oldest first."""
        wanted = literal(f'"b":{json.dumps(reference)}')
        own = f"ep/id eq {literal(METADATA_PROPERTY)} and contains(ep/value, {wanted})"
        query = {"$filter": f"singleValueExtendedProperties/Any(ep: {own})", "$select": SELECTED, "$expand": EXPANDED}
        rows = self._calls.pages(f"/users/{quoted(user_id)}/events", "/users/{id}/events", query)
        return sorted((event_of(row) for row in rows), key=lambda event: event.created_at)

    # https://learn.microsoft.com/graph/api/user-list-calendarview
    def events_between(self, user_id: str, starts_at: datetime, ends_at: datetime) -> list[GraphEvent]:
        """Every event of the default calendar that touches the range, ours with their property, oldest first."""
        # Without $select: in this view it leaves out when an event was created, even if asked for.
        query = {
            "startDateTime": instant(starts_at),
            "endDateTime": instant(ends_at),
            "$expand": EXPANDED,
            "$top": "100",
        }
        rows = self._calls.pages(f"/users/{quoted(user_id)}/calendarView", "/users/{id}/calendarView", query)
        return sorted((event_of(row) for row in rows), key=lambda event: event.created_at)

    # https://learn.microsoft.com/graph/api/user-list-calendarview
    def entries_between(self, user_id: str, starts_at: datetime, ends_at: datetime) -> list[CalendarEntry]:
        """What takes time in the default calendar in this range: single events, and series as their occurrences."""
        window = {"startDateTime": instant(starts_at), "endDateTime": instant(ends_at)}
        query = {**window, "$select": ENTRY_FIELDS, "$expand": EXPANDED, "$top": "250"}
        rows = self._calls.pages(f"/users/{quoted(user_id)}/calendarView", "/users/{id}/calendarView", query)
        return [entry_of(row) for row in rows]

    # https://learn.microsoft.com/graph/api/event-get
    def get_entry(self, user_id: str, event_id: str) -> CalendarEntry:
        query = {"$select": ENTRY_FIELDS, "$expand": EXPANDED}
        return entry_of(json_of(self._calls.call("GET", *_event_path(user_id, event_id), query=query)))

    # https://learn.microsoft.com/graph/api/event-delta
    def first_round(self, user_id: str, starts_at: datetime, ends_at: datetime) -> Changes:
        """Everything in a window of the default calendar. The window is frozen: later rounds look into the same one."""
        window = {"startDateTime": instant(starts_at), "endDateTime": instant(ends_at)}
        return self._round(f"/users/{quoted(user_id)}/calendarView/delta", window)

    def next_round(self, delta_link: str) -> Changes:
        """What changed since the round that ended with this link; rows may be repeated, and say little of a series.

        Raises RoundsAreOver, also for a link of another Graph than ours.
        """
        try:
            path = self._calls.path_of(delta_link)
        except Permanent as elsewhere:
            raise RoundsAreOver("graph", elsewhere.code) from None
        return self._round(path, None)

    # https://learn.microsoft.com/graph/api/calendar-getschedule
    def schedule(self, user_id: str, address: str, starts_at: datetime, ends_at: datetime) -> list[ScheduleItem]:
        """Free/busy of an address over less than 42 days. Raises ScheduleUnknown when Graph does not say."""
        body = {
            "schedules": [address],
            "startTime": {"dateTime": instant(starts_at).removesuffix("Z"), "timeZone": "UTC"},
            "endTime": {"dateTime": instant(ends_at).removesuffix("Z"), "timeZone": "UTC"},
            "availabilityViewInterval": 60,
        }
        path = f"/users/{quoted(user_id)}/calendar/getSchedule"
        return schedule_of(json_of(self._calls.call("POST", path, "/users/{id}/calendar/getSchedule", json=body)))

    # https://learn.microsoft.com/graph/api/subscription-post-subscriptions
    def create_subscription(
        self, *, user_id: str, notification_url: str, lifecycle_url: str, client_state: str, expires_at: datetime
    ) -> Subscription:
        """Subscribe to all changes of a calendar. Graph calls both urls before it answers: serve them elsewhere."""
        body = {
            "changeType": "created,updated,deleted",
            "resource": f"users/{user_id}/events",
            "notificationUrl": notification_url,
            "lifecycleNotificationUrl": lifecycle_url,
            "clientState": client_state,
            "expirationDateTime": instant(expires_at),
            "latestSupportedTlsVersion": "v1_2",
        }
        try:
            return subscription_of(json_of(self._calls.call("POST", "/subscriptions", "/subscriptions", json=body)))
        except Permanent as error:
            if error.status == 409:
                raise AlreadySubscribed("graph", error.code, status=409) from error
            raise

    # https://learn.microsoft.com/graph/api/subscription-update
    def renew_subscription(self, subscription_id: str, expires_at: datetime) -> Subscription:
        """Renew and reauthorize at once. Raises NotFound for one that has lapsed."""
        body = {"expirationDateTime": instant(expires_at)}
        return subscription_of(json_of(self._calls.call("PATCH", *_subscription_path(subscription_id), json=body)))

    # https://learn.microsoft.com/graph/api/subscription-delete
    def delete_subscription(self, subscription_id: str) -> None:
        with contextlib.suppress(NotFound):
            self._calls.call("DELETE", *_subscription_path(subscription_id))

    # https://learn.microsoft.com/graph/api/subscription-list
    def list_subscriptions(self) -> list[Subscription]:
        """All of ours, whatever they are about."""
        return [subscription_of(row) for row in self._calls.pages("/subscriptions", "/subscriptions", {})]

    def _round(self, path: str, window: Mapping[str, str] | None) -> Changes:
        try:
            rows, last = self._calls.round(path, "/users/{id}/calendarView/delta", window, page_size=50)
        except Permanent as error:
            if error.status == 410 or error.code.lower() in ("resyncrequired", "syncstatenotfound"):
                raise RoundsAreOver("graph", error.code, status=error.status) from error
            raise
        return changes_of(rows, last["@odata.deltaLink"])

    def _existing_event(
        self, user_id: str, spec: EventSpec, transaction_id: str, existing_id: str | None
    ) -> GraphEvent:
        """The event behind a used transaction id: by Graph's word, else by our property, else by its time."""
        if existing_id:
            return self.get_event(user_id, existing_id)
        for event in self.find_events(user_id, str(spec.metadata.get("b", ""))):
            if event.transaction_id == transaction_id:
                return event
        view = {"startDateTime": instant(spec.starts_at), "endDateTime": instant(spec.ends_at)}
        query = {**view, "$expand": EXPANDED, "$top": "50"}
        for row in self._calls.pages(f"/users/{quoted(user_id)}/calendarView", "/users/{id}/calendarView", query):
            if row.get("transactionId") == transaction_id:
                return event_of(row)
        raise NotFound("graph", "ErrorDuplicateTransactionId")

    def _written(self, user_id: str, row: Json, spec: EventSpec) -> GraphEvent:
        """The event of a 201. It may be an older one of the same transaction id, and it never shows our property."""
        event = replace(event_of(row), metadata=dict(spec.metadata))
        is_ours = (event.starts_at, event.ends_at) == (spec.starts_at, spec.ends_at) and event.subject == spec.subject
        return event if is_ours else self.get_event(user_id, event.id)


def _event_path(user_id: str, event_id: str) -> tuple[str, str]:
    return f"/users/{quoted(user_id)}/events/{quoted(event_id)}", "/users/{id}/events/{id}"


def _subscription_path(subscription_id: str) -> tuple[str, str]:
    return f"/subscriptions/{quoted(subscription_id)}", "/subscriptions/{id}"
