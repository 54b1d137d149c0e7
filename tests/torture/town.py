"""A whole clinic of its own, kept alive by a thread that can be told to look away for a while."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

from portal.clock import OffsetFile
from portal.config import Settings, read_environment_file
from portal.local.clinic import Clinic, free_port
from tests.support.sandbox import Controls

SETTING_NAMES = {one.name.upper() for one in fields(Settings)}
# What protects the clinic from a crowd is not what is tortured here.
UNHURRIED = {"RATE_LIMIT_FACTOR": "10000", "MEDIRECORDS_RATE": "200"}


class Town:
    """The clinic runs from `start` to `stop`; `clinic` and `sandbox` are for those who talk to it."""

    def __init__(self) -> None:
        # Not below pytest's own folder: it takes from others the right to pass, which Postgres as root needs.
        self.folder = Path(tempfile.mkdtemp(prefix="torture-")).resolve()
        bare = {name: value for name, value in os.environ.items() if name not in SETTING_NAMES}
        port, sandbox_port = free_port(), free_port()
        self.clinic = Clinic(
            bare | UNHURRIED, instance_dir=self.folder / "instance", port=port, sandbox_port=sandbox_port
        )
        self.sandbox = Controls(f"http://localhost:{sandbox_port}")
        self.error: BaseException | None = None
        self._is_up, self._over, self._look_away = threading.Event(), threading.Event(), threading.Event()
        # One thread for all of it: the processes end with the thread that started them.
        self._keeper = threading.Thread(target=self._keep, name="keeper")

    def start(self, offset_seconds: float = 0.0) -> None:
        """Start it with its clock moved by so much, and wait until it answers."""
        self.clinic.instance_dir.mkdir(mode=0o700)
        OffsetFile(self.clinic.instance_dir / "clock").seconds = offset_seconds
        self._keeper.start()
        self._is_up.wait()
        self.check()

    def stop(self) -> None:
        self._over.set()
        self._look_away.set()
        self._keeper.join()

    def forget(self) -> None:
        """Remove its files; the logs go with them."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def check(self) -> None:
        """Raise what ended the clinic, if something did."""
        if self.error is not None:
            raise self.error

    @contextmanager
    def unattended(self) -> Iterator[None]:
        """Nothing that dies in this block is started again before its end."""
        self._look_away.set()
        try:
            yield
        finally:
            self._look_away.clear()

    @property
    def database_url(self) -> str:
        """For a look at the database, past everything the clinic says about itself."""
        return read_environment_file(self.clinic.instance_dir / "environment")["DATABASE_URL"]

    @property
    def crash_points(self) -> Path:
        """Where deaths are ordered: `name count` per line (portal/crash.py)."""
        return self.clinic.instance_dir / "crash-points"

    def _keep(self) -> None:
        try:
            self.clinic.start()
            self._is_up.set()
            while not self._over.is_set():
                if self._look_away.is_set():
                    self._over.wait(0.1)
                else:
                    self.clinic.watch(self._look_away)
        except BaseException as error:
            self.error = error
        finally:
            self._is_up.set()
            self.clinic.stop()
