"""How Graph is called: our token, pages and their links, and what each answer other than success means."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import requests
import structlog

from portal.integrations import http
from portal.integrations.entra import AppTokens
from portal.integrations.graph_values import Json, error_of, json_of
from portal.integrations.http import Permanent

log = structlog.get_logger(__name__)

PREFERENCES = 'IdType="ImmutableId", outlook.body-content-type="text"'


class Calls:
    """Graph below one base url, as the worker's registration. `template` is a path without ids, for the log."""

    def __init__(self, base_url: str, tokens: AppTokens) -> None:
        self._base_url = base_url.rstrip("/")
        self._tokens = tokens
        self._session = http.new_session()

    def pages(self, path: str, template: str, query: Mapping[str, str]) -> list[Json]:
        """The rows of all pages."""
        return self.round(path, template, query)[0]

    def round(
        self, path: str, template: str, query: Mapping[str, str] | None = None, *, page_size: int | None = None
    ) -> tuple[list[Json], Json]:
        """The rows of all pages, and the last page: a round of changes ends with the link to the next."""
        size = {"Prefer": f"{PREFERENCES}, odata.maxpagesize={page_size}"} if page_size else {}
        page = json_of(self.call("GET", path, template, query=query, headers=size))
        rows = list(page["value"])
        while next_link := page.get("@odata.nextLink"):
            page = json_of(self.call("GET", self.path_of(next_link), template, headers=size))
            rows += page["value"]
        return rows, page

    def path_of(self, link: str) -> str:
        """A link of Graph's own making, below our base: it gets our bearer token."""
        if not link.startswith(f"{self._base_url}/") or urlsplit(link)[:2] != urlsplit(self._base_url)[:2]:
            raise Permanent("graph", "nextLink leads elsewhere")
        return link.removeprefix(self._base_url)

    def call(
        self,
        method: str,
        path: str,
        template: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> requests.Response:
        """One call; a refused token is replaced once, because a 401 says that nothing was done."""
        url = self._base_url + path + (f"?{urlencode(query, quote_via=quote)}" if query else "")
        for attempt in (1, 2):
            sent = {**self._headers(), **(headers or {})}
            response = http.call(self._session, "graph", method, url, template=template, headers=sent, **kwargs)
            if response.status_code != 401 or attempt == 2:
                break
            self._tokens.forget()
        if not response.ok:
            error = error_of(response, method)
            request_id = response.headers.get("request-id")
            log.warning("graph.refused", status=response.status_code, error=error.code, partner_request_id=request_id)
            raise error
        return response

    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self._tokens.bearer()}",
            "Prefer": PREFERENCES,
            "client-request-id": str(uuid.uuid4()),
            "return-client-request-id": "true",
        }


def literal(text: str) -> str:
    """A text as it stands in a $filter."""
    return "'" + text.replace("'", "''") + "'"


def quoted(part: str) -> str:
    """A part of a path."""
    return quote(part, safe="")
