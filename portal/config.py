"""Every setting, its local default and its reason. Nothing else reads the environment.

`make run` writes INSTANCE_DIR/environment (rights 0600); what it holds stands in for names that the real environment
leaves unset. That file also says PORTAL_MODE=local, which is how production is told from a laptop.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# Values that open the sandbox and nothing else. A production start refuses each of them.
LOCAL_SECRETS = {
    "STRIPE_SECRET_KEY": "sk_test_sandbox",
    "STRIPE_WEBHOOK_SECRET": "whsec_sandbox",
    "ENTRA_CLIENT_SECRET": "sandbox-worker-secret",
    "ENTRA_STAFF_CLIENT_SECRET": "sandbox-staff-secret",
    "MEDIRECORDS_REST_TOKEN": "sandbox-medirecords-rest",
    "MEDIRECORDS_FHIR_TOKEN": "sandbox-medirecords-fhir",
    "CALENDLY_TOKEN": "sandbox-calendly",
    "CALENDLY_WEBHOOK_KEY": "sandbox-calendly-webhook",
}
LOCAL_IDS = {
    "ENTRA_TENANT_ID": "7c0f3c1e-5b1a-4d6e-9a57-0d5f1f7a1000",
    "ENTRA_CLIENT_ID": "7c0f3c1e-5b1a-4d6e-9a57-0d5f1f7a1001",
    "ENTRA_STAFF_CLIENT_ID": "7c0f3c1e-5b1a-4d6e-9a57-0d5f1f7a1002",
    "MEDIRECORDS_PRACTICE_ID": "7c0f3c1e-5b1a-4d6e-9a57-0d5f1f7a2000",
}
PARTNER_URLS = (
    "STRIPE_API_BASE",
    "ENTRA_AUTHORITY",
    "GRAPH_BASE_URL",
    "MEDIRECORDS_BASE_URL",
    "CALENDLY_BASE_URL",
)


class BadSetting(Exception):
    """A setting is missing or wrong; the message is one sentence for the person who starts the portal."""


@dataclass(frozen=True)
class Settings:
    """All settings, checked. Field names are the environment names in lower case."""

    is_local: bool
    instance_dir: Path
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    secret_key: str = field(repr=False)
    field_keys: Mapping[str, bytes] = field(repr=False)  # key id -> 32 bytes; the first one seals, all of them open
    public_url: str
    clinic_zone: str
    stripe_api_base: str
    stripe_secret_key: str = field(repr=False)
    stripe_webhook_secret: str = field(repr=False)
    entra_authority: str
    entra_tenant_id: str
    entra_client_id: str
    entra_client_secret: str = field(repr=False)
    entra_staff_client_id: str
    entra_staff_client_secret: str = field(repr=False)
    entra_staff_mfa_context: str
    graph_base_url: str
    graph_notification_url: str
    medirecords_base_url: str
    medirecords_practice_id: str
    medirecords_rest_token: str = field(repr=False)
    medirecords_fhir_token: str = field(repr=False)
    medirecords_rate: float
    calendly_base_url: str
    calendly_token: str = field(repr=False)
    calendly_webhook_key: str = field(repr=False)
    mail_transport: str
    mail_from: str
    smtp_url: str = field(repr=False)
    port: int
    sandbox_port: int
    log_level: str
    rate_limit_factor: float
    proxy_hops: int

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.clinic_zone)

    @property
    def public_host(self) -> str:
        return urlsplit(self.public_url).netloc

    @property
    def cookie_suffix(self) -> str:
        """Cookies ignore ports, so two clones on one laptop need names of their own."""
        port = urlsplit(self.public_url).port
        return f"-{port}" if self.is_local and port else ""


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read and check all settings. Raises BadSetting with one clear sentence."""
    given = dict(os.environ if environ is None else environ)
    instance_dir = Path(given.get("INSTANCE_DIR") or "instance").resolve()
    values = {**read_environment_file(instance_dir / "environment"), **{k: v for k, v in given.items() if v}}
    is_local = values.get("PORTAL_MODE") == "local"
    port = _port(values, "PORT", 8000)
    sandbox_port = _port(values, "SANDBOX_PORT", 8001)
    sandbox = f"http://localhost:{sandbox_port}"
    # 127.0.0.1 for us and localhost for the sandbox: cookies ignore ports, so the host names must differ.
    defaults = {
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "CLINIC_ZONE": "Australia/Sydney",
        "STRIPE_API_BASE": f"{sandbox}/stripe",
        "ENTRA_AUTHORITY": sandbox,
        "ENTRA_STAFF_MFA_CONTEXT": "c1",
        "GRAPH_BASE_URL": f"{sandbox}/graph/v1.0",
        "GRAPH_NOTIFICATION_URL": f"http://127.0.0.1:{port}/hooks/graph",
        "MEDIRECORDS_BASE_URL": f"{sandbox}/medirecords",
        "MEDIRECORDS_RATE": "10",
        "CALENDLY_BASE_URL": f"{sandbox}/calendly",
        "MAIL_TRANSPORT": "graph",
        "MAIL_FROM": "Rosella Clinic <bookings@rosella-clinic.example.com>",
        "SMTP_URL": "",
        "LOG_LEVEL": "INFO",
        "RATE_LIMIT_FACTOR": "1",
        "PROXY_HOPS": "0",
        **LOCAL_SECRETS,
        **LOCAL_IDS,
    }
    if not is_local:
        _refuse_local_values(values, defaults)

    def text(name: str) -> str:
        value = values.get(name) or defaults.get(name)
        if value is None:
            raise BadSetting(f"{name} is not set. `make run` sets it for local work; docs/deploy.md tells production.")
        return value

    def url(name: str) -> str:
        parts = urlsplit(text(name))
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise BadSetting(f"{name} must be a web address such as https://bookings.example.com, not {text(name)!r}.")
        return text(name).rstrip("/")

    return Settings(
        is_local=is_local,
        instance_dir=instance_dir,
        database_url=_psycopg_url(text("DATABASE_URL")),
        redis_url=text("REDIS_URL"),
        secret_key=_secret_key(text("SECRET_KEY")),
        field_keys=_field_keys(text("FIELD_KEYS")),
        public_url=url("PUBLIC_URL"),
        clinic_zone=_zone(text("CLINIC_ZONE")),
        stripe_api_base=url("STRIPE_API_BASE"),
        stripe_secret_key=text("STRIPE_SECRET_KEY"),
        stripe_webhook_secret=text("STRIPE_WEBHOOK_SECRET"),
        entra_authority=url("ENTRA_AUTHORITY"),
        entra_tenant_id=text("ENTRA_TENANT_ID"),
        entra_client_id=text("ENTRA_CLIENT_ID"),
        entra_client_secret=text("ENTRA_CLIENT_SECRET"),
        entra_staff_client_id=text("ENTRA_STAFF_CLIENT_ID"),
        entra_staff_client_secret=text("ENTRA_STAFF_CLIENT_SECRET"),
        entra_staff_mfa_context=text("ENTRA_STAFF_MFA_CONTEXT"),
        graph_base_url=url("GRAPH_BASE_URL"),
        graph_notification_url=url("GRAPH_NOTIFICATION_URL"),
        medirecords_base_url=url("MEDIRECORDS_BASE_URL"),
        medirecords_practice_id=text("MEDIRECORDS_PRACTICE_ID"),
        medirecords_rest_token=text("MEDIRECORDS_REST_TOKEN"),
        medirecords_fhir_token=text("MEDIRECORDS_FHIR_TOKEN"),
        medirecords_rate=_rate(text("MEDIRECORDS_RATE")),
        calendly_base_url=url("CALENDLY_BASE_URL"),
        calendly_token=text("CALENDLY_TOKEN"),
        calendly_webhook_key=text("CALENDLY_WEBHOOK_KEY"),
        mail_transport=_mail_transport(text("MAIL_TRANSPORT"), text("SMTP_URL")),
        mail_from=text("MAIL_FROM"),
        smtp_url=text("SMTP_URL"),
        port=port,
        sandbox_port=sandbox_port,
        log_level=_log_level(text("LOG_LEVEL")),
        rate_limit_factor=_rate_limit_factor(text("RATE_LIMIT_FACTOR")),
        proxy_hops=_proxy_hops(text("PROXY_HOPS")),
    )


def read_environment_file(path: Path) -> dict[str, str]:
    """NAME=value lines; a missing file is an empty one."""
    if not path.exists():
        return {}
    lines = (line.strip() for line in path.read_text().splitlines())
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, value in pairs}


def _refuse_local_values(values: Mapping[str, str], defaults: Mapping[str, str]) -> None:
    for name in PARTNER_URLS:
        given = values.get(name, "")
        if urlsplit(given).scheme != "https":
            raise BadSetting(f"{name} must be the real system's https address in production, not {given or 'unset'!r}.")
    for name in ("PUBLIC_URL", "GRAPH_NOTIFICATION_URL"):
        if urlsplit(values.get(name, "")).scheme != "https":
            raise BadSetting(f"{name} must be the portal's public https address in production.")
    if values.get("MAIL_FROM") in (None, defaults["MAIL_FROM"]):
        raise BadSetting("MAIL_FROM is unset or still the example's; production needs the clinic's own mailbox.")
    for name in (*LOCAL_SECRETS, *LOCAL_IDS):
        if values.get(name) in (None, defaults[name]):
            raise BadSetting(f"{name} is unset or still the sandbox's value; production needs its own.")


def _port(values: Mapping[str, str], name: str, default: int) -> int:
    raw = values.get(name) or str(default)
    if not raw.isdecimal() or not 1 <= int(raw) <= 65535:
        raise BadSetting(f"{name} must be a port number from 1 to 65535, not {raw!r}.")
    return int(raw)


def _psycopg_url(raw: str) -> str:
    scheme, separator, rest = raw.partition("://")
    if not separator or scheme.split("+")[0] not in ("postgres", "postgresql"):
        raise BadSetting("DATABASE_URL must name a PostgreSQL database, such as postgresql://user@host/portal.")
    return f"postgresql+psycopg://{rest}"


def _secret_key(raw: str) -> str:
    if len(raw) < 32:
        raise BadSetting("SECRET_KEY must have at least 32 characters; `openssl rand -hex 32` makes one.")
    return raw


def _field_keys(raw: str) -> dict[str, bytes]:
    """`id:base64,id:base64`: the first seals new values, the others still open old ones."""
    keys: dict[str, bytes] = {}
    for part in raw.split(","):
        key_id, _, encoded = part.strip().partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            key = b""
        if not key_id or len(key) != 32:
            raise BadSetting("FIELD_KEYS must be id:key pairs, each key 32 bytes in base64, separated by commas.")
        keys[key_id] = key
    return keys


def _zone(raw: str) -> str:
    try:
        ZoneInfo(raw)
    except (ZoneInfoNotFoundError, ValueError):
        raise BadSetting(f"CLINIC_ZONE must be a time zone name such as Australia/Sydney, not {raw!r}.") from None
    return raw


def _rate(raw: str) -> float:
    try:
        rate = float(raw)
    except ValueError:
        rate = 0.0
    if not 0 < rate <= 1000:
        raise BadSetting(f"MEDIRECORDS_RATE must be calls per second, such as 10, not {raw!r}.")
    return rate


def _rate_limit_factor(raw: str) -> float:
    try:
        factor = float(raw)
    except ValueError:
        factor = 0.0
    if not 0 < factor <= 10_000:
        raise BadSetting(f"RATE_LIMIT_FACTOR must be a number above 0, such as 1 or 2.5, not {raw!r}.")
    return factor


def _proxy_hops(raw: str) -> int:
    if raw not in ("0", "1", "2", "3"):
        raise BadSetting(f"PROXY_HOPS must be how many proxies of yours stand in front, 0 to 3, not {raw!r}.")
    return int(raw)


def _mail_transport(raw: str, smtp_url: str) -> str:
    if raw not in ("graph", "smtp"):
        raise BadSetting(f"MAIL_TRANSPORT must be graph or smtp, not {raw!r}.")
    if raw == "smtp" and urlsplit(smtp_url).scheme not in ("smtp", "smtps"):
        raise BadSetting("MAIL_TRANSPORT is smtp, so SMTP_URL must be set, such as smtps://user:password@host:465.")
    return raw


def _log_level(raw: str) -> str:
    if raw.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise BadSetting(f"LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR, not {raw!r}.")
    return raw.upper()
