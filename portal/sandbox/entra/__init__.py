"""Entra ID as far as the portal uses it: app-only tokens for the workers, and staff sign-in with PKCE.

It is served at the root, as /{tenant}/..., because msal carries the host only. Tokens and codes keep real time.
"""

from __future__ import annotations

from flask import Blueprint

from portal.sandbox.core import Json, Panel, Sandbox, System
from portal.sandbox.entra.errors import EntraError, error_response
from portal.sandbox.entra.keys import SigningKey
from portal.sandbox.entra.sign_in import add_sign_in_routes
from portal.sandbox.entra.tokens import add_token_routes

# `id_token_changes` replaces claims (None removes one), `id_token_signer` is one of keys.SIGNERS: forgeries to refuse.
KNOBS: Json = {"token_seconds": 3599, "code_seconds": 600, "id_token_changes": {}, "id_token_signer": "the tenant"}


def register(sandbox: Sandbox) -> Blueprint:
    """Add Entra to the sandbox and hand back its routes."""
    key = SigningKey(sandbox.store)

    def seed(people: Json) -> None:
        for person in people.get("staff", []):
            sandbox.store.put("entra", "staff", person["oid"], person)

    bp = Blueprint("entra", __name__)
    bp.register_error_handler(EntraError, error_response)
    add_sign_in_routes(bp, sandbox)
    add_token_routes(bp, sandbox, key)
    staff = Panel("Staff", "sandbox/entra/_staff.html", lambda: {"staff": sandbox.store.all("entra", "staff")})
    sandbox.add(System("entra", seed=seed, panels=[staff], knobs=KNOBS, reset=key.keep))
    return bp
