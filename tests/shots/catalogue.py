"""The pictures of the catalogue editor: its pages, a form with mistakes, a contradiction, and the previews."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page

from tests.shots.camera import Camera
from tests.shots.stage import Stage
from tests.support.staff import sign_in_by_hand

HOME = "/staff/catalogue"
GAPS = "followup-gaps-15min"


class CatalogueDesk:
    """The scenes of the editor, in an order: the later ones go on from the draft of the earlier."""

    def __init__(self, stage: Stage, camera: Camera) -> None:
        self.stage, self.camera = stage, camera

    @property
    def scenes(self) -> tuple[Callable[[], None], ...]:
        return (self.catalogue_pages, self.catalogue_changes)

    def catalogue_pages(self) -> None:
        page = self._manager("manager")
        for name, path in (
            ("overview", ""),
            ("service", "/services/gaps"),
            ("new-service", "/services/new"),
            ("type", f"/types/{GAPS}"),
            ("new-type", "/services/gaps/types/new"),
            ("questions", "/questions/telehealth-questions"),
            ("question", "/questions/telehealth-questions/place"),
            ("new-questions", "/questions/new"),
            ("policy", "/policies/standard"),
            ("no-changes", "/changes"),
            ("versions", "/versions"),
            ("files", "/import"),
        ):
            self._show(page, f"staff-catalogue-{name}", HOME + path)
        page.goto(f"{HOME}/services/gaps/mapping")
        page.get_by_role("button", name="Check mapping").click()
        page.locator(".answers").wait_for(timeout=20_000)
        self.camera.take(page, "staff-catalogue-mapping")
        page.goto(f"{HOME}/types/{GAPS}")
        page.get_by_label("Length in minutes").fill("a while")
        page.get_by_label("Price in dollars, GST").fill("lots")
        page.get_by_role("button", name="Keep in my draft").click()
        self.camera.take(page, "staff-catalogue-type-errors")

    def catalogue_changes(self) -> None:
        owner, manager = self._manager("owner"), self._manager("manager")
        for page, price in ((owner, "85"), (manager, "95")):
            page.goto(f"{HOME}/types/{GAPS}")
            page.get_by_label("Price in dollars, GST").fill(price)
            page.get_by_role("button", name="Keep in my draft").click()
        manager.goto(f"{HOME}/services/gaps")
        manager.get_by_label("In one sentence").fill("Guaranteed to help. Hurry!")
        manager.get_by_role("button", name="Keep in my draft").click()
        self.camera.take(manager, "staff-catalogue-kept")
        self._show(manager, "staff-catalogue-changes", f"{HOME}/changes")
        for name, path in (
            ("grid", ""),
            ("service", "/services/gaps"),
            ("details", f"/types/{GAPS}/details"),
            ("confirmation", f"/types/{GAPS}/confirmation"),
            ("mail", f"/types/{GAPS}/mail"),
        ):
            self._show(manager, f"staff-catalogue-preview-{name}", f"{HOME}/preview{path}")
        owner.goto(f"{HOME}/changes")
        owner.get_by_role("button", name="Publish").click()
        self.camera.take(owner, "staff-catalogue-published")
        self._show(manager, "staff-catalogue-contradiction", f"{HOME}/changes")
        owner.goto(f"{HOME}/versions")
        owner.get_by_role("link", name="Version").nth(1).click()
        self.camera.take(owner, "staff-catalogue-version")
        manager.get_by_text("Throw my changes away").click()
        manager.get_by_role("button", name="Throw them away").click()
        owner.get_by_role("button", name="Take this version back").click()

    def _manager(self, role: str) -> Page:
        page = self.camera.tabs()
        sign_in_by_hand(page, role)
        return page

    def _show(self, page: Page, name: str, address: str) -> None:
        page.goto(address)
        self.camera.take(page, name)
