"""Each client is run against the real sandbox over HTTP."""

from __future__ import annotations

import pytest

from portal.integrations.graph import Graph
from tests.support.microsoft import PEOPLE, graph_for
from tests.support.sandbox import RunningSandbox, receiver, running_receiver, running_sandbox, sandbox

__all__ = ["receiver", "running_receiver", "running_sandbox", "sandbox"]


@pytest.fixture
def graph(sandbox: RunningSandbox) -> Graph:
    """Our client, in a tenant with the practitioners' calendars and the mailbox that sends."""
    sandbox.seed(PEOPLE)
    return graph_for(sandbox)
