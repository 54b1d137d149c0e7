"""Tests of the sandbox talk to the real process over HTTP."""

from __future__ import annotations

import pytest

from tests.support.microsoft import PEOPLE, RawGraph
from tests.support.sandbox import RunningSandbox, receiver, running_receiver, running_sandbox, sandbox
from tests.support.stripe_api import StripeApi

__all__ = ["receiver", "running_receiver", "running_sandbox", "sandbox"]


@pytest.fixture
def graph(sandbox: RunningSandbox) -> RawGraph:
    """Graph with the practitioners' calendars, without our client."""
    sandbox.seed(PEOPLE)
    return RawGraph(sandbox)


@pytest.fixture
def stripe_api(sandbox: RunningSandbox) -> StripeApi:
    return StripeApi(sandbox.url)
