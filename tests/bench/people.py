"""Visitors of the portal over plain HTTP: a cookie, a form token, and the times they were shown."""

from __future__ import annotations

import http.client
import re
from dataclasses import dataclass, field
from urllib.parse import urlencode

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_SLOT = re.compile(r'name="?slot"?[^>]* value="?([^" >]+)"?')


@dataclass
class Person:
    """One browser. What it asks can be written out beforehand, for the load to send."""

    port: int
    cookie: str = ""
    token: str = ""
    times: list[str] = field(default_factory=list)

    def arrive(self, path: str) -> Person:
        """Open a page with a form, and keep what it hands out."""
        status, headers, sent = self.fetch("GET", path)
        if status != 200:
            raise RuntimeError(f"{path} answered {status}")
        body = sent.decode()
        if cookie := headers.get("Set-Cookie"):
            self.cookie = cookie.split(";")[0]
        if token := _TOKEN.search(body):
            self.token = token[1]
        self.times = _SLOT.findall(body)
        return self

    def fetch(
        self, method: str, path: str, data: dict[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """-> status, headers, body"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            sent = {"Content-Type": "application/x-www-form-urlencoded"} if data is not None else {}
            body = urlencode({"csrf_token": self.token, **data}) if data is not None else None
            connection.request(method, path, body, {**sent, "Cookie": self.cookie} if self.cookie else sent)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def get(self, path: str) -> bytes:
        """A GET as it goes over the wire."""
        return self._wire("GET", path, b"")

    def post(self, path: str, **data: str) -> bytes:
        """A form as it goes over the wire."""
        body = urlencode({"csrf_token": self.token, **data}).encode()
        return self._wire("POST", path, body, "Content-Type: application/x-www-form-urlencoded")

    def _wire(self, method: str, path: str, body: bytes, *more: str) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", *more]
        if self.cookie:
            lines.append(f"Cookie: {self.cookie}")
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode() + body
