"""What all clients share: one session with timeouts, one log line per call, and the two ways a call can fail."""

from __future__ import annotations

import time
from typing import Any

import requests
import structlog
from requests.adapters import HTTPAdapter

log = structlog.get_logger(__name__)

CONNECT_SECONDS, READ_SECONDS = 3.05, 15.0


class PartnerError(Exception):
    """An outside system did not do what we asked. `system` and `code` are safe to log and to show to staff."""

    def __init__(self, system: str, code: str, *, status: int | None = None) -> None:
        super().__init__(f"{system}: {code}" + (f" (HTTP {status})" if status else ""))
        self.system, self.code, self.status = system, code, status


class Transient(PartnerError):
    """Worth another try later. `retry_after` is the partner's own wish in seconds, if it named one."""

    def __init__(self, system: str, code: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(system, code, status=status)
        self.retry_after = retry_after


class Ambiguous(Transient):
    """The answer was lost or broken: the call may have taken effect. Look before doing it again."""


class Permanent(PartnerError):
    """Trying again cannot help; a person has to look."""


class NotFound(Permanent):
    """The thing we asked for is not there."""


def new_session(pool: int = 8) -> requests.Session:
    """A session that ignores proxy and CA variables: REQUESTS_CA_BUNDLE would silently win over our own choice."""
    session = requests.Session()
    session.trust_env = False
    adapter = HTTPAdapter(pool_connections=pool, pool_maxsize=pool)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def call(
    session: requests.Session, system: str, method: str, url: str, *, template: str, **kwargs: Any
) -> requests.Response:
    """One HTTP call without redirects. Logs `template` (the path without ids), status and duration; never bodies.

    Raises Transient when the connection could not be made, Ambiguous when it broke after the request went out.
    The status is the caller's business. Causes are not chained: their text holds the address with what was looked up.
    """
    started = time.monotonic()
    kwargs.setdefault("timeout", (CONNECT_SECONDS, READ_SECONDS))
    status: int | str = "lost"
    try:
        response = session.request(method, url, allow_redirects=False, **kwargs)
        status = response.status_code
        return response
    except (requests.ConnectTimeout, requests.exceptions.SSLError) as error:
        raise Transient(system, type(error).__name__) from None
    except requests.ConnectionError as error:
        refused = "NewConnectionError" in repr(error) or "NameResolutionError" in repr(error)
        raise (Transient if refused else Ambiguous)(system, type(error).__name__) from None
    except requests.RequestException as error:
        raise Ambiguous(system, type(error).__name__) from None
    finally:
        log.info(
            "partner.call",
            system=system,
            method=method,
            path=template,
            status=status,
            duration_ms=round((time.monotonic() - started) * 1000),
        )


def retry_after_seconds(response: requests.Response, cap: float = 300.0) -> float | None:
    """Retry-After in seconds; Graph sends fractions such as 2.128. None when absent or unreadable."""
    try:
        return min(cap, max(0.0, float(response.headers["Retry-After"])))
    except (KeyError, ValueError):
        return None
