"""A page as a person meets it: heading, errors, links and forms. The only thing in the tests that knows HTML."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from bs4 import BeautifulSoup, Tag
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

if TYPE_CHECKING:
    from tests.support.visitor import Visitor


class Page:
    """One answer of the portal, parsed. What follows a link or sends a form answers the next Page."""

    def __init__(self, visitor: Visitor, response: TestResponse) -> None:
        self.visitor, self.response = visitor, response
        self.soup = BeautifulSoup(response.text, "html.parser")

    def __repr__(self) -> str:
        return f"<Page {self.response.status_code} {self.url} {self.heading!r}>"

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def url(self) -> str:
        """The path and query it was found at."""
        request = self.response.request
        return request.full_path.rstrip("?")

    @property
    def left_for(self) -> str | None:
        """The address outside the portal that this answer sends the browser to, such as Stripe's page."""
        return self.response.location

    @property
    def title(self) -> str:
        return _words(self.soup.title)

    @property
    def heading(self) -> str:
        return _words(self.soup.h1)

    @property
    def text(self) -> str:
        """All words of the page, with single spaces."""
        return _words(self.soup.body or self.soup)

    def has(self, words: str) -> bool:
        return words in self.text

    @property
    def errors(self) -> list[str]:
        """The lines of the error summary."""
        return [_words(link) for link in self.soup.select(".error-summary a")]

    def error_for(self, field: str) -> str | None:
        """What stands at the field itself."""
        found = self.soup.find(id=f"{field}-error")
        return _words(found).removeprefix("Error: ") if found else None

    def part(self, selector: str) -> Page:
        """Only what is inside the one element that fits the selector."""
        found = self.soup.select(selector)
        assert len(found) == 1, f"{len(found)} elements fit {selector!r} on {self!r}"
        inner = Page(self.visitor, self.response)
        inner.soup = BeautifulSoup(str(found[0]), "html.parser")
        return inner

    @property
    def links(self) -> dict[str, str]:
        """Addresses by what the link says; of several that say the same, the first."""
        found: dict[str, str] = {}
        for link in self.soup.select("a[href]"):
            found.setdefault(_label(link), str(link["href"]))
        return found

    @property
    def buttons(self) -> list[str]:
        return [_label(button) for button in self._buttons()]

    def follow(self, link: str) -> Page:
        """Click the link that says this."""
        assert link in self.links, f"no link {link!r} on {self!r}; there are {sorted(self.links)}"
        return self.visitor.page(urljoin(self.response.request.path, self.links[link]))

    def value(self, field: str) -> Any:
        """What a field holds now: a text, the list of ticked boxes, or None."""
        controls = self._named(field)
        assert controls, f"no field {field!r} on {self!r}"
        values = [value for control in controls for value in _current(control)]
        if controls[0].get("type") == "checkbox":
            return values
        return values[0] if values else None

    def choices(self, field: str) -> dict[str, str]:
        """What can be chosen for a field: the words of each choice by the value it sends."""
        controls = self._named(field)
        if controls and controls[0].name == "select":
            return {str(one.get("value", _words(one))): _words(one) for one in controls[0].find_all("option")}
        return _words_of_choices(self.soup, controls)

    def submit(self, button: str, /, **fields: Any) -> Page:
        """Press the button that says this, after filling in its form. The other fields go along as they are.

        Radios and selects take the value or the words of a choice, checkboxes True, False or a list of those,
        files a (stream, name) pair. Names and choices that the form does not have are refused.
        """
        pressed = self._button(button)
        form = self._form_of(pressed)
        data = _filled_in(form, self._controls(form), fields)
        if pressed.get("name"):
            data.add(str(pressed["name"]), str(pressed.get("value", "")))
        action = pressed.get("formaction") or form.get("action") or self.url
        path = urljoin(self.response.request.path, str(action))
        method = str(pressed.get("formmethod") or form.get("method") or "get").lower()
        return self.visitor.send(method, path, data)

    def _named(self, field: str) -> list[Tag]:
        return [control for control in self.soup.select("[name]") if control["name"] == field]

    def _buttons(self) -> list[Tag]:
        return self.soup.select("button:not([type=button]), input[type=submit]")

    def _button(self, words: str) -> Tag:
        found = [button for button in self._buttons() if _label(button) == words]
        assert found, f"no button {words!r} on {self!r}; there are {self.buttons}"
        assert len(found) == 1, f"{len(found)} buttons say {words!r} on {self!r}; narrow it down with part()"
        return found[0]

    def _form_of(self, button: Tag) -> Tag:
        form = self.soup.find("form", id=button["form"]) if button.get("form") else button.find_parent("form")
        assert isinstance(form, Tag), f"the button {_label(button)!r} is in no form"
        return form

    def _controls(self, form: Tag) -> list[Tag]:
        """The fields of a form, also those that stand elsewhere and name it."""
        named = "input[name], select[name], textarea[name]"
        inside = [control for control in form.select(named) if control.get("form") in (None, form.get("id"))]
        elsewhere = self.soup.select(f'[form="{form["id"]}"][name]') if form.get("id") else []
        fields = inside + [control for control in elsewhere if control not in inside and control.name != "button"]
        return [field for field in fields if not _is_disabled(field) and field.get("type") != "submit"]


def _filled_in(form: Tag, controls: list[Tag], wanted: dict[str, Any]) -> MultiDict[str, Any]:
    names = list(dict.fromkeys(str(control["name"]) for control in controls))
    unknown = set(wanted) - set(names)
    assert not unknown, f"the form has no {sorted(unknown)}; it has {names}"
    data: MultiDict[str, Any] = MultiDict()
    for name in names:
        group = [control for control in controls if control["name"] == name]
        values = _chosen(form, group, wanted[name]) if name in wanted else [v for one in group for v in _current(one)]
        for value in values:
            data.add(name, value)
    return data


def _chosen(form: Tag, group: list[Tag], wanted: Any) -> list[Any]:
    """The values that a person's choice sends."""
    first = group[0]
    if first.name == "select":
        choices = {str(o.get("value", _words(o))): _words(o) for o in first.find_all("option")}
    elif first.get("type") in ("radio", "checkbox"):
        choices = _words_of_choices(form, group)
    else:
        return [] if wanted is None else [wanted if isinstance(wanted, tuple) else str(wanted)]
    if isinstance(wanted, bool):
        assert len(choices) == 1, f"{first['name']} has several choices: {choices}"
        return list(choices) if wanted else []
    several = [wanted] if isinstance(wanted, str | int) else list(wanted or [])
    return [_one_of(choices, str(one), str(first["name"])) for one in several]


def _one_of(choices: dict[str, str], wanted: str, name: str) -> str:
    if wanted in choices:
        return wanted
    for value, words in choices.items():
        if words == wanted:
            return value
    raise AssertionError(f"{name} offers no {wanted!r}; it offers {choices}")


def _current(control: Tag) -> list[str]:
    """What a browser sends for a control that nobody touched."""
    if control.name == "select":
        options = control.select("option[selected]") or (
            [] if control.has_attr("multiple") else control.select("option")[:1]
        )
        return [str(option.get("value", _words(option))) for option in options]
    if control.name == "textarea":
        return [control.get_text().removeprefix("\n")]
    if control.get("type") in ("radio", "checkbox"):
        return [str(control.get("value", "on"))] if control.has_attr("checked") else []
    if control.get("type") == "file":
        return []
    return [str(control.get("value", ""))]


def _is_disabled(control: Tag) -> bool:
    return control.has_attr("disabled") or control.find_parent("fieldset", disabled=True) is not None


def _words_of_choices(form: Tag, controls: list[Tag]) -> dict[str, str]:
    """What each radio or checkbox says, by the value it sends."""
    labels = {label["for"]: label for label in form.find_all("label", attrs={"for": True})}
    found = [(control, labels.get(control.get("id") or "") or control.find_parent("label")) for control in controls]
    return {str(control.get("value", "on")): _words(label) for control, label in found}


def _label(element: Tag) -> str:
    """What a link or button says, to the eye or to a screen reader."""
    return str(element.get("aria-label") or _words(element) or element.get("value") or "")


def _words(element: Tag | None) -> str:
    return _joined(element.stripped_strings) if element is not None else ""


def _joined(strings: Iterable[str]) -> str:
    return " ".join(" ".join(strings).split())
