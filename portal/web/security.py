"""What protects every page: headers, CSP, CSRF and the origin check (security baseline 10)."""

from __future__ import annotations

from urllib.parse import urlsplit

import structlog
from flask import Blueprint, Flask, Response, abort, current_app, g, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFProtect

from portal.config import Settings
from portal.web import problems

log = structlog.get_logger(__name__)
csrf = CSRFProtect()
bp = Blueprint("security", __name__)

# Called by machines that have no session of ours. A test holds this list against the routes.
CSRF_EXEMPT = ("hooks.stripe", "hooks.graph", "hooks.graph_lifecycle", "security.csp_reports")

# The public catalogue pages and their JSON hold nothing personal and may be kept for a minute.
CACHEABLE = (
    *("grid.home", "grid.service", "content.page", "content.practitioner", "content.robots", "content.sitemap"),
    *("api.services", "api.times", "api.description"),
)


def init_app(app: Flask, settings: Settings) -> None:
    csrf.init_app(app)
    app.register_blueprint(bp)
    app.config["CSP"] = content_security_policy(settings)
    app.before_request(refuse_impossible_paths)
    app.before_request(refuse_foreign_posts)
    app.after_request(add_headers)
    # Flask-WTF looks the exemption up by the view's dotted name.
    csrf.exempt("portal.web.security.csp_reports")
    for name in ("stripe", "graph", "graph_lifecycle"):
        csrf.exempt(f"portal.web.hooks.{name}")


def content_security_policy(settings: Settings) -> str:
    """form-action also governs the redirect after a POST, so Stripe's page and Microsoft's sign-in are named."""
    stripe_page = _origin(settings.stripe_api_base) if settings.is_local else "https://checkout.stripe.com"
    form_action = " ".join(dict.fromkeys(["'self'", stripe_page, _origin(settings.entra_authority)]))
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        f"connect-src 'self'; form-action {form_action}; frame-ancestors 'none'; base-uri 'none'; "
        "object-src 'none'; report-uri /csp-reports"
    )


def refuse_impossible_paths() -> None:
    """PostgreSQL stores no NUL, so no address of ours has one."""
    if "\0" in request.path:
        abort(404)


def refuse_foreign_posts() -> None:
    """A browser tells where a request comes from; one that another site started is refused, token or not."""
    if request.method in ("GET", "HEAD", "OPTIONS") or request.endpoint in CSRF_EXEMPT:
        return
    if _comes_from_elsewhere(request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")):
        log.warning("security.foreign_post", route=str(request.url_rule))
        abort(403)


def _comes_from_elsewhere(origin: str | None, site: str | None) -> bool:
    """Browsers hide the origin ("null") where the referrer is hidden; Sec-Fetch-Site still tells the truth then."""
    if origin == "null":
        return site != "same-origin"
    own = _origin(current_app.config["PORTAL"].public_url)
    return origin not in (None, own) or site in ("cross-site", "same-site")


def add_headers(response: Response) -> Response:
    headers = response.headers
    headers["Content-Security-Policy"] = current_app.config["CSP"]
    headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer" if g.get("no_referrer") else "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=()"
    if request.endpoint == "static" and response.status_code < 400:
        headers["Cache-Control"] = "public, max-age=31536000, immutable"
    elif request.endpoint in CACHEABLE and response.status_code in (200, 304) and "Set-Cookie" not in headers:
        headers["Cache-Control"] = "public, max-age=60"
    else:
        headers["Cache-Control"] = "no-store"
    if problems.are_wanted():
        # Any page of anybody may show our times; no cookie is looked at there, so there is nothing to steal.
        headers["Access-Control-Allow-Origin"] = "*"
    response.vary.add("HX-Request")
    return response


@bp.post("/csp-reports")
def csp_reports() -> ResponseReturnValue:
    """A browser blocked something of ours. Counted only: reports hold addresses, and anybody can send one."""
    log.warning("security.csp_report")
    return "", 204


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
