"""The whole clinic as `make run` starts it, for tests of several processes; and a browser without a screen for it."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urljoin

import psycopg
import requests
from bs4 import BeautifulSoup, Tag

from portal.config import Settings, read_environment_file
from portal.local.clinic import Clinic
from tests.support.portal_server import reserve_port

T = TypeVar("T")
SETTING_NAMES = {one.name.upper() for one in fields(Settings)}


@contextmanager
def running_clinic(**environ: str) -> Iterator[Clinic]:
    """A fresh clinic on ports of its own. Rate limits are out of the way unless `environ` says otherwise."""
    bare = {name: value for name, value in os.environ.items() if name not in SETTING_NAMES}
    # Not below pytest's own folder: it takes from others the right to pass, which Postgres as root needs.
    folder = Path(tempfile.mkdtemp(prefix="portal-clinic-")).resolve()
    with reserve_port() as port, reserve_port() as sandbox_port:
        clinic = Clinic(
            bare | {"RATE_LIMIT_FACTOR": "1000"} | environ,
            instance_dir=folder,
            port=port.number,
            sandbox_port=sandbox_port.number,
        )
        clinic.start()
        try:
            yield clinic
        finally:
            clinic.stop()
            shutil.rmtree(folder, ignore_errors=True)


def query(clinic: Clinic, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Rows of the clinic's database."""
    url = read_environment_file(clinic.instance_dir / "environment")["DATABASE_URL"]
    with psycopg.connect(url) as connection:
        return connection.execute(sql.encode(), values).fetchall()


def emu(clinic: Clinic, path: str, **wanted: Any) -> Any:
    """A call to the sandbox's control plane; without anything wanted a look at its ledgers."""
    address = f"{clinic.sandbox_url}/_emu/{path}"
    answer = requests.post(address, json=wanted, timeout=10) if wanted else requests.get(address, timeout=10)
    answer.raise_for_status()
    return answer.json()


def until(look: Callable[[], T | None], what: str, seconds: float = 40.0) -> T:
    """Look again until there is something; fails after a while."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what} did not happen in {seconds} s"
        time.sleep(0.2)
    return found


def heal(clinic: Clinic, seconds: float = 2.5) -> None:
    """Let the supervisor start again what has died."""
    done = threading.Event()
    timer = threading.Timer(seconds, done.set)
    timer.start()
    clinic.watch(done)


@dataclass
class Seen:
    """A page that came over the wire."""

    status: int
    address: str
    soup: BeautifulSoup

    @property
    def heading(self) -> str:
        return self.soup.h1.get_text(" ", strip=True) if self.soup.h1 else ""

    @property
    def times(self) -> list[str]:
        return [str(radio["value"]) for radio in self.soup.select("input[name=slot]")]

    @property
    def nearest(self) -> list[str]:
        return [str(radio["value"]) for radio in self.soup.select(".nearest input")]

    @property
    def problem(self) -> str:
        """What the summary above a form says went wrong."""
        summary = self.soup.select_one(".error-summary")
        return summary.get_text(" ", strip=True) if summary else ""

    def form(self, button: str) -> Tag:
        for pressed in self.soup.select("main button"):
            if pressed.get_text(" ", strip=True).startswith(button):
                form = pressed.find_parent("form")
                assert isinstance(form, Tag)
                return form
        raise AssertionError(f"no button {button!r} at {self.address} ({self.status} {self.heading!r})")


class HttpVisitor:
    """A browser's manners over real HTTP: cookies, redirects, forms. `urls` are all addresses it was sent to."""

    def __init__(self, base: str) -> None:
        self.base, self.urls = base, list[str]()
        self.session = requests.Session()
        self.session.trust_env = False

    def get(self, path: str) -> Seen:
        return self._go("GET", urljoin(self.base, path))

    def submit(self, page: Seen, button: str, **fields: Any) -> Seen:
        """Press a button after filling in some of its form's fields."""
        form = page.form(button)
        data = {str(box["name"]): box.get("value", "") for box in form.select("input[type=hidden]")}
        return self._go("POST", urljoin(page.address, str(form.get("action") or page.address)), data | fields)

    def _go(self, method: str, address: str, data: dict[str, Any] | None = None) -> Seen:
        headers = {"Origin": self.base} if method == "POST" else {}
        for _ in range(10):
            self.urls.append(address)
            answer = self.session.request(
                method, address, data=data, headers=headers, timeout=60, allow_redirects=False
            )
            for cookie in self.session.cookies:
                # Browsers send Secure cookies over plain http on loopback; requests needs to be talked into it.
                cookie.secure = False
            if not answer.is_redirect:
                return Seen(answer.status_code, address, BeautifulSoup(answer.text, "html.parser"))
            method, data, headers = "GET", None, {}
            address = urljoin(address, answer.headers["Location"])
        raise AssertionError(f"ten redirects in a row, the last to {address}")
