"""How Graph says things: errors, the Prefer header, item ids and links."""

from __future__ import annotations

import re
import secrets
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from flask import Response, jsonify, request

from portal.sandbox.core import Json

IMMUTABLE, REGULAR = "AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0A", "AAMkAGI2TGuLAAA"
CORE_LENGTH = 40


class GraphError(Exception):
    """A refusal in Graph's words; `extra` are further keys of the error object."""

    def __init__(
        self, status: int, code: str, message: str, *, extra: Json | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.extra, self.headers = extra or {}, headers or {}


def item_not_found() -> GraphError:
    return GraphError(404, "ErrorItemNotFound", "The specified object was not found in the store.")


def bad_property(name: str, why: str) -> GraphError:
    return GraphError(400, "ErrorPropertyValidationFailure", f"At least one property failed validation: {name} {why}.")


def bad_query(why: str) -> GraphError:
    return GraphError(400, "ErrorInvalidUrlQuery", f"The query is not supported: {why}.")


def error_response(error: GraphError) -> Response:
    inner = {
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "request-id": str(uuid.uuid4()),
        "client-request-id": request.headers.get("client-request-id", ""),
    }
    body = {"code": error.code, "message": error.message, **error.extra, "innerError": inner}
    response = jsonify({"error": body})
    response.status_code = error.status
    response.headers.update(error.headers)
    return response


@dataclass(frozen=True)
class Preferences:
    """What the Prefer header asks for."""

    immutable: bool = False
    zone: str | None = None
    text_body: bool = False
    page_size: int | None = None
    asked: dict[str, str] = field(default_factory=dict)


def preferences() -> Preferences:
    """The Prefer headers of this request; several values may share one header."""
    pairs = re.findall(r'([\w.\-]+)\s*=\s*"?([^",;]*)"?', ",".join(request.headers.getlist("Prefer")))
    asked = {name.lower(): value.strip() for name, value in pairs}
    size = asked.get("odata.maxpagesize", "")
    return Preferences(
        immutable=asked.get("idtype") == "ImmutableId",
        zone=asked.get("outlook.timezone"),
        text_body=asked.get("outlook.body-content-type", "").lower() == "text",
        page_size=int(size) if size.isdecimal() and int(size) > 0 else None,
        asked=asked,
    )


def new_core() -> str:
    """What both ids of an item share: letters of either case, digits, - and _."""
    return secrets.token_urlsafe(CORE_LENGTH)[:CORE_LENGTH]


def public_id(core: str, folder: str, immutable: bool) -> str:
    """An item's id in the asked format. The regular one changes with the folder, the immutable one never does."""
    return f"{IMMUTABLE}{core}=" if immutable else f"{REGULAR}{core}{folder}="


def core_of(item_id: str) -> tuple[str, str | None]:
    """The core of an id in either format, and the folder that a regular id names. Ids are case-sensitive."""
    for prefix, folder_length in ((IMMUTABLE, 0), (REGULAR, 1)):
        core = item_id.removeprefix(prefix)[:CORE_LENGTH]
        tail = item_id[len(prefix) + CORE_LENGTH :]
        if item_id.startswith(prefix) and len(tail) == folder_length + 1 and tail.endswith("="):
            return core, tail[:-1] or None
    raise GraphError(400, "ErrorInvalidIdMalformed", "Id is malformed.")


def graph_root() -> str:
    """The base url as this caller knows it."""
    return request.host_url.rstrip("/") + "/graph/v1.0"


def link(**changed: Any) -> str:
    """This request's address with some query parameters changed; None takes one away."""
    query = {**request.args.to_dict(), **{name.replace("_", "$", 1): value for name, value in changed.items()}}
    kept = {name: value for name, value in query.items() if value is not None}
    return f"{graph_root()}{request.path.removeprefix('/graph/v1.0')}?{urlencode(kept, quote_via=quote)}"


def collection(rows: list[Json], context: str, size: int) -> Json:
    """One page of rows, with a nextLink while there are more."""
    start = _offset()
    page: Json = {"@odata.context": f"{graph_root()}/$metadata#{context}", "value": rows[start : start + size]}
    if start + size < len(rows):
        page["@odata.nextLink"] = link(_skip=start + size)
    return page


def page_size(default: int) -> int:
    """$top, else the maxpagesize preference, else the default."""
    top = request.args.get("$top", "")
    if not top:
        return preferences().page_size or default
    if not top.isdecimal() or not 1 <= int(top) <= 1000:
        raise bad_query(f"$top={top}")
    return int(top)


def _offset() -> int:
    skip = request.args.get("$skip", "0")
    if not skip.isdecimal():
        raise bad_query(f"$skip={skip}")
    return int(skip)


def json_body() -> Json:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise GraphError(400, "BadRequest", "Unable to read JSON request payload. Please ensure Content-Type header.")
    return body
