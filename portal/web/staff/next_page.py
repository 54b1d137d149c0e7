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
    """What the sign-in page hands on: the name of a page of the back office, and its values."""
    endpoint = given.get("next", "")
    if not _is_page(endpoint):
        return {}
    # What begins with an underscore would steer url_for, to another host for example.
    steers = ("_", "endpoint", "csrf_token")
    return {name: value for name, value in given.items() if not name.startswith(steers)}


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
