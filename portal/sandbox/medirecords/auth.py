"""Bearer tokens: one for REST, one for FHIR, each refused where the other belongs."""

from __future__ import annotations

import secrets

from flask import Blueprint, Response, jsonify, request

from portal.sandbox.core import Sandbox
from portal.sandbox.medirecords.contract import rule
from portal.sandbox.medirecords.wire import SYSTEM, Refusal, find, put

TOKEN_SECONDS = 3600


def require_token(sandbox: Sandbox) -> None:
    """Raises the refusal that Spring Security gives; also for a practice that is not the token's."""
    if request.endpoint and request.endpoint.endswith(".grant_token"):
        return
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        description = "Full authentication is required to access this resource"
        raise Refusal(401, {"error": "unauthorized", "error_description": description})
    wanted = "fhir" if request.path.startswith("/medirecords/fhir/") else "rest"
    given = _kind(sandbox, token)
    if given is None:
        # The real answer echoes the token too: a client that logs bodies would leak it.
        raise Refusal(401, {"error": "invalid_token", "error_description": f"Invalid access token: {token}"})
    if given != wanted:
        description = f"Invalid token does not contain resource id (medirecords-{wanted})"
        raise Refusal(403, {"error": "access_denied", "error_description": description})
    practice_id = (request.view_args or {}).get("practice_id")
    if practice_id not in (None, sandbox.settings.medirecords_practice_id):
        raise Refusal(403, {"message": "Access is denied"})


def _kind(sandbox: Sandbox, token: str) -> str | None:
    fixed = {
        sandbox.settings.medirecords_rest_token: "rest",
        sandbox.settings.medirecords_fhir_token: "fhir",
    }
    if sandbox.knob(SYSTEM, "AUTH_MODE") == "static":
        return fixed.get(token)
    granted = find(sandbox, "token", token)
    if granted is None or sandbox.now().timestamp() >= granted["expires_at"]:
        return None
    return str(granted["kind"])


def add_routes(api: Blueprint, sandbox: Sandbox) -> None:
    @api.post(rule("token"))
    def grant_token() -> Response:
        """Client credentials: the practice's id, with the REST or the FHIR token as its secret."""
        if sandbox.knob(SYSTEM, "AUTH_MODE") != "oauth":
            raise Refusal(404, {"status": 404, "error": "Not Found", "message": "No message available"})
        if request.form.get("grant_type") != "client_credentials":
            description = f"Unsupported grant type: {request.form.get('grant_type')}"
            raise Refusal(400, {"error": "unsupported_grant_type", "error_description": description})
        kinds = {
            sandbox.settings.medirecords_rest_token: "rest",
            sandbox.settings.medirecords_fhir_token: "fhir",
        }
        kind = kinds.get(request.form.get("client_secret", ""))
        if kind is None or request.form.get("client_id") != sandbox.settings.medirecords_practice_id:
            raise Refusal(401, {"error": "invalid_client", "error_description": "Bad client credentials"})
        token = secrets.token_urlsafe(20)
        put(sandbox, "token", {"id": token, "kind": kind, "expires_at": sandbox.now().timestamp() + TOKEN_SECONDS})
        return jsonify(access_token=token, token_type="bearer", expires_in=TOKEN_SECONDS, scope=kind)
