"""Signs staff in with Microsoft Entra ID: authorization code with PKCE, and our own check of the id token.

msal keeps state, nonce and verifier in a "flow" that belongs into the browser's server-side session. Since 1.38 it
leaves the id token unchecked, so id_tokens.py does that.
"""

from __future__ import annotations

import hashlib
import json
import threading
import warnings
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msal
from msal.exceptions import MsalServiceError

from portal.integrations import id_tokens
from portal.integrations.entra import MICROSOFT, confidential_app, session_for
from portal.integrations.http import Permanent, Transient
from portal.integrations.id_tokens import BadToken

Flow = dict[str, Any]  # JSON values only

# msal would rather be answered by form_post. That comes from another site, without our Lax cookie.
warnings.filterwarnings("ignore", message="response_mode='form_post' is recommended", category=UserWarning)


class Refused(Exception):
    """Microsoft's answer lets nobody in. `reason` is a word for the log, never anything a stranger chose."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NobodyThere(Refused):
    """Asked silently, Microsoft would have to ask the person something."""


@dataclass(frozen=True)
class Identity:
    """Who has signed in. Tenant and oid are who they are; the rest is for showing, but for the roles."""

    tenant_id: str
    oid: str
    name: str
    email: str
    roles: tuple[str, ...]
    login_hint: str


class ForgetsTokens(msal.TokenCache):  # type: ignore[misc]
    """We need no token after the sign-in: a cache would only keep everybody's until the process ends."""

    def add(self, event: dict[str, Any], now: float | None = None) -> None:
        return None


class StaffSignIn:
    """The registration that staff sign in with. `mfa_context` is the authentication context that asks for MFA."""

    def __init__(self, *, authority: str, tenant_id: str, client_id: str, client_secret: str, mfa_context: str) -> None:
        self._settings = {"authority": authority, "tenant_id": tenant_id, "client_id": client_id}
        self._client_secret, self._mfa_context = client_secret, mfa_context
        self._authority = authority
        self._keys = id_tokens.Keys(session_for(authority), f"{MICROSOFT}/{tenant_id}/discovery/v2.0/keys")
        self._app: msal.ConfidentialClientApplication | None = None
        self._lock = threading.Lock()

    def begin(self, redirect_uri: str, *, silently_as: str | None = None) -> Flow:
        """What the session keeps; `auth_uri` is where the browser goes. Raises Transient.

        The person shows Microsoft anew who they are, whoever is signed in there in this browser; or, `silently_as` a
        login hint, nobody is asked anything.
        https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
        """
        asks = {"prompt": "login"} if silently_as is None else {"prompt": "none", "login_hint": silently_as}
        claims = {"id_token": {"acrs": {"essential": True, "value": self._mfa_context}}}
        flow = self._built().initiate_auth_code_flow(
            [], redirect_uri=redirect_uri, response_mode="query", claims_challenge=json.dumps(claims), **asks
        )
        return dict(flow)

    def finish(self, flow: Flow, answer: dict[str, str]) -> Identity:
        """Who came back with this answer to this flow. Raises Refused or Transient."""
        if answer.get("error"):
            raise _refusal(answer["error"])
        # msal takes the id token's nonce out of the flow as it goes.
        nonce = hashlib.sha256(str(flow.get("nonce", "")).encode()).hexdigest()
        try:
            result = self._built().acquire_token_by_auth_code_flow(dict(flow), answer)
        except (ValueError, RuntimeError) as error:
            raise Refused("state-or-nonce") from error
        except MsalServiceError as error:
            raise Transient("entra", "unavailable") from error
        if "id_token" not in result:
            raise _refusal(str(result.get("error")))
        try:
            return self._identity(result["id_token"], nonce)
        except BadToken as error:
            raise Refused(error.reason) from error

    def sign_out_address(self, come_back_to: str, login_hint: str) -> str:
        """Where Microsoft's own session ends.

        https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#send-a-sign-out-request
        """
        asked = {"post_logout_redirect_uri": come_back_to, **({"logout_hint": login_hint} if login_hint else {})}
        return f"{self._authority}/{self._settings['tenant_id']}/oauth2/v2.0/logout?{urlencode(asked)}"

    def _identity(self, id_token: str, nonce: str) -> Identity:
        claims = id_tokens.verify(
            id_token,
            self._keys,
            issuer=f"{MICROSOFT}/{self._settings['tenant_id']}/v2.0",
            tenant_id=self._settings["tenant_id"],
            audience=self._settings["client_id"],
            nonce=nonce,
            mfa_context=self._mfa_context,
        )
        return Identity(
            tenant_id=claims["tid"],
            oid=claims["oid"],
            name=str(claims.get("name") or claims.get("preferred_username") or "Without a name"),
            email=str(claims.get("preferred_username", "")),
            roles=tuple(role for role in claims.get("roles", ()) if isinstance(role, str)),
            login_hint=str(claims.get("login_hint") or claims.get("preferred_username") or ""),
        )

    def _built(self) -> msal.ConfidentialClientApplication:
        """Building it asks Entra for its endpoints, so that waits for the first sign-in."""
        with self._lock:
            if self._app is None:
                try:
                    self._app = confidential_app(
                        **self._settings, client_secret=self._client_secret, cache=ForgetsTokens()
                    )
                except Permanent as error:
                    raise Transient("entra", "discovery refused") from error
            return self._app


# What Entra answers to prompt=none when it would have to show a page.
_WOULD_ASK = ("login_required", "interaction_required", "consent_required", "account_selection_required")


def _refusal(error: str) -> Refused:
    if error in _WOULD_ASK:
        return NobodyThere("asks-again")
    return Refused({"access_denied": "cancelled", "invalid_grant": "code-refused"}.get(error, "error-of-microsoft"))
