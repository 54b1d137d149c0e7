from __future__ import annotations

import pytest

from tests.support.chain import Chain
from tests.support.portal_server import PortalServer
from tests.support.race import race, racing_app
from tests.support.sandbox import RunningSandbox

__all__ = ["chain", "race", "racing_app"]


@pytest.fixture
def chain(sandbox: RunningSandbox, portal_server: PortalServer, ctx: None) -> Chain:
    """A clinic known to all systems, whose hooks the sandbox reaches."""
    return Chain.build(sandbox)
