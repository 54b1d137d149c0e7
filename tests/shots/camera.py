"""Takes the pictures, and looks at each page for what a picture does not show.

Every page is pictured wide and narrow, light and dark. It must pass axe (WCAG 2.2 A and AA), fit 320 px without
sideways scrolling (that is 400 % zoom), keep nothing in the browser, and leave the console silent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.support.browser import Tabs

LOOKS = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]
# Each width and each scheme once; the other two pairs hold nothing new for axe.
CHECKED = [(1280, "light"), (390, "dark")]
HEIGHTS = {1280: 900, 390: 844, 320: 640, 794: 1123}
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "resultTypes": ["violations"],
}
# Some pictures are of these very answers.
WANTED_STATUS = "Failed to load resource: the server responded with a status of 503"


@dataclass
class Camera:
    """Writes <name>-<width>-<scheme>.png into the folder; `problems` says what is wrong, one line each.

    Without a folder it only checks, and axe sees each page in one of the two ways, by turns: all of them share their
    colours and their widths.
    """

    folder: Path | None
    tabs: Tabs
    problems: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    pictures: int = 0

    def take(self, page: Page, name: str, *, whole: bool = True) -> None:
        """All looks of a page and its checks. `whole` False: only what a screen shows, where it is scrolled now."""
        self.names.append(name)
        self.tabs.settle(page)
        for width, scheme in LOOKS if self.folder else [CHECKED[len(self.names) % 2]]:
            _look(page, width, scheme)
            self._picture(page, f"{name}-{width}-{scheme}", whole=whole)
            if (width, scheme) in CHECKED:
                self._check_access(page, name, scheme)
        self._check_narrow(page, name)
        self._check_browser(page, name)
        _look(page, 1280, "light")

    def take_print(self, page: Page, name: str) -> None:
        """The page as it comes out on A4."""
        self.names.append(name)
        _look(page, 794, "light")
        page.emulate_media(media="print", color_scheme="light")
        self._picture(page, f"{name}-794-light", whole=True)
        page.emulate_media(media="screen")
        _look(page, 1280, "light")

    def write_index(self) -> Path:
        """A page with all pictures, to look at them side by side."""
        assert self.folder is not None
        rows = []
        for name in dict.fromkeys(self.names):
            found = sorted(self.folder.glob(f"{name}-[0-9]*-*.png"), key=lambda path: -int(path.stem.split("-")[-2]))
            links = (f'<a href="{path.name}"><img src="{path.name}" alt="" loading="lazy"></a>' for path in found)
            rows.append(f"<h2>{escape(name)}</h2>\n<p>{''.join(links)}</p>")
        index = self.folder / "index.html"
        style = "body{font:1rem sans-serif;background:#888}img{height:24rem;margin:.5rem}"
        index.write_text(
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>All pages</title><style>{style}</style>\n'
            + "\n".join(rows)
        )
        return index

    def _picture(self, page: Page, name: str, *, whole: bool) -> None:
        if self.folder is not None:
            page.screenshot(path=self.folder / f"{name}.png", full_page=whole, animations="disabled")
            self.pictures += 1

    def _check_access(self, page: Page, name: str, scheme: str) -> None:
        for violation in Axe().run(page, options=RULES).response["violations"]:
            where = ", ".join(str(node["target"][0]) for node in violation["nodes"][:3])
            self.problems.append(f"{name}, {scheme}: {violation['help']} ({violation['id']}) at {where}")

    def _check_narrow(self, page: Page, name: str) -> None:
        _look(page, 320, "light")
        beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if beyond > 0:
            self.problems.append(f"{name}: at 320 px the page scrolls sideways by {beyond} px")

    def _check_browser(self, page: Page, name: str) -> None:
        # A mail is shown without an address, and such a page has no storage at all.
        kept = page.evaluate("origin === 'null' ? 0 : localStorage.length + sessionStorage.length")
        if kept:
            self.problems.append(f"{name}: the browser keeps {kept} entries")
        heard = [each for each in self.tabs.complaints if WANTED_STATUS not in each]
        self.problems += [f"{name}: {each}" for each in heard]
        self.tabs.complaints.clear()


def first_visit_bytes(page: Page, address: str) -> int:
    """What one visit to a page transfers, headers included. The page's browser must be fresh."""
    received: list[float] = []
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    wire.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    page.goto(address, wait_until="networkidle")
    return int(sum(received))


def _look(page: Page, width: int, scheme: str) -> None:
    page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
