"""The emulated Entra: staff sign-in in the browser, and what the token endpoint refuses."""

from __future__ import annotations

import base64
import hashlib
import json
import time
import warnings
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests
from bs4 import BeautifulSoup

from portal.config import LOCAL_IDS, LOCAL_SECRETS
from portal.integrations.entra import confidential_app, session_for
from tests.support.microsoft import PEOPLE, TENANT
from tests.support.receiver import Receiver
from tests.support.sandbox import RunningSandbox

STAFF_APP, STAFF_SECRET = LOCAL_IDS["ENTRA_STAFF_CLIENT_ID"], LOCAL_SECRETS["ENTRA_STAFF_CLIENT_SECRET"]
FINCH, CRAKE = PEOPLE["staff"]
VERIFIER = "v" * 50
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


@pytest.fixture
def callback(sandbox: RunningSandbox, receiver: Receiver) -> str:
    sandbox.seed(PEOPLE)
    return f"{receiver.url}/staff/sign-in/callback"


def authorize(
    sandbox: RunningSandbox, callback: str, tenant: str = TENANT, cookies: Any = None, **changed: Any
) -> requests.Response:
    asked: dict[str, Any] = {
        "client_id": STAFF_APP,
        "redirect_uri": callback,
        "response_type": "code",
        "scope": "openid profile",
        "state": "s & t",
        "nonce": "n",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changed,
    }
    url = f"{sandbox.url}/{tenant}/oauth2/v2.0/authorize"
    return requests.get(url, params=asked, cookies=cookies, timeout=5, allow_redirects=False)


def came_back(answer: requests.Response, callback: str) -> dict[str, str]:
    """The query parameters that the application receives."""
    assert answer.status_code == 302, answer.text
    assert answer.headers["Location"].startswith(f"{callback}?")
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def code_for(sandbox: RunningSandbox, callback: str) -> str:
    return came_back(authorize(sandbox, callback, login_hint=FINCH["email"]), callback)["code"]


def redeem(sandbox: RunningSandbox, callback: str, code: str, **changed: str) -> requests.Response:
    sent = {
        "grant_type": "authorization_code",
        "client_id": STAFF_APP,
        "client_secret": STAFF_SECRET,
        "code": code,
        "code_verifier": VERIFIER,
        "redirect_uri": callback,
        **changed,
    }
    return requests.post(f"{sandbox.url}/{TENANT}/oauth2/v2.0/token", data=sent, timeout=5)


def refused(answer: requests.Response) -> tuple[int, str, int]:
    body = answer.json()
    assert body["error_description"].startswith(f"AADSTS{body['error_codes'][0]}: ")
    return answer.status_code, body["error"], body["error_codes"][0]


def test_discovery_is_shaped_like_production_where_msal_looks(sandbox: RunningSandbox) -> None:
    found = requests.get(f"{sandbox.url}/{TENANT}/v2.0/.well-known/openid-configuration", timeout=5).json()

    microsoft = "https://login.microsoftonline.com"
    assert found["issuer"] == f"{microsoft}/{TENANT}/v2.0"
    assert found["token_endpoint"] == f"{microsoft}/{TENANT}/oauth2/v2.0/token"
    assert found["authorization_endpoint"] == f"{sandbox.url}/{TENANT}/oauth2/v2.0/authorize"
    assert found["end_session_endpoint"] == f"{sandbox.url}/{TENANT}/oauth2/v2.0/logout"


def test_msal_signs_a_person_in_and_the_id_token_stands_up_to_our_own_check(
    sandbox: RunningSandbox, callback: str
) -> None:
    app = confidential_app(authority=sandbox.url, tenant_id=TENANT, client_id=STAFF_APP, client_secret=STAFF_SECRET)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # msal would rather have form_post
        flow = app.initiate_auth_code_flow([], redirect_uri=callback, login_hint=FINCH["email"])
    answer = requests.get(flow["auth_uri"], timeout=5, allow_redirects=False)

    result = app.acquire_token_by_auth_code_flow(flow, came_back(answer, callback))

    keys_url = f"https://login.microsoftonline.com/{TENANT}/discovery/v2.0/keys"
    (key,) = session_for(sandbox.url).get(keys_url).json()["keys"]
    assert jwt.get_unverified_header(result["id_token"])["kid"] == key["kid"]
    claims = jwt.decode(
        result["id_token"],
        jwt.PyJWK(key).key,
        algorithms=["RS256"],
        audience=STAFF_APP,
        issuer=f"https://login.microsoftonline.com/{TENANT}/v2.0",
    )
    assert (claims["oid"], claims["tid"], claims["roles"]) == (FINCH["oid"], TENANT, ["Admin"])
    assert (claims["name"], claims["preferred_username"]) == (FINCH["name"], FINCH["email"])
    assert claims["ver"] == "2.0"


def test_the_key_outlives_a_reset(sandbox: RunningSandbox) -> None:
    url = f"{sandbox.url}/{TENANT}/discovery/v2.0/keys"
    before = requests.get(url, timeout=5).json()
    sandbox.reset()

    assert requests.get(url, timeout=5).json() == before


def test_without_a_hint_a_person_picks_who_they_are(sandbox: RunningSandbox, callback: str) -> None:
    page = BeautifulSoup(authorize(sandbox, callback).text, "html.parser")
    form = page.find("form")
    assert form is not None
    hidden = {str(box["name"]): str(box["value"]) for box in form.find_all("input", type="hidden")}
    (button,) = [one for one in form.find_all("button") if CRAKE["email"] in one.get_text()]

    picked = authorize(sandbox, callback, **{**hidden, str(button["name"]): str(button["value"])})

    back = came_back(picked, callback)
    assert back["state"] == "s & t"
    token = redeem(sandbox, callback, back["code"]).json()["id_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["oid"], claims["nonce"]) == (CRAKE["oid"], "n")
    assert "roles" not in claims


def test_a_person_may_cancel(sandbox: RunningSandbox, callback: str) -> None:
    page = BeautifulSoup(authorize(sandbox, callback).text, "html.parser")
    button = page.find("button", string="Cancel")
    assert button is not None

    back = came_back(authorize(sandbox, callback, **{str(button["name"]): str(button["value"])}), callback)

    assert (back["error"], back["state"]) == ("access_denied", "s & t")


def test_choosing_an_account_can_be_insisted_on(sandbox: RunningSandbox, callback: str) -> None:
    answer = authorize(sandbox, callback, login_hint=FINCH["email"], prompt="select_account")

    assert "Pick an account" in answer.text


def test_who_is_signed_in_comes_back_without_a_page_unless_it_is_asked_for(
    sandbox: RunningSandbox, callback: str
) -> None:
    cookies = authorize(sandbox, callback, login_hint=FINCH["email"]).cookies
    assert "code" in came_back(authorize(sandbox, callback, cookies=cookies), callback)
    for prompt in ("login", "select_account"):
        assert "Pick an account" in authorize(sandbox, callback, cookies=cookies, prompt=prompt).text


def test_only_who_has_signed_in_in_this_browser_comes_back_unasked(sandbox: RunningSandbox, callback: str) -> None:
    def silently(**cookies: str) -> dict[str, str]:
        return came_back(
            authorize(sandbox, callback, cookies=cookies, prompt="none", login_hint=FINCH["email"]), callback
        )

    assert silently()["error"] == "login_required"
    assert silently(sandbox_entra=CRAKE["oid"])["error"] == "login_required"
    signed_in = authorize(sandbox, callback, login_hint=FINCH["email"])
    assert "code" in silently(**signed_in.cookies.get_dict())
    gone = requests.get(f"{sandbox.url}/{TENANT}/oauth2/v2.0/logout", cookies=signed_in.cookies, timeout=5)
    assert gone.headers["Set-Cookie"].startswith("sandbox_entra=;")


def claims_for(sandbox: RunningSandbox, callback: str, **asked: Any) -> dict[str, Any]:
    code = came_back(authorize(sandbox, callback, login_hint=FINCH["email"], **asked), callback)["code"]
    token = redeem(sandbox, callback, code).json()["id_token"]
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def test_a_second_factor_is_named_where_it_was_asked_for_and_given(sandbox: RunningSandbox, callback: str) -> None:
    asked = json.dumps({"id_token": {"acrs": {"essential": True, "value": "c1"}}})
    assert claims_for(sandbox, callback, claims=asked)["acrs"] == ["c1"]
    assert claims_for(sandbox, callback).get("acrs", []) == []
    sandbox.seed({"staff": [{**FINCH, "has_second_factor": False}]})
    assert "acrs" not in claims_for(sandbox, callback, claims=asked)


def test_a_forged_token_can_be_ordered(sandbox: RunningSandbox, callback: str) -> None:
    sandbox.knob("entra", "id_token_changes", {"tid": "another", "roles": None})
    claims = claims_for(sandbox, callback)
    assert claims["tid"] == "another"
    assert "roles" not in claims


def test_the_answer_can_come_as_a_form(sandbox: RunningSandbox, callback: str) -> None:
    answer = authorize(
        sandbox, callback, login_hint=FINCH["email"], response_mode="form_post", state='"><script>alert(1)</script>'
    )

    page = BeautifulSoup(answer.text, "html.parser")
    form = page.find("form")
    assert form is not None
    assert (form["method"], form["action"]) == ("post", callback)
    values = {str(box["name"]): str(box["value"]) for box in form.find_all("input")}
    assert values["state"] == '"><script>alert(1)</script>'
    assert page.find("script") is None
    assert redeem(sandbox, callback, values["code"]).status_code == 200


@pytest.mark.parametrize(
    ("changed", "number"),
    [
        ({"tenant": "11111111-1111-4111-8111-111111111111"}, 90002),
        ({"client_id": LOCAL_IDS["ENTRA_CLIENT_ID"]}, 700016),
        ({"redirect_uri": "https://thief.example.com/staff/sign-in/callback"}, 50011),
        ({"response_mode": "fragment"}, 90014),
    ],
)
def test_a_request_that_is_not_ours_is_sent_nowhere(
    sandbox: RunningSandbox, callback: str, changed: dict[str, str], number: int
) -> None:
    answer = authorize(sandbox, callback, login_hint=FINCH["email"], **changed)

    assert refused(answer)[0::2] == (400, number)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
    ],
)
def test_a_mistake_of_ours_comes_back_to_us(
    sandbox: RunningSandbox, callback: str, changed: dict[str, Any], error: str
) -> None:
    back = came_back(authorize(sandbox, callback, login_hint=FINCH["email"], **changed), callback)

    assert (back["error"], "code" in back) == (error, False)


def test_a_code_works_once(sandbox: RunningSandbox, callback: str) -> None:
    code = code_for(sandbox, callback)

    assert redeem(sandbox, callback, code).status_code == 200
    assert refused(redeem(sandbox, callback, code)) == (400, "invalid_grant", 54005)


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"code_verifier": "w" * 50}, (400, "invalid_grant", 501481)),
        ({"code_verifier": ""}, (400, "invalid_grant", 501481)),
        ({"redirect_uri": "http://127.0.0.1/other"}, (400, "invalid_grant", 500112)),
        ({"client_secret": "wrong"}, (401, "invalid_client", 7000215)),
        ({"client_id": LOCAL_IDS["ENTRA_CLIENT_ID"]}, (400, "unauthorized_client", 700016)),
        ({"grant_type": "password"}, (400, "unsupported_grant_type", 70003)),
        ({"code": "made-up"}, (400, "invalid_grant", 54005)),
    ],
)
def test_a_code_needs_all_that_belongs_to_it(
    sandbox: RunningSandbox, callback: str, changed: dict[str, str], refusal: tuple[int, str, int]
) -> None:
    assert refused(redeem(sandbox, callback, **{"code": code_for(sandbox, callback), **changed})) == refusal


def test_a_code_is_soon_too_old(sandbox: RunningSandbox, callback: str) -> None:
    sandbox.knob("entra", "code_seconds", 0.05)
    code = code_for(sandbox, callback)
    time.sleep(0.1)

    assert refused(redeem(sandbox, callback, code)) == (400, "invalid_grant", 70008)


def test_the_workers_get_a_token_for_graph_and_for_nothing_else(sandbox: RunningSandbox) -> None:
    sent = {
        "grant_type": "client_credentials",
        "client_id": LOCAL_IDS["ENTRA_CLIENT_ID"],
        "client_secret": LOCAL_SECRETS["ENTRA_CLIENT_SECRET"],
    }

    def ask(**changed: str) -> requests.Response:
        return requests.post(f"{sandbox.url}/{TENANT}/oauth2/v2.0/token", data={**sent, **changed}, timeout=5)

    granted: dict[str, Any] = ask(scope="https://graph.microsoft.com/.default").json()
    assert (granted["token_type"], granted["expires_in"]) == ("Bearer", 3599)
    assert "refresh_token" not in granted
    assert refused(ask(scope="https://graph.microsoft.com/Mail.Send")) == (400, "invalid_scope", 70011)
    assert refused(ask(client_secret="")) == (401, "invalid_client", 7000215)


def test_signing_out_leads_back_to_the_portal_only(sandbox: RunningSandbox, callback: str) -> None:
    def sign_out(target: str) -> requests.Response:
        url = f"{sandbox.url}/{TENANT}/oauth2/v2.0/logout"
        return requests.get(url, params={"post_logout_redirect_uri": target}, timeout=5, allow_redirects=False)

    home = callback.replace("/staff/sign-in/callback", "/")
    assert sign_out(home).headers["Location"] == home
    stayed = sign_out("https://thief.example.com/")
    assert (stayed.status_code, "Location" in stayed.headers) == (200, False)
    assert "signed out" in stayed.text
