"""`make shots`: pictures of every page and state into INSTANCE_DIR/shots; exit 1 when a check finds something."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from tests.shots.camera import Camera, first_visit_bytes
from tests.shots.stage import running_stage
from tests.shots.tour import Tour
from tests.support.browser import Tabs, running_browser

FIRST_VISIT_BUDGET = 100_000


def main(only: list[str]) -> int:
    """All scenes, or only those named."""
    folder = Path(os.environ.get("INSTANCE_DIR") or "instance").resolve() / "shots"
    if not only:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    print("Starting a clinic of its own ...", flush=True)
    with running_stage() as stage, running_browser() as browser:
        tabs = Tabs(browser, stage.clinic.url)
        camera = Camera(folder, tabs)
        transferred = first_visit_bytes(tabs(), "/")
        if transferred > FIRST_VISIT_BUDGET:
            camera.problems.append(f"grid: the first visit transfers {transferred} bytes")
        Tour(stage, camera, only).walk()
    print(f"\nThe first visit to the grid transfers {transferred / 1000:.1f} kB of {FIRST_VISIT_BUDGET / 1000:.0f} kB.")
    print(f"{camera.pictures} pictures of {len(camera.names)} pages and states: {camera.write_index()}")
    for problem in camera.problems:
        print(f"WRONG: {problem}", file=sys.stderr)
    return 1 if camera.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
