"""Checks an id token of Entra: signature, issuer, audience, tenant, times, nonce, and the second factor.

https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference
"""

from __future__ import annotations

import hmac
import threading
import time
from typing import Any

import jwt
import requests

from portal.integrations.http import Transient

KEEP_KEYS_SECONDS = 24 * 3600
LEEWAY_SECONDS = 60  # how far two clocks may be apart
NEEDED = ["exp", "iat", "iss", "aud", "tid", "oid", "nonce"]


class BadToken(Exception):
    """The token proves nothing. `reason` is one word for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Keys:
    """The tenant's public keys by id, fetched when one is needed that we do not know. Microsoft changes them."""

    def __init__(self, session: requests.Session, url: str) -> None:
        self._session, self._url = session, url
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = 0.0
        self._lock = threading.Lock()

    def get(self, key_id: str) -> jwt.PyJWK:
        """Raises BadToken for a key that is not theirs, Transient when nobody answers."""
        with self._lock:
            if key_id not in self._keys or time.monotonic() - self._fetched_at > KEEP_KEYS_SECONDS:
                self._fetch()
            if key_id not in self._keys:
                raise BadToken("unknown-key")
            return self._keys[key_id]

    def _fetch(self) -> None:
        response = self._session.get(self._url)
        if response.status_code != 200:
            raise Transient("entra", "keys refused", status=response.status_code)
        found = [key for key in response.json()["keys"] if key.get("kty") == "RSA" and key.get("use", "sig") == "sig"]
        self._keys = {key["kid"]: jwt.PyJWK(key, algorithm="RS256") for key in found}
        self._fetched_at = time.monotonic()


def verify(
    token: str, keys: Keys, *, issuer: str, tenant_id: str, audience: str, nonce: str, mfa_context: str
) -> dict[str, Any]:
    """The token's claims. Raises BadToken; a token keeps real time, whatever the portal's clock says."""
    claims = _claims(token, keys, issuer, audience)
    if claims["tid"] != tenant_id:
        raise BadToken("wrong-tenant")
    if not hmac.compare_digest(str(claims["nonce"]), nonce):
        raise BadToken("wrong-nonce")
    fulfilled = claims.get("acrs")
    if not isinstance(fulfilled, list) or mfa_context not in fulfilled:
        raise BadToken("no-second-factor")
    return claims


def _claims(token: str, keys: Keys, issuer: str, audience: str) -> dict[str, Any]:
    try:
        head = jwt.get_unverified_header(token)
        if head.get("alg") != "RS256":
            raise BadToken("wrong-algorithm")
        claims: dict[str, Any] = jwt.decode(
            token,
            keys.get(str(head.get("kid", ""))).key,
            algorithms=["RS256"],
            issuer=issuer,
            audience=audience,
            leeway=LEEWAY_SECONDS,
            options={"require": NEEDED, "strict_aud": True},
        )
    except jwt.InvalidTokenError as error:
        raise BadToken(_REASONS.get(type(error), "malformed")) from error
    return claims


_REASONS: dict[type[jwt.InvalidTokenError], str] = {
    jwt.ExpiredSignatureError: "expired",
    jwt.ImmatureSignatureError: "not-yet-valid",
    jwt.InvalidAudienceError: "wrong-audience",
    jwt.InvalidIssuerError: "wrong-issuer",
    jwt.InvalidSignatureError: "wrong-signature",
    jwt.MissingRequiredClaimError: "claim-missing",
}
