"""How Stripe's objects are named, kept, listed and expanded here."""

from __future__ import annotations

import operator
import secrets
import string
from collections.abc import Callable, Iterable

from portal.sandbox.core import Json, Sandbox
from portal.sandbox.stripe.errors import StripeError, missing

SYSTEM = "stripe"
ALPHABET = string.ascii_letters + string.digits
COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
# What each kind of object names by id, and the kind behind that id.
EXPANDABLE = {
    "checkout.session": {"payment_intent": "payment_intent"},
    "payment_intent": {"latest_charge": "charge"},
    "charge": {"payment_intent": "payment_intent"},
    "refund": {"payment_intent": "payment_intent", "charge": "charge"},
    "dispute": {"payment_intent": "payment_intent", "charge": "charge"},
}


def new_id(prefix: str, length: int = 24) -> str:
    return f"{prefix}_{''.join(secrets.choice(ALPHABET) for _ in range(length))}"


def timestamp(sandbox: Sandbox) -> int:
    return int(sandbox.now().timestamp())


def put(sandbox: Sandbox, thing: Json) -> Json:
    """Keep an object by its kind and id. Keys that begin with an underscore are ours and never leave."""
    return sandbox.store.put(SYSTEM, thing["object"], thing["id"], thing)


def get(sandbox: Sandbox, kind: str, id: str, param: str = "id") -> Json:
    """One object; raises the 404 that names `param`."""
    thing = sandbox.store.get(SYSTEM, kind, id)
    if thing is None:
        raise missing(kind, id, param)
    return thing


def newest_first(sandbox: Sandbox, kind: str) -> list[Json]:
    return list(reversed(sandbox.store.all(SYSTEM, kind)))


def public(thing: Json) -> Json:
    return {key: value for key, value in thing.items() if not key.startswith("_")}


def is_created_within(thing: Json, limits: Json) -> bool:
    return all(COMPARISONS[name](thing["created"], limit) for name, limit in limits.items())


def page_of(things: Iterable[Json], params: Json, url: str) -> Json:
    """One page of a list, newest first, after or before the cursor in `params`."""
    rows = [public(thing) for thing in things]
    limit = params.get("limit", 10)
    if "ending_before" in params:
        rows = rows[: _place(rows, params["ending_before"], "ending_before")]
        page, has_more = rows[-limit:], len(rows) > limit
    else:
        if "starting_after" in params:
            rows = rows[_place(rows, params["starting_after"], "starting_after") + 1 :]
        page, has_more = rows[:limit], len(rows) > limit
    return {"object": "list", "data": page, "has_more": has_more, "url": url}


def _place(rows: list[Json], id: str, param: str) -> int:
    for place, row in enumerate(rows):
        if row["id"] == id:
            return place
    raise missing("object", id, param)


def check_expand(kind: str | None, is_list: bool, paths: list[str]) -> None:
    """Refuse what cannot be expanded, before anything is done."""
    for path in paths:
        steps = path.split(".")
        at = kind
        if is_list and steps.pop(0) != "data":
            at = None
        for step in steps or [""]:
            at = EXPANDABLE.get(at or "", {}).get(step)
            if at is None:
                message = f"This property cannot be expanded ({path})."
                raise StripeError(400, message, param="expand", is_stored=False)


def expand(sandbox: Sandbox, thing: Json, paths: list[str]) -> Json:
    """Replace ids by the objects they name, such as `payment_intent.latest_charge`; `data.` reaches into a list."""
    for path in paths:
        if thing["object"] == "list":
            for row in thing["data"]:
                _expand_one(sandbox, row, path.removeprefix("data."))
        else:
            _expand_one(sandbox, thing, path)
    return thing


def _expand_one(sandbox: Sandbox, thing: Json, path: str) -> None:
    head, _, rest = path.partition(".")
    if isinstance(thing[head], str):
        thing[head] = public(get(sandbox, EXPANDABLE[thing["object"]][head], thing[head]))
    if rest and thing[head] is not None:
        _expand_one(sandbox, thing[head], rest)
