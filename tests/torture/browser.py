"""A patient's browser over real HTTP, and the patience of somebody who wants a visit: they reload and press again."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from werkzeug.datastructures import MultiDict

from tests.support.page import Page

PATIENCE_SECONDS = 25.0
REDIRECTS = (301, 302, 303, 307, 308)


class GaveUp(Exception):
    """The portal, or what it needs, was away for longer than a person waits."""


@dataclass(frozen=True)
class Asked:
    path: str
    full_path: str


@dataclass(frozen=True)
class Answer:
    """What Page wants to know of an answer. Paths are whole addresses here: Stripe's page is another site."""

    status_code: int
    text: str
    request: Asked
    reload: str  # where a person who wants this page again goes; the address of a form may know no GET
    location: str | None = None


class Browser:
    """`page` and `send` answer a Page, as tests.support.visitor.Visitor does; `mishaps` counts bad answers."""

    def __init__(self, portal_url: str) -> None:
        self.portal_url = portal_url
        self.session = requests.Session()
        self.session.trust_env = False
        self.mishaps: list[str] = []
        self._got = portal_url

    def page(self, path: str) -> Page:
        """Open a page, again and again while it cannot be had."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            page = self._try("get", urljoin(self.portal_url, path))
            if page is not None:
                return page
            if time.monotonic() > until:
                raise GaveUp(path)
            time.sleep(0.5)

    def send(self, method: str, path: str, data: MultiDict[str, Any]) -> Page:
        """Send a form once. Raises GaveUp when no answer comes; whether it was taken is not known then."""
        page = self._try(method, urljoin(self.portal_url, path), data)
        if page is None:
            raise GaveUp(path)
        return page

    def press(self, page: Page, button: str, /, **fields: Any) -> Page:
        """Press the button that begins like this; if no answer comes, reload the page and press again.

        -> the next page, or the reloaded one when the button, or what was chosen, is not on it any more.
        """
        until, is_reloaded = time.monotonic() + PATIENCE_SECONDS, False
        while True:
            words = next((words for words in page.buttons if words.startswith(button)), None)
            if words is None:
                return page
            try:
                return page.submit(words, **fields)
            except AssertionError:
                if not is_reloaded:
                    raise
                return page  # what was chosen is not on offer any more
            except GaveUp:
                if time.monotonic() > until:
                    raise
            time.sleep(0.5)
            page, is_reloaded = self.page(page.response.reload), True  # type: ignore[attr-defined]

    def _try(self, method: str, address: str, data: MultiDict[str, Any] | None = None) -> Page | None:
        """One try through all redirects; None for an answer that is no page."""
        try:
            for _ in range(10):
                answer = self.session.request(
                    method,
                    address,
                    data=data.to_dict(flat=False) if data is not None and method == "post" else None,
                    params=data.to_dict(flat=False) if data is not None and method == "get" else None,
                    headers={"Origin": self.portal_url} if method == "post" else {},
                    timeout=20,
                    allow_redirects=False,
                )
                self._keep_cookies()
                if answer.status_code not in REDIRECTS:
                    break
                method, data, address = "get", None, urljoin(address, answer.headers["Location"])
        except requests.RequestException as error:
            self.mishaps.append(f"{type(error).__name__} {_without_ids(address)}")
            return None
        if answer.status_code >= 400 and answer.status_code != 422:
            self.mishaps.append(f"{answer.status_code} {_without_ids(address)}")
            return None
        if method == "get":
            self._got = address
        found = Answer(answer.status_code, answer.text, Asked(address, address), self._got)
        return Page(self, found)  # type: ignore[arg-type]

    def _keep_cookies(self) -> None:
        for cookie in self.session.cookies:
            # Chromium sends Secure cookies over plain http on loopback; requests drops them unless told otherwise.
            cookie.secure = False


def _without_ids(address: str) -> str:
    parts = urlsplit(address).path.split("/")
    return "/".join("*" if part.startswith(("BK-", "cs_")) else part for part in parts)
