"""Signing in with Microsoft, as the sandbox plays it: who comes in, who does not, and how it ends."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from portal import clock, demo_clinic
from portal.db import db, transaction
from portal.sessions import WebSession
from portal.staff import access
from portal.staff.models import Action, AuditEntry, Practitioner, StaffMember, StaffTask
from portal.staff.tasks import raise_task
from tests.support import factories
from tests.support.page import Page
from tests.support.sandbox import RunningSandbox
from tests.support.staff import AtMicrosoft, off_to_microsoft, query_of
from tests.support.visitor import Visitor

pytestmark = pytest.mark.usefixtures("ctx")

PIA, ODETTE, NELL, TOBIAS = (f"{name}@rosella-clinic.example.com" for name in ("pia", "odette", "nell", "tobias"))


@pytest.fixture(autouse=True)
def _people(sandbox: RunningSandbox) -> None:
    sandbox.seed(demo_clinic.people())


@pytest.fixture
def microsoft() -> AtMicrosoft:
    return AtMicrosoft()


def sign_in(visitor: Visitor, microsoft: AtMicrosoft, email: str, **asked: str) -> Page:
    """Through both pages; -> where it ends."""
    back = microsoft.answer(off_to_microsoft(visitor, **asked), email)
    return visitor._arrive(visitor.get(back))


def cookie_of(visitor: Visitor) -> str:
    return visitor.cookie("staff").value


# --- who comes in


def test_somebody_with_a_role_comes_in(client: Visitor, microsoft: AtMicrosoft) -> None:
    page = sign_in(client, microsoft, PIA)
    assert (page.heading, page.url) == ("Today", "/staff")
    assert page.has("Pia Wattle")
    member = db.session.scalars(select(StaffMember)).one()
    assert (member.name, member.roles, member.email) == ("Pia Wattle", ["reception"], PIA)


def test_the_browser_sends_a_challenge_and_asks_for_a_second_factor(client: Visitor) -> None:
    asked = query_of(off_to_microsoft(client))
    assert asked["response_type"] == "code"
    assert asked["response_mode"] == "query"
    assert asked["code_challenge_method"] == "S256"
    assert asked["prompt"] == "login"
    assert set(asked["scope"].split()) == {"openid", "profile"}
    assert '"acrs"' in asked["claims"]
    assert {"state", "nonce"} <= asked.keys()


def test_a_practitioner_is_matched_by_the_mailbox_and_not_by_name(client: Visitor, microsoft: AtMicrosoft) -> None:
    factories.make_practitioner(name="Tobias Wren")
    tobias = next(person for person in demo_clinic.PEOPLE if person.slug == "tobias-wren")
    factories.make_practitioner(name="T. Wren", graph_user_id=tobias.graph_user_id)
    sign_in(client, microsoft, TOBIAS)
    kept = db.session.scalars(select(WebSession).where(WebSession.realm == "staff")).one().data["staff"]
    known = db.session.scalar(select(func.max(Practitioner.id)).where(Practitioner.name == "T. Wren"))
    assert (kept["roles"], kept["practitioner_id"]) == (["practitioner"], known)


def test_who_has_no_role_is_told_whom_to_ask(client: Visitor, microsoft: AtMicrosoft, stranger: Visitor) -> None:
    sign_in(stranger, AtMicrosoft(), ODETTE)
    page = sign_in(client, microsoft, NELL)
    assert page.status == 403
    assert page.heading == "You have no role here yet"
    assert page.has("Please ask Odette Farrow to give you one.")
    assert client.get("/staff").status_code == 303
    assert db.session.scalar(select(func.count()).select_from(StaffMember)) == 1


def test_a_sign_in_stands_in_the_audit(client: Visitor, microsoft: AtMicrosoft) -> None:
    sign_in(client, microsoft, PIA)
    entry = db.session.scalars(select(AuditEntry)).one()
    assert (entry.action, entry.kind, entry.staff_member.name if entry.staff_member else None) == (
        Action.SIGNED_IN,
        "back office",
        "Pia Wattle",
    )


# --- what Microsoft's answer must hold


FORGED: dict[str, dict[str, Any]] = {
    "for another application": {"aud": "7c0f3c1e-5b1a-4d6e-9a57-0d5f1f7a1001"},
    "for several applications": {"aud": ["7c0f3c1e-5b1a-4d6e-9a57-0d5f1f7a1002", "another"]},
    "of another issuer": {"iss": "https://login.microsoftonline.com/11111111-1111-4111-8111-111111111111/v2.0"},
    "of a look-alike issuer": {"iss": "https://login.microsoftonline.com.evil.example.com/x/v2.0"},
    "of another tenant": {"tid": "11111111-1111-4111-8111-111111111111"},
    "that has run out": {"exp": 1_600_000_000},
    "that never runs out": {"exp": None},
    "for later": {"nbf": 4_000_000_000},
    "without a person": {"oid": None},
    "without a tenant": {"tid": None},
    "without a second factor": {"acrs": None},
    "with another factor": {"acrs": ["c9"]},
    "with a word in place of factors": {"acrs": "c1 and more"},
}


@pytest.mark.parametrize("changes", FORGED.values(), ids=FORGED)
def test_a_token_that_is_not_for_us_lets_nobody_in(
    client: Visitor, microsoft: AtMicrosoft, sandbox: RunningSandbox, changes: dict[str, Any]
) -> None:
    sandbox.knob("entra", "id_token_changes", changes)
    assert_refused(client, sign_in(client, microsoft, PIA))


@pytest.mark.parametrize("nonce", [None, "made-up"])
def test_a_token_for_another_sign_in_lets_nobody_in(
    client: Visitor, microsoft: AtMicrosoft, sandbox: RunningSandbox, nonce: str | None
) -> None:
    sandbox.knob("entra", "id_token_changes", {"nonce": nonce})
    assert_refused(client, sign_in(client, microsoft, PIA))


@pytest.mark.parametrize("signer", ["a stranger", "a stranger under a name of their own", "nobody", "the public key"])
def test_a_token_that_somebody_else_signed_lets_nobody_in(
    client: Visitor, microsoft: AtMicrosoft, sandbox: RunningSandbox, signer: str
) -> None:
    sandbox.knob("entra", "id_token_signer", signer)
    assert_refused(client, sign_in(client, microsoft, PIA))
    sandbox.knob("entra", "id_token_signer", "the tenant")
    assert sign_in(client, microsoft, PIA).heading == "Today"


def test_the_second_factor_has_words_of_its_own(
    client: Visitor, microsoft: AtMicrosoft, sandbox: RunningSandbox
) -> None:
    sandbox.knob("entra", "id_token_changes", {"acrs": None})
    assert sign_in(client, microsoft, PIA).heading == "Your account needs a second step"


def assert_refused(visitor: Visitor, page: Page) -> None:
    assert page.status in (400, 403)
    assert page.heading != "Today"
    assert "Start again" in page.links
    assert visitor.get("/staff").status_code == 303
    assert db.session.scalars(select(StaffMember)).all() == []


# --- a sign-in belongs to one browser, once


def test_an_answer_works_once(client: Visitor, microsoft: AtMicrosoft) -> None:
    back = microsoft.answer(off_to_microsoft(client), PIA)
    assert client.get(back).status_code == 303
    again = client.page(back, status=400)
    assert again.heading == "That sign-in is no longer open"


def test_an_answer_is_worth_nothing_in_another_browser(
    client: Visitor, stranger: Visitor, microsoft: AtMicrosoft
) -> None:
    back = microsoft.answer(off_to_microsoft(client), PIA)
    off_to_microsoft(stranger)
    assert stranger.page(back, status=400).heading == "That sign-in is no longer open"
    assert stranger.get("/staff").status_code == 303


def test_a_code_of_another_browser_is_refused_by_microsoft(
    client: Visitor, stranger: Visitor, microsoft: AtMicrosoft
) -> None:
    """The attacker's own code under the victim's state: the verifier belongs to the attacker's browser."""
    theirs = query_of(microsoft.answer(off_to_microsoft(client), PIA))
    mine = query_of(microsoft.answer(off_to_microsoft(stranger), PIA))
    page = stranger.page(f"/staff/sign-in/callback?code={theirs['code']}&state={mine['state']}", status=403)
    assert page.heading == "We could not sign you in"
    assert stranger.get("/staff").status_code == 303


@pytest.mark.parametrize("query", ["", "code=x", "code=x&state=", "state=made-up&code=x", "error=access_denied"])
def test_an_answer_that_nobody_asked_for_is_refused(client: Visitor, query: str) -> None:
    assert client.page(f"/staff/sign-in/callback?{query}", status=400).heading == "That sign-in is no longer open"


def test_whoever_takes_too_long_starts_again(client: Visitor, microsoft: AtMicrosoft, sandbox: RunningSandbox) -> None:
    back = microsoft.answer(off_to_microsoft(client), PIA)
    sandbox.advance(minutes=11)
    assert client.page(back, status=400).heading == "That sign-in is no longer open"


def test_two_tabs_may_be_at_it_at_once(client: Visitor, microsoft: AtMicrosoft) -> None:
    first, second = off_to_microsoft(client), off_to_microsoft(client)
    assert client.get(microsoft.answer(first, PIA)).status_code == 303
    assert client.get("/staff").status_code == 200
    # The other tab's was forgotten with the session before the sign-in; it is signed in already.
    assert client.get(microsoft.answer(second, PIA)).status_code == 400


def test_cancelling_is_no_error(client: Visitor, microsoft: AtMicrosoft) -> None:
    back = microsoft.answer(off_to_microsoft(client) + "&sandbox_choice=cancel", None)
    assert client.page(back, status=400).heading == "You have not signed in"


def test_a_microsoft_that_is_away_is_told_so(client: Visitor, microsoft: AtMicrosoft, sandbox: RunningSandbox) -> None:
    back = microsoft.answer(off_to_microsoft(client), PIA)
    sandbox.fault("POST /*/oauth2/v2.0/token", "error", status=503)
    assert client.page(back, status=503).heading == "Microsoft does not answer"


# --- the session


def test_the_session_id_is_another_one_after_signing_in(client: Visitor, microsoft: AtMicrosoft) -> None:
    """Who had planted theirs in this browser is left with nothing."""
    client.page("/staff/sign-in")
    before = cookie_of(client)
    sign_in(client, microsoft, PIA)
    after = cookie_of(client)
    assert after != before
    attacker: Any = client.application.test_client()
    attacker.set_cookie(client.cookie("staff").key, before, domain="127.0.0.1", secure=True)
    assert attacker.get("/staff").status_code == 303
    assert db.session.scalar(select(func.count()).select_from(WebSession).where(WebSession.realm == "staff")) == 1


def test_it_is_a_cookie_of_its_own_that_ends_with_the_browser(client: Visitor) -> None:
    [cookie] = client.get("/staff/sign-in").headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-staff")
    assert "Max-Age" not in cookie
    assert "Expires" not in cookie
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}


def test_it_ends_after_half_an_hour_without_a_click(
    client: Visitor, microsoft: AtMicrosoft, sandbox: RunningSandbox
) -> None:
    sign_in(client, microsoft, PIA)
    sandbox.advance(minutes=28)
    assert client.get("/staff").status_code == 200
    sandbox.advance(minutes=28)
    assert client.get("/staff").status_code == 200
    sandbox.advance(minutes=31)
    assert client.get("/staff").headers["Location"].startswith("/staff/sign-in?")


def test_it_ends_after_eight_hours_however_busy(
    client: Visitor, microsoft: AtMicrosoft, sandbox: RunningSandbox
) -> None:
    sign_in(client, microsoft, PIA)
    for _ in range(19):
        sandbox.advance(minutes=25)
        page = client.get("/staff")
        if page.headers.get("Location", "").startswith("/staff/sign-in/again"):
            again = client.get(page.headers["Location"])
            assert client.get(microsoft.answer(again.headers["Location"], None)).status_code == 303
            page = client.get("/staff")
        assert page.status_code == 200
    sandbox.advance(minutes=10)
    assert client.get("/staff").headers["Location"].startswith("/staff/sign-in?")


def test_being_signed_in_at_microsoft_is_not_enough_to_come_back(
    client: Visitor, microsoft: AtMicrosoft, sandbox: RunningSandbox
) -> None:
    """Whoever sits down at a desk that was left has our button and Microsoft's own session within reach."""
    sign_in(client, microsoft, PIA)
    sandbox.advance(minutes=31)
    asked = microsoft.session.get(off_to_microsoft(client), timeout=5, allow_redirects=False)
    assert (asked.status_code, "Pick an account" in asked.text) == (200, True)


def test_after_an_hour_microsoft_is_asked_again(
    client: Visitor, microsoft: AtMicrosoft, sandbox: RunningSandbox
) -> None:
    sign_in(client, microsoft, PIA)
    before = cookie_of(client)
    an_hour_passes(client, sandbox)
    answer = client.get("/staff/tasks?state=done")
    assert answer.headers["Location"].startswith("/staff/sign-in/again?")
    off = client.get(answer.headers["Location"]).headers["Location"]
    assert (query_of(off)["prompt"], query_of(off)["login_hint"]) == ("none", PIA)
    back = client.get(microsoft.answer(off, None))
    assert back.headers["Location"] == "/staff/tasks?state=done"
    assert cookie_of(client) != before
    assert client.get("/staff/tasks?state=done").status_code == 200


def test_a_form_that_is_on_its_way_is_not_lost_for_it(
    client: Visitor, microsoft: AtMicrosoft, sandbox: RunningSandbox
) -> None:
    page = sign_in(client, microsoft, PIA)
    an_hour_passes(client, sandbox)
    assert (page.submit("Sign out").left_for or "").startswith(sandbox.url)


def test_a_form_that_is_far_too_late_waits_for_a_new_look_and_is_not_lost(
    client: Visitor, microsoft: AtMicrosoft, sandbox: RunningSandbox
) -> None:
    page = sign_in(client, microsoft, PIA)
    with transaction():
        raise_task("mail-unsure", "A mail may not have arrived.", clock.now())
    task = db.session.scalars(select(StaffTask)).one()
    typed = {"csrf_token": page.value("csrf_token")}

    def send() -> int:
        return client.post(f"/staff/tasks/{task.id}/completion", data=typed).status_code

    an_hour_passes(client, sandbox)
    assert client.post("/staff/tasks/999/completion", data=typed).status_code == 404  # two minutes late
    sandbox.advance(minutes=14)
    assert send() == 403
    assert client.post("/staff/tasks/999/completion", data=typed).status_code == 403
    assert task.done_at is None
    off = client.get("/staff/sign-in/again").headers["Location"]
    assert client.get(microsoft.answer(off, None)).status_code == 303
    assert send() == 303
    assert task.done_at is not None


def test_whoever_sends_form_after_form_is_looked_up_as_well(
    client: Visitor, microsoft: AtMicrosoft, sandbox: RunningSandbox
) -> None:
    page = sign_in(client, microsoft, PIA)
    typed = {"csrf_token": page.value("csrf_token"), "q": "Nora"}
    answers = []
    for _ in range(4):
        sandbox.advance(minutes=25)
        answers.append(client.post("/staff/patients/search", data=typed))
    assert [answer.status_code for answer in answers[2:]] == [403, 403]
    assert Page(client, answers[-1]).heading == "One step before this is saved"


def test_the_way_out_is_open_at_any_time(client: Visitor, microsoft: AtMicrosoft, sandbox: RunningSandbox) -> None:
    page = sign_in(client, microsoft, PIA)
    an_hour_passes(client, sandbox)
    sandbox.advance(minutes=14)
    assert (page.submit("Sign out").left_for or "").startswith(sandbox.url)


def test_a_look_that_fails_our_checks_ends_it(client: Visitor, microsoft: AtMicrosoft, sandbox: RunningSandbox) -> None:
    sign_in(client, microsoft, PIA)
    an_hour_passes(client, sandbox)
    off = client.get(client.get("/staff").headers["Location"]).headers["Location"]
    sandbox.knob("entra", "id_token_changes", {"acrs": None})
    page = client._arrive(client.get(microsoft.answer(off, None)))
    assert (page.status, page.heading) == (403, "Your account needs a second step")
    assert client.get("/staff").headers["Location"].startswith("/staff/sign-in?")


def test_a_role_that_was_taken_away_ends_it_within_the_hour(
    client: Visitor, microsoft: AtMicrosoft, sandbox: RunningSandbox
) -> None:
    sign_in(client, microsoft, PIA)
    change_roles(sandbox, "Pia Wattle", [])
    an_hour_passes(client, sandbox)
    off = client.get(client.get("/staff").headers["Location"]).headers["Location"]
    page = client._arrive(client.get(microsoft.answer(off, None)))
    assert (page.status, page.heading) == (403, "You have no role here yet")
    assert client.get("/staff").headers["Location"].startswith("/staff/sign-in?")


def test_another_role_counts_from_then_on(client: Visitor, microsoft: AtMicrosoft, sandbox: RunningSandbox) -> None:
    sign_in(client, microsoft, PIA)
    assert client.get("/staff/audit").status_code == 403
    change_roles(sandbox, "Pia Wattle", ["owner"])
    an_hour_passes(client, sandbox)
    off = client.get(client.get("/staff").headers["Location"]).headers["Location"]
    client.get(microsoft.answer(off, None))
    assert client.get("/staff/audit").status_code == 200


def test_whom_microsoft_no_longer_knows_signs_in_in_person(
    client: Visitor, microsoft: AtMicrosoft, sandbox: RunningSandbox
) -> None:
    sign_in(client, microsoft, PIA)
    an_hour_passes(client, sandbox)
    off = client.get(client.get("/staff/tasks").headers["Location"]).headers["Location"]
    nobody = AtMicrosoft()
    answer = client.get(nobody.answer(off, None))
    assert answer.headers["Location"] == "/staff/sign-in?next=staff.tasks.listed"
    assert client.get("/staff").headers["Location"].startswith("/staff/sign-in?")


def test_a_closed_account_is_out_at_once_and_stays_out(client: Visitor, microsoft: AtMicrosoft) -> None:
    sign_in(client, microsoft, PIA)
    member = db.session.scalars(select(StaffMember)).one()
    with transaction():
        access.disable(member.id, member.signed_in_at)
    assert client.get("/staff").headers["Location"].startswith("/staff/sign-in?")
    page = sign_in(client, microsoft, PIA)
    assert (page.status, page.heading) == (403, "This account is closed here")
    with transaction():
        access.enable(member.id)
    assert sign_in(client, microsoft, PIA).heading == "Today"


# --- the way out


def test_signing_out_ends_it_here_and_at_microsoft(
    client: Visitor, microsoft: AtMicrosoft, sandbox: RunningSandbox
) -> None:
    page = sign_in(client, microsoft, PIA)
    left = page.submit("Sign out")
    assert left.left_for is not None
    assert left.left_for.startswith(f"{sandbox.url}/")
    assert query_of(left.left_for)["logout_hint"] == PIA
    assert left.response.headers["Clear-Site-Data"] == '"cache", "cookies", "storage"'
    assert db.session.scalars(select(WebSession).where(WebSession.realm == "staff")).all() == []
    back = microsoft.answer(left.left_for, None)
    assert client.page(back.rstrip("?")).heading == "You have signed out"
    assert client.get("/staff").status_code == 303


def test_signing_out_needs_a_press_of_the_button(client: Visitor, microsoft: AtMicrosoft) -> None:
    sign_in(client, microsoft, PIA)
    assert client.get("/staff/sign-out").status_code == 405
    assert client.get("/staff").status_code == 200


# --- where it leads on to


def test_it_leads_on_to_the_page_that_was_wanted(client: Visitor, microsoft: AtMicrosoft) -> None:
    wanted = client.page("/staff/tasks?state=done&about=Money")
    assert wanted.heading == "Back office"
    left = wanted.submit("Sign in with Microsoft").left_for
    assert left is not None
    arrived = client.get(microsoft.answer(left, PIA)).headers["Location"]
    assert arrived.startswith("/staff/tasks?")
    assert query_of(arrived) == {"state": "done", "about": "Money"}


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        ("bookings?q=castellano", {}),
        ("audit?patient=Nora&action=read&page=2", {"action": "read", "page": "2"}),
        ("bookings/new?patient=7&date=2027-03-09", {"patient": "7", "date": "2027-03-09"}),
        ("patients/7", {"patient_id": "7"}),
        ("diary?view=week&note=nora", {"view": "week"}),
    ],
)
def test_filters_go_along_and_what_may_name_somebody_stays_behind(
    client: Visitor, wanted: str, kept: dict[str, str]
) -> None:
    found = query_of(client.get(f"/staff/{wanted}").headers["Location"])
    assert found.pop("next").startswith("staff.")
    assert found == kept


@pytest.mark.parametrize(
    "asked",
    [
        {"next": "https://evil.example.com/"},
        {"next": "//evil.example.com/"},
        {"next": "/staff/audit"},
        {"next": "grid.home"},
        {"next": "staff.sign_in.sign_out"},
        {"next": "staff.sign_in.look_up_again"},
        {"next": "staff.tasks.mark_done"},
        {"next": "made.up"},
        {"next": "staff.patients.record"},
        {"next": "staff.patients.record", "patient_id": "abc"},
        {"next": "staff.home.today", "_external": "1", "_scheme": "gopher", "_anchor": "x"},
        {"next": "staff.home.today", "endpoint": "grid.home"},
    ],
)
def test_it_leads_to_no_other_address(client: Visitor, microsoft: AtMicrosoft, asked: dict[str, str]) -> None:
    answer = client.get(microsoft.answer(off_to_microsoft(client, **asked), PIA))
    assert answer.headers["Location"] == "/staff"


@pytest.mark.parametrize("query", ["_external=1&_scheme=gopher", "endpoint=x", "next=grid.home", "state=a&state=b"])
def test_odd_filters_break_nothing(client: Visitor, query: str) -> None:
    answer = client.get(f"/staff?{query}")
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/staff/sign-in?")
    assert "gopher" not in answer.headers["Location"]


def test_a_fragment_sends_the_whole_page_to_sign_in(client: Visitor) -> None:
    answer = client.get("/staff/tasks", headers={"HX-Request": "true"})
    assert answer.status_code == 204
    assert answer.headers["HX-Redirect"] == "/staff/sign-in?next=staff.tasks.listed"


# --- what is written down


def test_a_failure_is_logged_with_its_reason_and_nothing_of_the_person(
    client: Visitor, microsoft: AtMicrosoft, sandbox: RunningSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.knob("entra", "id_token_changes", {"tid": "11111111-1111-4111-8111-111111111111"})
    sign_in(client, microsoft, PIA)
    assert '"reason": "wrong-tenant"' in caplog.text
    for secret in ("Pia", "pia@", "code=", "state="):
        assert secret not in caplog.text


def an_hour_passes(visitor: Visitor, sandbox: RunningSandbox) -> None:
    """With a click in between, so that the session does not lie idle."""
    for _ in range(2):
        sandbox.advance(minutes=25)
        assert visitor.get("/staff").status_code == 200
    sandbox.advance(minutes=12)


def change_roles(sandbox: RunningSandbox, name: str, roles: list[str]) -> None:
    people = demo_clinic.people()
    (person,) = [each for each in people["staff"] if each["name"] == name]
    sandbox.seed({**people, "staff": [{**person, "roles": roles}]})


def test_the_app_in_this_test_speaks_with_the_sandbox(app: Flask, sandbox: RunningSandbox) -> None:
    assert app.config["PORTAL"].entra_authority == sandbox.url
