"""What staff see in the browser: choosing who they are, and signing out again."""

from __future__ import annotations

import base64
import json
import secrets
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, make_response, redirect, render_template, request

from portal.sandbox.core import Json, Sandbox
from portal.sandbox.entra.errors import EntraError

GRANTED_FOR = ("redirect_uri", "code_challenge", "nonce", "scope", "claims")  # what a code remembers of its request
COOKIE = "sandbox_entra"  # who is signed in at Entra itself in this browser
CHOICE = "sandbox_choice"  # which button of the picker was pressed: an oid, or "cancel"


def add_sign_in_routes(bp: Blueprint, sandbox: Sandbox) -> None:
    """/{tenant}/oauth2/v2.0/authorize and logout."""

    @bp.get("/<tenant>/oauth2/v2.0/authorize")
    def authorize(tenant: str) -> Response:
        check_tenant(sandbox, tenant)
        check_client()
        if refusal := bad_request():
            return back({"error": refusal[0], "error_description": refusal[1]})
        if request.args.get(CHOICE) == "cancel":
            return back({"error": "access_denied", "error_description": "AADSTS65004: User declined to consent."})
        if request.args.get("prompt") == "none":
            return unasked(tenant)
        person = chosen()
        if person is not None:
            answer = back(grant(tenant, person))
            answer.set_cookie(COOKIE, person["oid"], httponly=True, samesite="Lax")
            return answer
        staff = sandbox.store.all("entra", "staff")
        asked = [pair for pair in request.args.items(multi=True) if pair[0] != CHOICE]
        return make_response(render_template("sandbox/entra/pick.html", staff=staff, asked=asked, choice=CHOICE))

    @bp.get("/<tenant>/oauth2/v2.0/logout")
    def sign_out(tenant: str) -> Response:
        check_tenant(sandbox, tenant)
        target = request.args.get("post_logout_redirect_uri", "")
        is_ours = _origin(target) in {_origin(uri) for uri in sandbox.settings.entra_redirect_uris}
        answer = make_response(redirect(target) if is_ours else render_template("sandbox/entra/signed_out.html"))
        answer.delete_cookie(COOKIE)
        return answer

    def unasked(tenant: str) -> Response:
        """No page may be shown: whoever is signed in in this browser comes back, if that is whom the hint means."""
        person = sandbox.store.get("entra", "staff", request.cookies.get(COOKIE, ""))
        hint = request.args.get("login_hint", "").lower()
        if person is None or hint not in ("", person["email"].lower()):
            return back({"error": "login_required", "error_description": "AADSTS50058: Nobody is signed in."})
        return back(grant(tenant, person))

    def check_client() -> None:
        """Mistakes that are told on this page: whoever made them must not be sent anywhere."""
        if request.args.get("client_id") != sandbox.settings.entra_staff_client_id:
            raise EntraError("unauthorized_client", 700016, "Application was not found in the directory.")
        if request.args.get("redirect_uri") not in sandbox.settings.entra_redirect_uris:
            raise EntraError(
                "invalid_request", 50011, "The redirect URI in the request does not match those of the application."
            )
        if request.args.get("response_mode", "query") not in ("query", "form_post"):
            raise EntraError("invalid_request", 90014, "The response_mode is not supported.")

    def bad_request() -> tuple[str, str] | None:
        """Mistakes that go back to the application."""
        if request.args.get("response_type") != "code":
            return "unsupported_response_type", "AADSTS70011: The response type is not supported."
        if "openid" not in request.args.get("scope", "").split():
            return "invalid_scope", "AADSTS70011: The scope must contain openid."
        challenge = request.args.get("code_challenge", "")
        if request.args.get("code_challenge_method") != "S256" or len(challenge) != 43:
            return "invalid_request", "AADSTS9002325: Proof Key for Code Exchange with S256 is required."
        return None

    def chosen() -> Json | None:
        """The person picked on our page; or, unless the picker was asked for, the one a login_hint names, or else
        whoever is signed in in this browser already."""
        picked = sandbox.store.get("entra", "staff", request.args.get(CHOICE, ""))
        if picked or request.args.get("prompt") in ("select_account", "login"):
            return picked
        hint = request.args.get("login_hint", "").lower()
        named = next((one for one in sandbox.store.all("entra", "staff") if one["email"].lower() == hint), None)
        return named if hint else sandbox.store.get("entra", "staff", request.cookies.get(COOKIE, ""))

    def grant(tenant: str, person: Json) -> Json:
        code = "0.A" + secrets.token_urlsafe(48)
        until = datetime.now(UTC) + timedelta(seconds=sandbox.knob("entra", "code_seconds"))
        asked = {name: request.args.get(name) for name in GRANTED_FOR}
        kept = {**asked, "oid": person["oid"], "expires_at": until.isoformat(), "is_used": False}
        sandbox.store.put("entra", "code", code, kept)
        return {"code": code, "client_info": client_info(person["oid"], tenant), "session_state": secrets.token_hex(16)}


def check_tenant(sandbox: Sandbox, tenant: str) -> None:
    if tenant != sandbox.settings.entra_tenant_id:
        raise EntraError("invalid_request", 90002, f"Tenant '{tenant}' not found.")


def back(answer: Json) -> Response:
    """Send the browser back to the application, by redirect or by a form that posts itself."""
    target = request.args["redirect_uri"]
    fields = {**answer, "state": request.args.get("state", "")}
    if request.args.get("response_mode") == "form_post":
        return make_response(render_template("sandbox/entra/form_post.html", target=target, fields=fields))
    return make_response(redirect(f"{target}{'&' if urlsplit(target).query else '?'}{urlencode(fields)}"))


def client_info(oid: str, tenant: str) -> str:
    raw = json.dumps({"uid": oid, "utid": tenant}).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
