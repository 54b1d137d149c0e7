"""How MediRecords is called: the token, pages, and what each answer other than success means."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import requests

from portal.integrations import http
from portal.integrations import medirecords_contract as contract
from portal.integrations.http import Ambiguous, NotFound, PartnerError, Permanent, Transient
from portal.integrations.medirecords_values import ANSWER, Row

T = TypeVar("T")

SYSTEM = "medirecords"
MOST_PAGES = 500


class AuthRefused(Permanent):
    """The token is unknown, of the wrong kind, or not for this practice."""


class Refused(Permanent):
    """MediRecords found fault with what we sent. `parameters` names the fields; their values are not kept."""

    def __init__(self, parameters: tuple[str, ...], *, status: int | None = None) -> None:
        super().__init__(SYSTEM, f"refused {', '.join(parameters) or 'the request'}", status=status)
        self.parameters = parameters


class Conflict(Permanent):
    """The provider or the patient is already booked at that time."""


class Calls:
    """One practice's REST interface: `path` is a name of the contract's PATH, `ids` fill its blanks."""

    def __init__(self, base_url: str, practice_id: str, token: str, pace: Callable[[], None]) -> None:
        self._base_url = base_url
        self._practice_id = practice_id
        self._token = token
        self._pace = pace
        self._session = http.new_session()

    def get(self, path: str, query: Mapping[str, str] | None = None, **ids: str) -> Any:
        """The answer's JSON. A lost answer to a read is Transient, never Ambiguous."""
        return self._call("GET", path, ids, params=query)

    def write(self, method: str, path: str, body: Mapping[str, Any], **ids: str) -> Any:
        return self._call(method, path, ids, json=body)

    def pages(self, path: str, query: Mapping[str, str] | None = None) -> Iterator[Row]:
        """The rows of all pages, in the server's order."""
        for page in range(MOST_PAGES):
            counts = {ANSWER["page"]: str(page), ANSWER["size"]: str(contract.PAGE_SIZE.value)}
            answer = self.get(path, {**(query or {}), **counts})
            found = rows(answer)
            yield from found
            if isinstance(answer, list) or answer.get(ANSWER["is_last"], not found):
                return
        raise Permanent(SYSTEM, "a list without end")

    def _call(self, method: str, path: str, ids: Mapping[str, str], **kwargs: Any) -> Any:
        template = contract.PATH[path].value
        url = self._base_url + template.format(practice_id=self._practice_id, **ids)
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        self._pace()
        try:
            response = http.call(self._session, SYSTEM, method, url, template=template, headers=headers, **kwargs)
        except Transient as error:
            # `from None`: the cause's text holds the address, and with it a patient's email or phone.
            lost = Ambiguous if isinstance(error, Ambiguous) and method != "GET" else Transient
            raise lost(SYSTEM, error.code) from None
        if response.status_code not in contract.CREATED_STATUSES.value:
            raise _failure(response, method, path)
        try:
            return response.json()
        except ValueError:
            raise (Transient if method == "GET" else Ambiguous)(SYSTEM, "unreadable answer") from None


def rows(answer: Any) -> list[Any]:
    """The rows of a page or of a bare list: MediRecords answers with both."""
    found = answer.get(ANSWER["rows"]) if isinstance(answer, dict) else answer
    if not isinstance(found, list):
        raise Permanent(SYSTEM, "unreadable answer")
    return found


def read(parse: Callable[[Any], T], answer: Any, *, wrote: bool = False) -> T:
    """`parse(answer)`; an answer of another shape to a write that succeeded is as good as a lost one."""
    try:
        return parse(answer)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise (Ambiguous if wrote else Permanent)(SYSTEM, "unreadable answer") from None


def _failure(response: requests.Response, method: str, path: str) -> PartnerError:
    """What an answer other than success means. Bodies can echo the token and patient data: nothing of them is kept."""
    status = response.status_code
    message, parameters = _complaint(response)
    is_taken = status == 400 and re.search(contract.CONFLICT_WORDS.value, message, re.IGNORECASE)
    if status in (401, 403):
        return AuthRefused(SYSTEM, "access refused", status=status)
    if status == 404 or (status == 400 and re.search(contract.UNKNOWN_ID_WORDS.value, message)):
        return NotFound(SYSTEM, "not there", status=status)
    if path.startswith("appointment") and (status in contract.CONFLICT_STATUSES.value or is_taken):
        return Conflict(SYSTEM, "already booked", status=status)
    if status == 429:
        return Transient(SYSTEM, "too many calls", status=status, retry_after=http.retry_after_seconds(response))
    if status >= 500:
        return (Transient if method == "GET" else Ambiguous)(SYSTEM, "server error", status=status)
    return Refused(parameters, status=status)


def _complaint(response: requests.Response) -> tuple[str, tuple[str, ...]]:
    """The message for matching, and the names of the refused fields."""
    try:
        body = response.json()
    except ValueError:
        return "", ()
    if not isinstance(body, dict):
        return "", ()
    errors = [error for error in body.get(ANSWER["errors"]) or [] if isinstance(error, dict)]
    names = [str(error.get(ANSWER["parameter"], "")) for error in errors]
    messages = [str(each.get(ANSWER["message"], "")) for each in (body, *errors)]
    return " ".join(messages), tuple(name for name in names if re.fullmatch(r"[A-Za-z][\w.\[\]]{0,60}", name))
