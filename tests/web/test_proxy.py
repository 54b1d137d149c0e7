"""Behind proxies of ours the visitor's address is the one they tell, and nobody can choose one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import request

from portal import create_app
from portal.config import Settings


@pytest.mark.parametrize(
    ("hops", "forwarded", "seen"),
    [
        (0, "203.0.113.7", "127.0.0.1"),
        (1, "203.0.113.7", "203.0.113.7"),
        (1, "198.51.100.1, 203.0.113.7", "203.0.113.7"),
        (2, "198.51.100.1, 203.0.113.7", "198.51.100.1"),
    ],
)
def test_exactly_our_own_proxies_are_believed(settings: Settings, hops: int, forwarded: str, seen: str) -> None:
    app = create_app(replace(settings, proxy_hops=hops))
    addresses = []
    app.before_request_funcs[None].insert(0, lambda: addresses.append(request.remote_addr))
    app.test_client().get("/healthz", headers={"X-Forwarded-For": forwarded}, base_url=settings.public_url)
    assert addresses == [seen]
