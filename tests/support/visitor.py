"""Flask's test client as a visitor's browser: it knows the portal's address and reads pages."""

from __future__ import annotations

import contextvars
from typing import Any

from flask import has_app_context
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict
from werkzeug.test import Cookie, TestResponse

from tests.support.page import Page

REDIRECTS = (301, 302, 303, 307, 308)


class Visitor(FlaskClient):
    """`get` and `post` answer a response as usual; `page` answers a Page, and so does everything a Page can do."""

    @property
    def portal_url(self) -> str:
        return str(self.application.config["PORTAL"].public_url)

    def page(self, path: str, *, status: int = 200) -> Page:
        """Open a page, through redirects. One that leads out of the portal is a page as well: see Page.left_for."""
        page = self._arrive(self.get(path))
        assert page.left_for or page.status == status, f"{path} answered {page.status}: {page.text[:300]}"
        return page

    def cookie(self, name: str) -> Cookie:
        """The one that is called `__Host-<name>`, with or without a suffix."""
        [found] = [each for each in (self._cookies or {}).values() if each.key.startswith(f"__Host-{name}")]
        return found

    def send(self, method: str, path: str, data: MultiDict[str, Any]) -> Page:
        """Send a form as a browser does."""
        if method == "get":
            # What the fields hold replaces what the address asked for before.
            return self._arrive(self.get(path.partition("?")[0], query_string=data))
        return self._arrive(self.post(path, data=data, headers={"Origin": self.portal_url}))

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        kwargs.setdefault("base_url", self.portal_url)
        # In an empty context, or the request would join the app context (and the session) of a test that has one.
        response = contextvars.Context().run(super().open, *args, **kwargs)
        if has_app_context():
            from portal.db import db

            # What the test has loaded before may have been changed by the request.
            db.session.expire_all()
        return response

    def _arrive(self, response: TestResponse) -> Page:
        """Follow redirects inside the portal; the first one that leads out is the end of the way."""
        for _ in range(10):
            location = (response.location or "").removeprefix(self.portal_url)
            if response.status_code not in REDIRECTS or not location.startswith("/"):
                return Page(self, response)
            response = self.get(location)
        raise AssertionError(f"ten redirects in a row, the last to {response.location}")
