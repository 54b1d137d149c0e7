"""What tests of sending share: a mailbox that sends, and the mails in it."""

from __future__ import annotations

from typing import Any

import pytest

from portal import clinic
from portal.clients import clients
from portal.db import transaction
from tests.notices.letters import ROSELLA
from tests.support.microsoft import PEOPLE
from tests.support.sandbox import RunningSandbox


class Mailbox:
    """The clinic's mailbox in the sandbox."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self._sandbox = sandbox

    def messages(self, state: str) -> list[dict[str, Any]]:
        return [mail for mail in self._sandbox.get("/_emu/graph/messages") if mail["state"] == state]

    @property
    def sent(self) -> list[dict[str, Any]]:
        return self.messages("sent")

    @property
    def drafts(self) -> list[dict[str, Any]]:
        return self.messages("draft")


@pytest.fixture
def mailbox(sandbox: RunningSandbox, ctx: None) -> Mailbox:
    sandbox.seed(PEOPLE)
    with transaction():
        clinic.store(ROSELLA)
    # The process still holds a token of the emptied sandbox. A call that is refused for it would use up a fault.
    clients().graph.mail.find_message(PEOPLE["sender"]["email"], "<nothing@example.com>")
    return Mailbox(sandbox)
