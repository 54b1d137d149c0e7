"""The invented people of a small clinic in Microsoft 365, and the portal's client on the running sandbox."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from portal.config import LOCAL_IDS, LOCAL_SECRETS
from portal.integrations.entra import AppTokens, TokenCacheStore
from portal.integrations.graph import EventSpec, Graph
from tests.support.sandbox import RunningSandbox

TENANT = LOCAL_IDS["ENTRA_TENANT_ID"]
WREN, LARK = "0b8e1c52-0000-4000-8000-000000000001", "0b8e1c52-0000-4000-8000-000000000002"
DESK = "0b8e1c52-0000-4000-8000-000000000009"
PEOPLE: dict[str, Any] = {
    "practice_name": "Rosella Clinic",
    "practitioners": [
        {
            "id": "wren",
            "name": "Dr Willa Wren",
            "email": "wren@rosella-clinic.example.com",
            "graph_user_id": WREN,
            "medirecords_provider_id": "7f1d0000-0000-4000-8000-000000000001",
        },
        {
            "id": "lark",
            "name": "Lena Lark",
            "email": "lark@rosella-clinic.example.com",
            "graph_user_id": LARK,
            "medirecords_provider_id": "7f1d0000-0000-4000-8000-000000000002",
        },
    ],
    "staff": [
        {"oid": "57aff000-0000-4000-8000-000000000001", "name": "Ada Finch", "email": "finch@example.com",
         "roles": ["Admin"]},
        {"oid": "57aff000-0000-4000-8000-000000000002", "name": "Noel Crake", "email": "crake@example.com",
         "roles": []},
    ],
    "rooms": [],
    "sender": {
        "graph_user_id": DESK,
        "email": "bookings@rosella-clinic.example.com",
        "name": "Rosella Clinic",
    },
}  # fmt: skip
START = datetime(2026, 3, 1, 22, 0, tzinfo=UTC)  # 9 am in Melbourne, in daylight saving time


class MemoryTokenCache:
    """A cache for one process."""

    def __init__(self) -> None:
        self._blob: str | None = None

    def load(self) -> str | None:
        return self._blob

    def save(self, blob: str) -> None:
        self._blob = blob


def tokens_for(sandbox: RunningSandbox, cache: TokenCacheStore | None = None, **changed: str) -> AppTokens:
    settings = {
        "authority": sandbox.url,
        "tenant_id": TENANT,
        "client_id": LOCAL_IDS["ENTRA_CLIENT_ID"],
        "client_secret": LOCAL_SECRETS["ENTRA_CLIENT_SECRET"],
        **changed,
    }
    return AppTokens(**settings, cache=cache or MemoryTokenCache())


def graph_for(sandbox: RunningSandbox, cache: TokenCacheStore | None = None) -> Graph:
    return Graph(base_url=f"{sandbox.url}/graph/v1.0", tokens=tokens_for(sandbox, cache))


def spec(reference: str = "BK-7F3K2Q", starts_at: datetime = START, **changed: Any) -> EventSpec:
    """Half an hour of GAPS follow-up in Melbourne, unless told otherwise."""
    settings: dict[str, Any] = {
        "subject": f"Appointment {reference}",
        "starts_at": starts_at,
        "ends_at": starts_at + timedelta(minutes=30),
        "zone": "Australia/Melbourne",
        "location": "Room 2",
        "body": "https://bookings.example.com/staff/bookings",
        "metadata": {"v": 1, "b": reference, "s": "gaps", "d": 30, "p": "wren", "c": 7900},
        **changed,
    }
    return EventSpec(**settings)


class RawGraph:
    """Graph without our client in between; the answers are whole responses."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self.base_url = f"{sandbox.url}/graph/v1.0"
        self._token = tokens_for(sandbox).bearer()

    def call(
        self, method: str, path: str, body: Any = None, *, prefer: str = 'IdType="ImmutableId"', **kwargs: Any
    ) -> requests.Response:
        """`path` may be a whole link; `prefer` is the Prefer header, empty for none."""
        url = path if path.startswith("http") else self.base_url + path
        headers = {"Authorization": f"Bearer {self._token}", "Prefer": prefer, **kwargs.pop("headers", {})}
        return requests.request(method, url, json=body, headers=headers, timeout=20, **kwargs)

    def get(self, path: str, *, prefer: str = 'IdType="ImmutableId"', **params: str) -> requests.Response:
        """Query parameters are written without their dollar sign: select="id" is $select=id."""
        names = ("select", "expand", "filter", "top", "skip")
        query = {f"${name}" if name in names else name: value for name, value in params.items()}
        return self.call("GET", path, prefer=prefer, params=query)

    def post(self, path: str, body: Any = None, **kwargs: Any) -> requests.Response:
        return self.call("POST", path, body, **kwargs)

    def make_event(self, user_id: str = WREN, **changed: Any) -> Any:
        """An event on 2 March 2026 from 9:00 to 9:30 in Sydney, unless told otherwise; the JSON of the 201."""
        answer = self.post(f"/users/{user_id}/events", event_json(**changed))
        assert answer.status_code == 201, answer.text
        return answer.json()


def event_json(start: str = "09:00", end: str = "09:30", zone: str = "AUS Eastern Standard Time", **more: Any) -> Any:
    return {
        "subject": "Appointment BK-7F3K2Q",
        "start": {"dateTime": f"2026-03-02T{start}:00", "timeZone": zone},
        "end": {"dateTime": f"2026-03-02T{end}:00", "timeZone": zone},
        **more,
    }


def refusal(answer: requests.Response) -> tuple[int, str]:
    """Status and code of a refused call."""
    return answer.status_code, answer.json()["error"]["code"]
