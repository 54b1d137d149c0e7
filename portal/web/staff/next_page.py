"""Where somebody goes after signing in: a page of the back office by its route's name, never an address from outside.

The name travels as `next`, the route's own values and filters beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import current_app, request, url_for
from werkzeug.routing import BuildError

from portal.web import access

Names = dict[str, Any]  # `next` and the values beside it, all of them texts

HOME = "staff.home.today"
# What narrows pages of the back office, and names nobody.
FILTERS = frozenset(
    {
        "about", "action", "calendar", "date", "ends", "first", "from", "last", "location", "month", "page", "part",
        "person", "practitioner", "start", "starts", "state", "time", "type", "view", "weekday", "what", "year",
    }
)  # fmt: skip


def sign_in_address(names: Names | None = None) -> str:
    """The sign-in page, which leads on to a page by its names, or to the page being asked for."""
    found = _names_of_this_page() if names is None else names
    return url_for("staff.sign_in.page", **found)


def again_address() -> str:
    """Where somebody is looked up again before the page they ask for."""
    return url_for("staff.sign_in.look_up_again", **_names_of_this_page())


def address(given: Mapping[str, str]) -> str:
    """The page that was asked for by name, or home."""
    values = asked(given)
    endpoint = values.pop("next", HOME)
    try:
        return url_for(endpoint, **values)
    except (BuildError, ValueError):  # a value that is missing, or that no such address can have
        return url_for(HOME)


def asked(given: Mapping[str, str]) -> Names:
    """What the sign-in page hands on: the name of a page of the back office, its values and its filters.

    Anything else stays behind: a page may be asked for with a patient's name, which must not reach other addresses.
    """
    endpoint = given.get("next", "")
    if not _is_page(endpoint):
        return {}
    its_own = {name for rule in current_app.url_map.iter_rules(endpoint) for name in rule.arguments}
    kept = {name: value for name, value in given.items() if name in FILTERS | its_own | {"next"}}
    if given.get("patient", "").isdecimal():  # by number; the audit's search has a field of this name as well
        kept["patient"] = given["patient"]
    return kept


def _is_page(endpoint: str) -> bool:
    """Whether staff can look at it."""
    if not isinstance(access.RULES.get(endpoint), frozenset) or endpoint == "staff.sign_in.look_up_again":
        return False
    return any("GET" in (rule.methods or ()) for rule in current_app.url_map.iter_rules(endpoint))


def _names_of_this_page() -> Names:
    if request.method not in ("GET", "HEAD") or request.endpoint is None or not _is_page(request.endpoint):
        return {}
    values = {**request.args, **{name: str(value) for name, value in (request.view_args or {}).items()}}
    return asked({**values, "next": request.endpoint})
