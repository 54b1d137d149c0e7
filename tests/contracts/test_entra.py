"""Tokens of the workers: one for all processes, replaced when Graph refuses it."""

from __future__ import annotations

import os

import pytest

from portal.integrations.entra import session_for
from portal.integrations.http import Permanent, Transient
from tests.support.microsoft import PEOPLE, WREN, MemoryTokenCache, graph_for, spec, tokens_for
from tests.support.sandbox import RunningSandbox


def token_requests(sandbox: RunningSandbox) -> int:
    return sum(call["path"].endswith("/token") for call in sandbox.calls("entra"))


def test_a_token_is_fetched_once_and_kept(sandbox: RunningSandbox) -> None:
    tokens = tokens_for(sandbox)

    assert tokens.bearer() == tokens.bearer()
    assert token_requests(sandbox) == 1


def test_another_process_uses_the_shared_token(sandbox: RunningSandbox) -> None:
    cache = MemoryTokenCache()

    assert tokens_for(sandbox, cache).bearer() == tokens_for(sandbox, cache).bearer()
    assert token_requests(sandbox) == 1


def test_a_token_with_little_life_left_is_replaced(sandbox: RunningSandbox) -> None:
    sandbox.knob("entra", "token_seconds", 200)
    tokens = tokens_for(sandbox)

    assert tokens.bearer() != tokens.bearer()


def test_nothing_is_asked_before_the_first_use(sandbox: RunningSandbox) -> None:
    tokens_for(sandbox)
    tokens_for(sandbox, authority="http://127.0.0.1:9")

    assert sandbox.calls("entra") == []


def test_a_token_that_graph_refuses_is_replaced_once(sandbox: RunningSandbox) -> None:
    cache = MemoryTokenCache()
    sandbox.seed(PEOPLE)
    graph = graph_for(sandbox, cache)
    sandbox.fault("POST /graph/*/events", "401")

    graph.create_event(WREN, spec(), transaction_id="a")

    assert token_requests(sandbox) == 2
    statuses = [call["status"] for call in sandbox.calls("graph")]
    assert statuses == [401, 201]


def test_a_second_refusal_is_for_a_person_to_look_at(sandbox: RunningSandbox) -> None:
    sandbox.seed(PEOPLE)
    graph = graph_for(sandbox)
    sandbox.fault("POST /graph/*/events", "401", times=2)

    with pytest.raises(Permanent) as caught:
        graph.create_event(WREN, spec(), transaction_id="a")
    assert caught.value.status == 401
    assert len(sandbox.calls("graph")) == 2


def test_a_sandbox_that_forgot_our_token_gives_a_new_one(sandbox: RunningSandbox) -> None:
    graph = graph_for(sandbox)
    sandbox.seed(PEOPLE)
    graph.create_event(WREN, spec(), transaction_id="a")
    sandbox.reset()
    sandbox.seed(PEOPLE)

    assert graph.create_event(WREN, spec(), transaction_id="a").transaction_id == "a"


def test_a_wrong_secret_is_named_by_its_number(sandbox: RunningSandbox) -> None:
    with pytest.raises(Permanent) as caught:
        tokens_for(sandbox, client_secret="wrong").bearer()
    assert caught.value.code == "AADSTS7000215"


def test_an_unknown_tenant_is_a_lasting_refusal(sandbox: RunningSandbox) -> None:
    with pytest.raises(Permanent):
        tokens_for(sandbox, tenant_id="11111111-1111-4111-8111-111111111111").bearer()


@pytest.mark.parametrize("kind", ["error", "429", "timeout_before_commit", "timeout_after_commit"])
def test_trouble_at_entra_passes(sandbox: RunningSandbox, kind: str) -> None:
    tokens = tokens_for(sandbox)
    sandbox.fault("POST /*/oauth2/v2.0/token", kind, retry_after=7)

    with pytest.raises(Transient):
        tokens.bearer()
    assert tokens.bearer()


def test_an_unreachable_entra_passes(sandbox: RunningSandbox) -> None:
    with pytest.raises(Transient):
        tokens_for(sandbox, authority="http://127.0.0.1:9").bearer()


def test_a_ca_bundle_in_the_environment_changes_nothing(
    sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    monkeypatch.setitem(os.environ, "HTTP_PROXY", "http://127.0.0.1:9")

    assert tokens_for(sandbox).bearer()


def test_plain_http_to_another_machine_is_refused() -> None:
    with pytest.raises(ValueError, match="plain http"):
        session_for("http://login.example.com")
