"""The pictures of the diary: a full day, a week and an agenda, on paper too, and a day on which nobody works."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, time, timedelta

from playwright.sync_api import Page

from portal import clock
from tests.shots.camera import Camera
from tests.shots.stage import Stage
from tests.support import busy_day, factories
from tests.support.factories import SYDNEY
from tests.support.staff import sign_in_by_hand


class DiaryPictures:
    """The scenes of the tour that look at the diary."""

    def __init__(self, stage: Stage, camera: Camera) -> None:
        self.stage, self.camera = stage, camera

    @property
    def scenes(self) -> tuple[Callable[[], None], ...]:
        return self.empty_diary, self.full_diary

    def empty_diary(self) -> None:
        sunday = self._monday() + timedelta(days=6)
        page = self._reception()
        self._show(page, "diary-nobody-works", f"date={sunday}")
        self._show(page, "diary-agenda-empty", f"date={sunday + timedelta(days=14)}&view=agenda")

    def full_diary(self) -> None:
        """Today, so that the line of now is there; the evening has a bit of everything."""
        with self.stage.app.app_context():
            today = clock.now().astimezone(SYDNEY).date()
            weekday = range(today.weekday(), today.weekday() + 1)
            who = busy_day.fill(today, weekdays=weekday)[1]
            place = factories.make_location()
            factories.make_hours(who, place, weekdays=weekday, starts=time(18), ends=time(22))
            busy_day.disturb(today, who, place)
            slug = who.slug
        page = self._reception()
        self._show(page, "diary-day", f"date={today}", on_paper=True)
        self._show(page, "diary-day-of-one", f"date={today}&practitioner={slug}&state=all")
        self._show(page, "diary-week", f"date={today}&view=week", on_paper=True)
        self._show(page, "diary-week-of-one", f"date={today}&view=week&practitioner={slug}", on_paper=True)
        self._show(page, "diary-agenda", f"date={today}&view=agenda", on_paper=True)

    def _monday(self) -> date:
        with self.stage.app.app_context():
            today = clock.now().astimezone(SYDNEY).date()
        return today - timedelta(days=today.weekday())

    def _reception(self) -> Page:
        page = self.camera.tabs()
        sign_in_by_hand(page, "reception")
        return page

    def _show(self, page: Page, name: str, query: str, *, on_paper: bool = False) -> None:
        page.goto(f"/staff/diary?{query}")
        self.camera.take(page, name)
        if on_paper:
            self.camera.take_print(page, f"{name}-print")
