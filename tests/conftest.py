"""What every test may ask for. Pure tests ask for nothing and pay nothing.

`ctx` for the domain, `client` for pages without a browser, `portal_server` and `new_page` for real HTTP and Chromium,
`sandbox` for the outside systems, `chain` for a clinic that all of them know. Postgres, Redis and the app start with
the first test that needs them.
"""

from __future__ import annotations

import base64
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from portal import config, logs
from tests.support import network, services
from tests.support.browser import Tabs, running_browser
from tests.support.database import TestDatabase, make_database
from tests.support.portal_server import PortalServer, Reserved, reserve_port
from tests.support.sandbox import RunningSandbox
from tests.support.visitor import Visitor

if TYPE_CHECKING:
    from flask import Flask
    from playwright.sync_api import Browser
    from sqlalchemy.orm import scoped_session

    from tests.support.chain import Chain
    from tests.support.office import Office

RUN_DIR = pytest.StashKey[Path]()

hypothesis.settings.register_profile("short", max_examples=25, deadline=None)
hypothesis.settings.register_profile("full", max_examples=500, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or "short")


def pytest_configure(config: pytest.Config) -> None:
    """The run's own process makes the folder of its servers; xdist workers are told where it is."""
    worker_input = getattr(config, "workerinput", None)
    if worker_input is not None:
        config.stash[RUN_DIR] = Path(worker_input["run_dir"])
        return
    config.stash[RUN_DIR] = services.make_run_dir()
    # SIGTERM ends a run like Ctrl-C, so that its servers do not outlive it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["run_dir"] = str(node.config.stash[RUN_DIR])


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and RUN_DIR in config.stash:
        services.stop(config.stash[RUN_DIR])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`-m "not browser"` leaves out what needs Chromium."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")


@pytest.fixture(scope="session", autouse=True)
def _outside_is_off() -> Iterator[None]:
    with network.loopback_only():
        yield


@pytest.fixture(scope="session", autouse=True)
def _logs_are_the_portals() -> None:
    """From the first test on, and not only after one that needed the app: `caplog.text` has them."""
    logs.configure("INFO")


@pytest.fixture(scope="session")
def own_port() -> Iterator[Reserved]:
    with reserve_port() as reserved:
        yield reserved


@pytest.fixture(scope="session")
def sandbox_port() -> Iterator[Reserved]:
    with reserve_port() as reserved:
        yield reserved


@pytest.fixture(scope="session")
def environ(own_port: Reserved, sandbox_port: Reserved, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A whole local environment but for the servers; tests of settings start from it."""
    return {
        "PORTAL_MODE": "local",
        "INSTANCE_DIR": str(tmp_path_factory.mktemp("instance")),
        "DATABASE_URL": "postgresql:///unused",
        "REDIS_URL": "unix:///unused",
        "SECRET_KEY": "a secret of tests, long enough to pass",
        "FIELD_KEYS": "test:" + base64.b64encode(bytes(range(32))).decode(),
        "PORT": str(own_port.number),
        "SANDBOX_PORT": str(sandbox_port.number),
    }


@pytest.fixture(scope="session")
def database(request: pytest.FixtureRequest, environ: dict[str, str]) -> Iterator[TestDatabase]:
    """This worker's database and Redis number."""
    running = services.start(request.config.stash[RUN_DIR])
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    made = make_database(running, config.load(environ | {"REDIS_URL": running.redis.url}), number)
    with made.connection:
        yield made


@pytest.fixture(scope="session")
def settings(environ: dict[str, str], database: TestDatabase) -> config.Settings:
    return config.load(environ | {"DATABASE_URL": database.url, "REDIS_URL": database.redis_url})


@pytest.fixture(scope="session")
def app(settings: config.Settings) -> Flask:
    from portal import create_app

    app = create_app(settings)
    app.test_client_class = Visitor
    app.extensions["public_pages"].keep_seconds = 0  # the next test has another catalogue
    return app


@pytest.fixture(autouse=True)
def _clean(request: pytest.FixtureRequest) -> Iterator[None]:
    """Empty the database after a test that could have written to it; before it, take the process back from whoever
    looked at another clinic."""
    if "app" in request.fixturenames:
        import portal

        settings = request.getfixturevalue("settings")
        request.getfixturevalue("app")
        if portal.in_use is not settings:
            portal.use(settings)
    database = request.getfixturevalue("database") if "database" in request.fixturenames else None
    yield
    if database is not None:
        database.empty()
    if "app" in request.fixturenames:
        from portal.web.limits import reads

        reads.reset()  # its counts are in this process, the others went with Redis


@pytest.fixture
def ctx(app: Flask) -> Iterator[None]:
    """An app context for tests that call the domain itself."""
    with app.app_context():
        yield


@pytest.fixture
def db_session(ctx: None) -> scoped_session[Any]:
    """The session that the domain uses. Commits are real."""
    from portal.db import db

    return db.session


@pytest.fixture
def client(app: Flask) -> Visitor:
    """A browser without JavaScript: keeps cookies, follows links and fills in forms through `Page`."""
    visitor = app.test_client()
    assert isinstance(visitor, Visitor)
    return visitor


@pytest.fixture
def office(app: Flask, ctx: None, sandbox: RunningSandbox) -> Iterator[Office]:
    """Every route of the back office, and something to be seen there."""
    from tests.support.office import opened

    with opened(app) as office:
        yield office


@pytest.fixture
def portal_server(app: Flask, own_port: Reserved) -> Iterator[PortalServer]:
    """The portal over real HTTP at its PUBLIC_URL, where the sandbox delivers its notifications."""
    with PortalServer(app, own_port).running() as server:
        yield server


@pytest.fixture(scope="session")
def running_sandbox(settings: config.Settings) -> Iterator[RunningSandbox]:
    running = RunningSandbox.start(settings.instance_dir, portal_url=settings.public_url, port=settings.sandbox_port)
    yield running
    assert running.stop() == 0


@pytest.fixture
def sandbox(running_sandbox: RunningSandbox) -> Iterator[RunningSandbox]:
    """The outside systems, empty before and after. The portal's clock follows theirs."""
    running_sandbox.reset()
    yield running_sandbox
    running_sandbox.reset()


@pytest.fixture
def chain(sandbox: RunningSandbox, portal_server: PortalServer, ctx: None) -> Chain:
    """A clinic known to all systems, whose hooks the sandbox reaches."""
    from tests.support.chain import Chain

    return Chain.build(sandbox)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with running_browser() as running:
        yield running


@pytest.fixture
def new_page(browser: Browser, portal_server: PortalServer) -> Iterator[Tabs]:
    """Opens pages of the portal in Chromium. A script error or a violation of the CSP fails the test."""
    tabs = Tabs(browser, portal_server.url)
    yield tabs
    tabs.close()
    assert not tabs.complaints, f"the browser complained: {tabs.complaints}"
