"""What programs ask Entra: discovery, keys, and tokens for a secret or for a code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from datetime import UTC, datetime, timedelta

from flask import Blueprint, Response, jsonify, request

from portal.sandbox.core import Json, Sandbox
from portal.sandbox.entra.errors import EntraError
from portal.sandbox.entra.keys import SigningKey
from portal.sandbox.entra.sign_in import check_tenant, client_info

GRAPH_SCOPE = "https://graph.microsoft.com/.default"
MICROSOFT = "https://login.microsoftonline.com"


def add_token_routes(bp: Blueprint, sandbox: Sandbox, key: SigningKey) -> None:
    """Discovery and keys, and /{tenant}/oauth2/v2.0/token."""

    @bp.get("/<tenant>/v2.0/.well-known/openid-configuration")
    def discovery(tenant: str) -> Response:
        """Production-shaped where msal insists on https; what a browser opens is our own."""
        check_tenant(sandbox, tenant)
        return jsonify(
            issuer=f"{MICROSOFT}/{tenant}/v2.0",
            token_endpoint=f"{MICROSOFT}/{tenant}/oauth2/v2.0/token",
            jwks_uri=f"{MICROSOFT}/{tenant}/discovery/v2.0/keys",
            authorization_endpoint=f"{sandbox.settings.own_url}/{tenant}/oauth2/v2.0/authorize",
            end_session_endpoint=f"{sandbox.settings.own_url}/{tenant}/oauth2/v2.0/logout",
            response_types_supported=["code"],
            response_modes_supported=["query", "form_post"],
            subject_types_supported=["pairwise"],
            id_token_signing_alg_values_supported=["RS256"],
            scopes_supported=["openid", "profile", "email", "offline_access"],
        )

    @bp.get("/<tenant>/discovery/v2.0/keys")
    def keys(tenant: str) -> Response:
        check_tenant(sandbox, tenant)
        return jsonify(keys=[key.public()])

    @bp.post("/<tenant>/oauth2/v2.0/token")
    def token(tenant: str) -> Response:
        check_tenant(sandbox, tenant)
        grants = {"client_credentials": for_the_worker, "authorization_code": for_staff}
        if request.form.get("grant_type") not in grants:
            raise EntraError("unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
        return jsonify(grants[request.form["grant_type"]](tenant))

    def for_the_worker(tenant: str) -> Json:
        settings = sandbox.settings
        check_secret(settings.entra_client_id, settings.entra_client_secret)
        if request.form.get("scope") != GRAPH_SCOPE:
            raise EntraError("invalid_scope", 70011, "The provided value for the input parameter 'scope' is not valid.")
        return access_token(settings.entra_client_id, opens_graph=True)

    def for_staff(tenant: str) -> Json:
        settings = sandbox.settings
        check_secret(settings.entra_staff_client_id, settings.entra_staff_client_secret)
        code = redeemed_code()
        person = sandbox.store.get("entra", "staff", code["oid"])
        if person is None:
            raise EntraError("invalid_grant", 50034, "The user account does not exist in the directory.")
        return {
            **access_token(settings.entra_staff_client_id, opens_graph=False),
            "scope": "openid profile email",
            "id_token": key.sign(id_claims(tenant, person, code), sandbox.knob("entra", "id_token_signer")),
            "client_info": client_info(person["oid"], tenant),
        }

    def check_secret(client_id: str, secret: str) -> None:
        if request.form.get("client_id") != client_id:
            raise EntraError("unauthorized_client", 700016, "Application was not found in the directory.")
        if not hmac.compare_digest(request.form.get("client_secret", "").encode(), secret.encode()):
            raise EntraError("invalid_client", 7000215, "Invalid client secret provided.", status=401)

    def redeemed_code() -> Json:
        """The grant behind a code. It works once, for ten minutes, with its own verifier and redirect_uri."""
        code = request.form.get("code", "")
        with sandbox.store.lock:
            kept = sandbox.store.get("entra", "code", code)
            if kept is None or kept["is_used"]:
                raise EntraError("invalid_grant", 54005, "OAuth2 Authorization code was already redeemed.")
            sandbox.store.put("entra", "code", code, {**kept, "is_used": True})
        if datetime.fromisoformat(kept["expires_at"]) <= datetime.now(UTC):
            raise EntraError("invalid_grant", 70008, "The provided authorization code has expired.")
        if request.form.get("redirect_uri") != kept["redirect_uri"]:
            raise EntraError("invalid_grant", 500112, "The reply address does not match the one of the request.")
        digest = hashlib.sha256(request.form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != kept["code_challenge"]:
            raise EntraError("invalid_grant", 501481, "The Code_Verifier does not match the code_challenge.")
        return kept

    def access_token(client_id: str, *, opens_graph: bool) -> Json:
        seconds, value = sandbox.knob("entra", "token_seconds"), "eyJ0" + secrets.token_urlsafe(64)
        until = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
        kept = {"client_id": client_id, "expires_at": until, "opens_graph": opens_graph}
        sandbox.store.put("entra", "access_token", value, kept)
        return {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": value}

    def id_claims(tenant: str, person: Json, code: Json) -> Json:
        now, client_id = int(datetime.now(UTC).timestamp()), sandbox.settings.entra_staff_client_id
        # The subject is pairwise: the same person is another subject for another application.
        subject = hashlib.sha256(f"{client_id} {person['oid']}".encode()).digest()
        claims = {
            "aud": client_id,
            "iss": f"{MICROSOFT}/{tenant}/v2.0",
            "iat": now,
            "nbf": now,
            "exp": now + 3600,
            "tid": tenant,
            "sub": base64.urlsafe_b64encode(subject).decode().rstrip("="),
            "oid": person["oid"],
            "name": person["name"],
            "preferred_username": person["email"],
            "login_hint": person["email"],
            "sid": secrets.token_hex(16),
            "ver": "2.0",
            **({"roles": person["roles"]} if person.get("roles") else {}),
            **({"nonce": code["nonce"]} if code["nonce"] else {}),
            **({"acrs": asked_contexts(code)} if person.get("has_second_factor", True) else {}),
        }
        changed = claims | sandbox.knob("entra", "id_token_changes")
        return {name: value for name, value in changed.items() if value is not None}


def asked_contexts(code: Json) -> list[str]:
    """The authentication contexts that the application asked for: Entra names those that were fulfilled in `acrs`."""
    wanted = json.loads(code.get("claims") or "{}").get("id_token", {}).get("acrs") or {}
    return [value for value in (wanted.get("value"), *wanted.get("values", ())) if value]
