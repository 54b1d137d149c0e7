"""A wrong setting stops the start with one clear sentence; a right one is what the portal runs on."""

from __future__ import annotations

import base64
import re
from dataclasses import fields
from pathlib import Path

import pytest

from portal.config import LOCAL_IDS, LOCAL_SECRETS, PARTNER_URLS, BadSetting, Settings, load

PROJECT = Path(__file__).parents[1]
KEY = base64.b64encode(bytes(32)).decode()

LOCAL = {
    "PORTAL_MODE": "local",
    "DATABASE_URL": "postgresql://portal@/portal?host=/run/postgres",
    "REDIS_URL": "unix:///run/redis.sock",
    "SECRET_KEY": "x" * 32,
    "FIELD_KEYS": f"k1:{KEY}",
}
PRODUCTION = {
    "DATABASE_URL": "postgres://portal:word@db.example.com/portal",
    "REDIS_URL": "rediss://:word@redis.example.com:6380/0",
    "SECRET_KEY": "y" * 32,
    "FIELD_KEYS": f"k2:{KEY},k1:{KEY}",
    "PUBLIC_URL": "https://bookings.example.com/",
    "MAIL_FROM": "Clinic <bookings@clinic.example.org>",
    "GRAPH_NOTIFICATION_URL": "https://bookings.example.com/hooks/graph",
    **{name: f"https://{name.lower().replace('_', '-')}.example.com" for name in PARTNER_URLS},
    **dict.fromkeys((*LOCAL_SECRETS, *LOCAL_IDS), "a value of its own"),
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without INSTANCE_DIR the folder `instance` below us counts, and a developer has one."""
    monkeypatch.chdir(tmp_path)


def test_local_work_needs_no_setting_beyond_what_make_run_writes() -> None:
    settings = load(LOCAL)
    assert settings.is_local
    assert settings.public_url == "http://127.0.0.1:8000"
    assert settings.stripe_api_base == "http://localhost:8001/stripe"
    assert settings.database_url.startswith("postgresql+psycopg://portal@/")
    assert settings.cookie_suffix == "-8000"


def test_the_environment_file_stands_in_for_what_is_unset(tmp_path: Path) -> None:
    lines = "".join(f"{name}={value}\n" for name, value in (LOCAL | {"PORT": "8100"}).items())
    (tmp_path / "environment").write_text(f"# written by make run\n{lines}")
    assert load({"INSTANCE_DIR": str(tmp_path)}).port == 8100
    assert load({"INSTANCE_DIR": str(tmp_path), "PORT": "8200"}).port == 8200
    assert load({"INSTANCE_DIR": str(tmp_path), "PORT": ""}).port == 8100


def test_production_takes_real_systems_and_its_own_secrets() -> None:
    settings = load(PRODUCTION)
    assert not settings.is_local
    assert settings.public_url == "https://bookings.example.com"
    assert settings.public_host == "bookings.example.com"
    assert list(settings.field_keys) == ["k2", "k1"]
    assert settings.cookie_suffix == ""


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("DATABASE_URL", "", "DATABASE_URL is not set."),
        ("DATABASE_URL", "mysql://db/portal", "DATABASE_URL must name a PostgreSQL database"),
        ("DATABASE_URL", "portal", "DATABASE_URL must name a PostgreSQL database"),
        ("REDIS_URL", "", "REDIS_URL is not set."),
        ("SECRET_KEY", "short", "SECRET_KEY must have at least 32 characters"),
        ("FIELD_KEYS", "k1:abc", "FIELD_KEYS must be id:key pairs"),
        ("FIELD_KEYS", KEY, "FIELD_KEYS must be id:key pairs"),
        ("PORT", "http", "PORT must be a port number from 1 to 65535, not 'http'."),
        ("PORT", "0", "PORT must be a port number"),
        ("SANDBOX_PORT", "65536", "SANDBOX_PORT must be a port number"),
        ("PUBLIC_URL", "bookings.example.com", "PUBLIC_URL must be a web address"),
        ("CLINIC_ZONE", "Mars/Olympus", "CLINIC_ZONE must be a time zone name such as Australia/Sydney"),
        ("CLINIC_ZONE", "../zone", "CLINIC_ZONE must be a time zone name"),
        ("MEDIRECORDS_RATE", "fast", "MEDIRECORDS_RATE must be calls per second"),
        ("MEDIRECORDS_RATE", "0", "MEDIRECORDS_RATE must be calls per second"),
        ("RATE_LIMIT_FACTOR", "many", "RATE_LIMIT_FACTOR must be a number above 0"),
        ("RATE_LIMIT_FACTOR", "0", "RATE_LIMIT_FACTOR must be a number above 0"),
        ("RATE_LIMIT_FACTOR", "nan", "RATE_LIMIT_FACTOR must be a number above 0"),
        ("PROXY_HOPS", "-1", "PROXY_HOPS must be how many proxies of yours stand in front, 0 to 3, not '-1'."),
        ("PROXY_HOPS", "many", "PROXY_HOPS must be"),
        ("MAIL_TRANSPORT", "pigeon", "MAIL_TRANSPORT must be graph or smtp, not 'pigeon'."),
        ("MAIL_TRANSPORT", "smtp", "MAIL_TRANSPORT is smtp, so SMTP_URL must be set"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR"),
    ],
)
def test_a_wrong_setting_is_told_in_a_sentence(name: str, value: str, sentence: str) -> None:
    with pytest.raises(BadSetting) as told:
        load(LOCAL | {name: value})
    assert str(told.value).startswith(sentence)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", PARTNER_URLS)
@pytest.mark.parametrize("value", ["", "http://localhost:8001/stripe"])
def test_production_refuses_the_sandbox(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=f"^{name} must be the real system's https address in production"):
        load(PRODUCTION | {name: value})


@pytest.mark.parametrize("name", ["PUBLIC_URL", "GRAPH_NOTIFICATION_URL"])
def test_production_refuses_an_address_without_tls(name: str) -> None:
    with pytest.raises(BadSetting, match=f"^{name} must be the portal's public https address"):
        load(PRODUCTION | {name: "http://bookings.example.com"})


@pytest.mark.parametrize(("name", "default"), [*LOCAL_SECRETS.items(), *LOCAL_IDS.items()])
def test_production_refuses_a_secret_that_everybody_knows(name: str, default: str) -> None:
    for value in ("", default):
        with pytest.raises(BadSetting, match=f"^{name} is unset or still the sandbox's value"):
            load(PRODUCTION | {name: value})


@pytest.mark.parametrize("value", ["", "Rosella Clinic <bookings@rosella-clinic.example.com>"])
def test_production_refuses_to_write_from_the_examples_mailbox(value: str) -> None:
    with pytest.raises(BadSetting, match=r"^MAIL_FROM is unset or still the example's"):
        load(PRODUCTION | {"MAIL_FROM": value})


def test_no_secret_shows_when_settings_are_printed() -> None:
    secret = {**LOCAL, "SECRET_KEY": "z" * 40, "STRIPE_SECRET_KEY": "sk_shown", "SMTP_URL": "smtp://u:shown@mail"}
    assert not re.search("zzz|shown|AAAA", repr(load(secret)))
    assert ":word@" not in repr(load(PRODUCTION))


def test_the_example_lists_every_setting_once() -> None:
    listed = re.findall(r"^([A-Z_]+)=", (PROJECT / ".env.example").read_text(), re.MULTILINE)
    # Local mode is nobody's choice: only `make run` writes it.
    assert sorted(listed) == sorted(one.name.upper() for one in fields(Settings) if one.name != "is_local")


def test_the_example_tells_the_defaults_that_the_code_has() -> None:
    pairs = dict(re.findall(r"^([A-Z_]+)=(.+)$", (PROJECT / ".env.example").read_text(), re.MULTILINE))
    settings = load(LOCAL)
    for name in ("CLINIC_ZONE", "MAIL_TRANSPORT", "MAIL_FROM", "LOG_LEVEL", "PORT", "SANDBOX_PORT"):
        assert str(getattr(settings, name.lower())) == pairs[name]
