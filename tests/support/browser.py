"""The system's Chromium, driven by Playwright; every page is watched for what visitors do not see.

`python -m tests.support.browser` tells whether there is one.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

SETTLE_MS, MOST_WAITS = 20, 500
NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = "There is no Chromium on this machine: install the system package chromium (as root, `make test` does it)."

FLAGS = [
    "--no-sandbox",
    "--headless=new",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # The outside is off for the browser as well.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


def find_chromium() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Chromium, or an AssertionError with one sentence."""
    path = find_chromium()
    assert path is not None, MISSING
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Tabs:
    """Opens pages, each in a profile of its own, and keeps their complaints."""

    browser: Browser
    base_url: str
    complaints: list[str] = field(default_factory=list)
    _leaving: set[Page] = field(default_factory=set)  # pages that wait for the next one's answer

    def __call__(self, **options: Any) -> Page:
        """A page; `options` are those of Playwright's new_context, such as java_script_enabled=False."""
        context = self.browser.new_context(base_url=self.base_url, **options)
        context.set_default_timeout(10_000)
        page = context.new_page()
        page.on("console", lambda message: self._hear(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(f"script error: {error}"))
        page.on("request", lambda request: self._leaving.add(page) if request.is_navigation_request() else None)
        page.on(
            "requestfailed", lambda request: self._leaving.discard(page) if request.is_navigation_request() else None
        )
        page.on("framenavigated", lambda frame: self._leaving.discard(page))
        return page

    def settle(self, page: Page) -> None:
        """Wait until the page is there that a click leads to: Playwright's click does not."""
        page.wait_for_timeout(SETTLE_MS)  # the browser's word that it is leaving comes a little later than the click
        waits = 0
        while page in self._leaving and waits < MOST_WAITS:
            page.wait_for_timeout(SETTLE_MS)
            waits += 1
        page.wait_for_load_state()

    def close(self) -> None:
        for context in self.browser.contexts:
            context.close()

    def _hear(self, kind: str, text: str) -> None:
        # Chromium also reports answers such as 422 as errors of the console; a form with errors is a normal page.
        if kind == "error" and not text.startswith("Failed to load resource: the server responded with a status of 4"):
            self.complaints.append(f"console: {text}")


if __name__ == "__main__":
    sys.exit(0 if find_chromium() else 1)
