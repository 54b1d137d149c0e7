"""A clinic to visit."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from portal import clock, demo_clinic
from portal.catalogue import load
from portal.catalogue.models import AppointmentType
from portal.db import transaction
from tests.support.funnel import make_offer
from tests.support.outside import know_outside
from tests.support.visitor import Visitor


@pytest.fixture(autouse=True)
def _nothing_is_kept(app: Flask) -> Iterator[None]:
    """Tests change what a page shows behind its back: no rendered page outlives its request here."""
    pages = app.extensions["public_pages"]
    before, pages.keep_seconds = pages.keep_seconds, 0.0
    pages.kept.clear()
    yield
    pages.keep_seconds = before


@pytest.fixture
def rosella(ctx: None) -> None:
    """The packaged catalogue and the invented clinic, as `make run` sets them up."""
    with transaction():
        load.load(load.packaged_document(), clock.now(), "test")
        demo_clinic.build()
    know_outside()


@pytest.fixture
def consult(ctx: None) -> AppointmentType:
    """A free visit of half an hour."""
    return make_offer(price_cents=0)


@pytest.fixture
def stranger(app: Flask) -> Visitor:
    """A second browser."""
    return app.test_client()  # type: ignore[return-value]


@pytest.fixture
def limits(app: Flask) -> Iterator[Callable[[str, str], None]]:
    """Sets a rate limit for this test: limits("holds", "2 per minute")."""
    before = dict(app.config["LIMITS"])
    yield app.config["LIMITS"].__setitem__
    app.config["LIMITS"].update(before)
