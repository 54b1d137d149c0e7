from __future__ import annotations

from collections.abc import Iterator

import pytest

from portal.staff.models import Practitioner
from tests.support.factories import make_practitioner
from tests.support.microsoft import PEOPLE, WREN
from tests.support.sandbox import RunningSandbox


@pytest.fixture
def mailbox(ctx: None, sandbox: RunningSandbox) -> Iterator[Practitioner]:
    """A practitioner whose Outlook calendar the sandbox keeps."""
    sandbox.seed(PEOPLE)
    yield make_practitioner(slug="willa-wren", graph_user_id=WREN)
