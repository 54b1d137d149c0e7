"""The sandbox repeats the portal's local values instead of importing them; here the two are compared."""

from __future__ import annotations

import subprocess
import sys

from portal.config import LOCAL_IDS, LOCAL_SECRETS
from portal.sandbox.__main__ import LOCAL_VALUES, settings_for
from tests.support.sandbox import PROJECT

PORTAL_URL = "http://127.0.0.1:8000"


def test_the_sandbox_has_the_portals_local_values() -> None:
    portal = {**LOCAL_SECRETS, **LOCAL_IDS}
    shared = {name: value for name, value in LOCAL_VALUES.items() if name != "CLINIC_ZONE"}
    assert shared == {name: portal[name] for name in shared}


def test_the_sandbox_has_every_local_value_of_its_systems() -> None:
    wanted = {name for name in (*LOCAL_SECRETS, *LOCAL_IDS) if not name.startswith("CALENDLY")}
    assert wanted == set(LOCAL_VALUES) - {"CLINIC_ZONE"}


def test_a_value_of_the_environment_wins() -> None:
    settings = settings_for("http://localhost:8001", PORTAL_URL, {"STRIPE_SECRET_KEY": "sk_test_mine"})
    assert settings.stripe_secret_key == "sk_test_mine"
    assert settings.stripe_webhook_url == "http://127.0.0.1:8000/hooks/stripe"
    assert settings.entra_redirect_uris == ("http://127.0.0.1:8000/staff/sign-in/callback",)


def test_the_sandbox_imports_nothing_of_the_portal() -> None:
    show = (
        "import sys, portal.sandbox.__main__;"
        "from portal.sandbox import entra, graph, home, medirecords, stripe;"
        "print([name for name in sys.modules if name.startswith('portal.') and not name.startswith('portal.sandbox')])"
    )
    done = subprocess.run([sys.executable, "-c", show], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
