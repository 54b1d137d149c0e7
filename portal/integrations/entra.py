"""Tokens from Microsoft Entra ID through msal, in production and against the sandbox's plain http."""

from __future__ import annotations

import threading
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

import msal
import requests
from msal.exceptions import MsalServiceError
from requests.adapters import HTTPAdapter

from portal.integrations.http import CONNECT_SECONDS, Permanent, Transient, retry_after_seconds

MICROSOFT = "https://login.microsoftonline.com"
GRAPH_SCOPE = "https://graph.microsoft.com/.default"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
READ_SECONDS = 10.0


class TokenCacheStore(Protocol):
    """Where the token cache lives between processes. The blob holds a bearer token: keep it sealed."""

    def load(self) -> str | None: ...

    def save(self, blob: str) -> None: ...


class EntraSession(requests.Session):
    """The session msal is given. It is then the only one to set timeouts, and to say that a failure may pass.

    Raises Transient when Entra cannot be reached, is busy or is broken; msal would otherwise remember that answer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False  # CA and proxy variables would silently win over our own choice

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs.setdefault("timeout", (CONNECT_SECONDS, READ_SECONDS))
        try:
            response = super().request(*args, **kwargs)
        except requests.RequestException as error:
            # Asking for a token changes nothing, so a lost answer is no worse than no answer.
            raise Transient("entra", type(error).__name__) from error
        if response.status_code == 429 or response.status_code >= 500:
            wish = retry_after_seconds(response)
            raise Transient("entra", "unavailable", status=response.status_code, retry_after=wish)
        return response


class PlainHttp(HTTPAdapter):
    """Carries https urls to a plain-http server on this machine: msal accepts no other urls."""

    def __init__(self, netloc: str) -> None:
        super().__init__()
        self._netloc = netloc

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        parts = urlsplit(request.url or "")
        request.url = urlunsplit(("http", self._netloc, str(parts.path), str(parts.query), ""))
        return super().send(request, **kwargs)


def session_for(authority: str) -> requests.Session:
    """The session for everything at login.microsoftonline.com, the keys of id tokens included.

    An http `authority` is the sandbox: the addresses stay those of production, the calls go there instead.
    Raises ValueError for plain http to another machine.
    """
    session, parts = EntraSession(), urlsplit(authority)
    if parts.scheme == "http":
        if parts.hostname not in LOOPBACK:
            raise ValueError(f"{authority} is plain http and not on this machine.")
        session.mount(f"{MICROSOFT}/", PlainHttp(parts.netloc))
    return session


def confidential_app(
    *, authority: str, tenant_id: str, client_id: str, client_secret: str, cache: msal.TokenCache | None = None
) -> msal.ConfidentialClientApplication:
    """An msal application. Building it asks Entra for its endpoints, so build it at the first use.

    `authority` is "https://login.microsoftonline.com", or the sandbox as "http://localhost:8001".
    """
    session, is_local = session_for(authority), urlsplit(authority).scheme == "http"
    try:
        return msal.ConfidentialClientApplication(
            client_id,
            client_credential=client_secret,
            authority=f"{MICROSOFT if is_local else authority}/{tenant_id}",
            http_client=session,
            token_cache=cache,
            exclude_scopes=["offline_access"],
            **({"instance_discovery": False} if is_local else {}),
        )
    except ValueError as error:
        raise Permanent("entra", "discovery refused") from error


class AppTokens:
    """Bearer tokens of the worker registration (client credentials), shared between processes by `cache`."""

    def __init__(
        self, *, authority: str, tenant_id: str, client_id: str, client_secret: str, cache: TokenCacheStore
    ) -> None:
        self._settings = {"authority": authority, "tenant_id": tenant_id, "client_id": client_id}
        self._client_secret = client_secret
        self._store = cache
        self._cache = msal.SerializableTokenCache()
        self._app: msal.ConfidentialClientApplication | None = None
        self._lock = threading.Lock()

    def bearer(self) -> str:
        """A token with at least five minutes left. Raises Transient, or Permanent if Entra refuses us."""
        with self._lock:
            if blob := self._store.load():
                self._cache.deserialize(blob)
            try:
                result = self._built().acquire_token_for_client(scopes=[GRAPH_SCOPE])
            except MsalServiceError as error:
                raise Transient("entra", "unavailable") from error
            if self._cache.has_state_changed:
                self._store.save(self._cache.serialize())
        return _token_of(result)

    def forget(self) -> None:
        """Drop what is cached: Graph has refused the token although it seems to be in date."""
        with self._lock:
            self._cache.deserialize(None)
            self._store.save(self._cache.serialize())

    def _built(self) -> msal.ConfidentialClientApplication:
        if self._app is None:
            self._app = confidential_app(**self._settings, client_secret=self._client_secret, cache=self._cache)
        return self._app


def _token_of(result: dict[str, Any]) -> str:
    if "access_token" in result:
        return str(result["access_token"])
    # The number says more than the OAuth word, such as AADSTS7000215 for a wrong secret.
    numbers = result.get("error_codes") or []
    raise Permanent("entra", f"AADSTS{numbers[0]}" if numbers else "token refused")
