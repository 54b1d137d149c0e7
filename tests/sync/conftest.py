from __future__ import annotations

import pytest

from tests.support.chain import Chain
from tests.support.race import race, racing_app
from tests.sync.tales import listen

__all__ = ["race", "racing_app"]


@pytest.fixture
def heard(chain: Chain) -> None:
    """Graph tells us what happens in the calendars."""
    listen(chain)
