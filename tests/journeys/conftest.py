"""A clinic of its own for each file of stories, and a browser that visits it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from portal.local.clinic import Clinic
from tests.shots.stage import Stage, running_stage
from tests.support.browser import Tabs
from tests.support.whole_clinic import running_clinic


@pytest.fixture(scope="module")
def clinic() -> Iterator[Clinic]:
    with running_clinic() as running:
        yield running


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with running_stage() as stage:
        yield stage


@pytest.fixture
def tabs(browser: Browser, stage: Stage) -> Iterator[Tabs]:
    tabs = Tabs(browser, stage.clinic.url)
    yield tabs
    tabs.close()
    assert not tabs.complaints, f"the browser complained: {tabs.complaints}"
