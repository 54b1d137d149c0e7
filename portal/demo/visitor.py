"""Visits pages as a browser would, without a screen: it reads their forms and sends them."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import requests

from portal.demo.steps import DemoFailed


class Visitor:
    """A browser without a screen: follows redirects, keeps cookies, sends forms as they stand."""

    def __init__(self, base: str) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.address, self.page = base, _Forms()

    def open(self, address: str) -> None:
        self._go("GET", address)

    def choices(self, name: str) -> list[str]:
        """The values of the page's radio buttons or ticks of this name."""
        return [value for form in self.page.forms for value in form.choices.get(name, [])]

    def send(self, button: str, *, text: str = "", **answers: str) -> None:
        """Press the button whose words begin like this, with these answers; other choices take their first option,
        and other empty boxes `text`."""
        form, pressed = next(
            ((form, pressed) for form in self.page.forms for pressed in form.buttons if pressed[0].startswith(button)),
            (None, None),
        )
        if form is None or pressed is None:
            raise DemoFailed(f"There is no button {button!r} on {self.address} ({self.page.heading}).")
        typed = {name: value or text for name, value in form.fields.items()}
        data = {**typed, **{name: values[0] for name, values in form.choices.items()}, **answers}
        if pressed[1]:
            data[pressed[1]] = pressed[2]
        self._go("POST", form.action or self.address, data)

    def _go(self, method: str, address: str, data: dict[str, str] | None = None) -> None:
        target = urljoin(self.address, address)
        answer = self.session.request(method, target, data=data, timeout=20, allow_redirects=False)
        for cookie in self.session.cookies:
            # Chromium sends Secure cookies over plain http on loopback; requests drops them unless told otherwise.
            cookie.secure = False
        if answer.status_code >= 400:
            raise DemoFailed(f"{target} answered {answer.status_code}.")
        self.address = target
        if answer.is_redirect:
            return self._go("GET", answer.headers["Location"])
        self.page = _Forms()
        self.page.feed(answer.text)
        return None


@dataclass
class Form:
    """A form of a page, with what a browser would send."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)
    buttons: list[tuple[str, str, str]] = field(default_factory=list)  # words, name, value


class _Forms(HTMLParser):
    """Collects the forms of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.heading, self._in = "", ""
        self._button: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "h1":
            self._in = "h1"
        if tag == "form":
            self.forms.append(Form(given.get("action", "")))
        if not self.forms:
            return
        form, name = self.forms[-1], given.get("name", "")
        if tag == "button":
            self._button = ["", name, given.get("value", "")]
        elif tag == "textarea" and name:
            form.fields[name] = ""
        elif tag == "input" and name and given.get("type") in ("radio", "checkbox"):
            form.choices.setdefault(name, []).append(given.get("value", "on"))
        elif tag == "input" and name:
            form.fields[name] = given.get("value", "")

    def handle_data(self, data: str) -> None:
        if self._in == "h1":
            self.heading = (self.heading + data).strip()
        if self._button is not None:
            self._button[0] += data.strip()

    def handle_endtag(self, tag: str) -> None:
        if tag == "h1":
            self._in = ""
        if tag == "button" and self._button is not None and self.forms:
            words, name, value = self._button
            self.forms[-1].buttons.append((words, name, value))
            self._button = None
