"""The pictures of the back office: the door, and each page with an empty clinic and a full one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from playwright.sync_api import Page

from portal import clock
from portal.db import transaction
from portal.staff import audit
from portal.staff.models import Action
from portal.staff.tasks import raise_task
from tests.shots.camera import Camera
from tests.shots.stage import Stage
from tests.support import factories
from tests.support.staff import sign_in_by_hand

TASKS = {
    "refund-failed": "Stripe could not give back the money for BK-7F3K2Q. Please contact the patient.",
    "outlook-deleted": "The event of BK-2M9XWA was deleted in Outlook. The visit still stands, so it is there again; "
    "cancel the visit here if it should not take place.",
    "mailbox-missing": "Ravi Fernside has no Outlook mailbox connected. BK-4HTN6C is not there.",
    "mail-unsure": "It is not certain that the confirmation of BK-4HTN6C has arrived. It is not sent again by itself.",
    "medirecords": "BK-2M9XWA is not in MediRecords yet: the appointment type Follow-up is not there.",
}


class Desk:
    """The scenes of the tour that need somebody to sign in."""

    def __init__(self, stage: Stage, camera: Camera) -> None:
        self.stage, self.camera = stage, camera

    @property
    def scenes(self) -> tuple[Callable[[], None], ...]:
        return self.the_door, self.quiet_desk, self.busy_desk, self.other_roles

    def the_door(self) -> None:
        page = self.camera.tabs()
        self._show(page, "staff-sign-in", "/staff")
        sign_in_by_hand(page, "Nell Bracken")
        self.camera.take(page, "staff-no-role")
        self._show(page, "staff-stale-sign-in", "/staff/sign-in/callback?state=old&code=old")
        self._show(page, "staff-signed-out", "/staff/signed-out")

    def quiet_desk(self) -> None:
        page = self.camera.tabs()
        sign_in_by_hand(page, "owner")
        self.camera.take(page, "staff-today-nothing-to-do")
        self._show(page, "staff-tasks-none", "/staff/tasks")
        self._show(page, "staff-audit-none", "/staff/audit?action=exported")
        self._show(page, "staff-audit-error", "/staff/audit?first=yesterday")

    def busy_desk(self) -> None:
        self._fill()
        page = self.camera.tabs()
        sign_in_by_hand(page, "owner")
        self.camera.take(page, "staff-today")
        self.camera.take_print(page, "staff-today-print")
        self._show(page, "staff-tasks", "/staff/tasks")
        page.get_by_role("button", name="Done: Ravi").click()
        self.camera.take(page, "staff-task-done")
        self._show(page, "staff-audit", "/staff/audit")
        self._show(page, "staff-accounts", "/staff/accounts")

    def other_roles(self) -> None:
        page = self.camera.tabs()
        sign_in_by_hand(page, "bookkeeper")
        self.camera.take(page, "staff-today-bookkeeper")
        self._show(page, "staff-not-yours", "/staff/audit")

    def _fill(self) -> None:
        """Tasks as trouble makes them, and a morning of reading and changing."""
        with self.stage.app.app_context():
            now, nora = clock.now(), factories.make_patient()
            with transaction():
                for number, (kind, words) in enumerate(TASKS.items()):
                    raise_task(kind, words, now - timedelta(hours=3 * number), about="the pictures")
                for number in range(60):
                    part = ("bookings", "payments", "messages")[number % 3]
                    at = now - timedelta(minutes=7 * number)
                    audit.record(None, Action.READ, "patient", at, patient_id=nora.id, part=part)
                audit.record(None, Action.CHANGED, "booking", now, subject="BK-7F3K2Q", patient_id=nora.id, part="time",
                             why="She rang: her train is late, and Ines has the next half hour free")  # fmt: skip

    def _show(self, page: Page, name: str, address: str) -> None:
        page.goto(address)
        self.camera.take(page, name)
