"""Public pages are kept while nothing they show has changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal.catalogue.models import CatalogueVersion
from portal.db import db, transaction
from portal.web.public_pages import Pages
from tests.support.factories import make_service

NOW = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture
def pages(app: Flask, ctx: object) -> Iterator[Pages]:
    """The app keeps pages in this test, and looks for a new version each time."""
    before, pages = app.extensions["public_pages"], Pages()
    app.extensions["public_pages"] = pages
    yield pages
    app.extensions["public_pages"] = before


def publish(pages: Pages) -> None:
    with transaction():
        db.session.add(CatalogueVersion(made_at=NOW, made_by="test", document={}))
    pages.looked_at = 0.0


def test_a_kept_page_is_not_rendered_again(client: FlaskClient, pages: Pages) -> None:
    client.get("/")
    make_service(slug="new-one", name="A service that came later")
    assert b"A service that came later" not in client.get("/").data


def test_a_new_version_of_the_catalogue_is_shown_at_once(client: FlaskClient, pages: Pages) -> None:
    client.get("/")
    make_service(slug="new-one", name="A service that came later")
    publish(pages)
    assert b"A service that came later" in client.get("/").data


def test_a_kept_page_has_the_headers_of_a_fresh_one(client: FlaskClient, pages: Pages) -> None:
    fresh, kept = client.get("/"), client.get("/")
    ignored = {"X-Request-Id", "Date"}
    assert {name: value for name, value in kept.headers if name not in ignored} == {
        name: value for name, value in fresh.headers if name not in ignored
    }


def test_a_page_that_is_not_found_is_not_kept(client: FlaskClient, pages: Pages) -> None:
    client.get("/services/no-such-service")
    assert pages.kept == {}


def test_a_page_is_not_kept_for_longer_than_it_may(client: FlaskClient, pages: Pages) -> None:
    pages.keep_seconds = 1e-9
    client.get("/")
    make_service(slug="new-one", name="A service that came later")
    assert b"A service that came later" in client.get("/").data
