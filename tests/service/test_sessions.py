"""A portal asks as the person who is logged in there: for that person and session only, by proof, briefly."""

import hashlib
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from service import clients, sessions
from service.configuration import Configuration
from service.login import LoginSettings
from tests.service import campus
from tests.service.conftest import opened
from tests.service.desk import CANARY, Desk
from tests.service.test_me import AUDIENCE, NUMBERS, Provider
from tests.support.http import scripted_server

SECRET = "a-session-of-one-browser"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with scripted_server() as server:
        yield Provider(server)


@pytest.fixture(scope="module")
def at_desk(pg_module_database, tmp_path_factory, provider: Provider) -> Iterator[Desk]:
    settings = LoginSettings(provider.issuer, AUDIENCE, f"{provider.issuer}/keys", NUMBERS)
    chosen = Configuration(login=settings)
    with opened(pg_module_database, tmp_path_factory.mktemp("home"), chosen) as found:
        yield found


def begin(
    at_desk: Desk, proof: str, proof_type: str = "id_token", client: str = campus.PAGES
) -> httpx.Response:
    session = hashlib.sha256(SECRET.encode()).hexdigest()
    return at_desk.post(
        "/v1/sessions", {"proof_type": proof_type, "proof": proof, "session": session}, client
    )


def ask(at_desk: Desk, token: str, path: str = "facts", secret: str = SECRET, **sent: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}", "Yici-Session": secret}
    if sent:
        headers["Idempotency-Key"] = sent.pop("key", None) or uuid.uuid4().hex
    return at_desk.http.request("POST" if sent else "GET", f"/v1/me/{path}", headers=headers, **sent)


def renew(at_desk: Desk, token: str, secret: str = SECRET, client: str = campus.PAGES) -> httpx.Response:
    return at_desk.post("/v1/sessions:renew", {"access_token": token, "secret": secret}, client)


def test_a_proven_login_becomes_a_bearer_for_that_person_and_session(at_desk: Desk, provider: Provider):
    reply = begin(at_desk, provider.token())
    assert reply.status_code == 200, reply.text
    told = reply.json()
    assert (told["person"], told["expires_in"]) == ("T001", sessions.LIFETIME_S)
    entry = at_desk.last()
    assert (entry["action"], entry["outcome"], entry["rule"], entry["client_id"]) == (
        "session", "allowed", "login:id_token", campus.PAGES,
    )  # fmt: skip
    own = {one["element"]: one.get("value") for one in ask(at_desk, told["access_token"]).json()["facts"]}
    assert own["XM"] == f"{CANARY}甲"
    assert "T001" not in told["access_token"]


@pytest.mark.parametrize("secret", ["", "another-session-of-another-browser"])
def test_without_its_session_a_bearer_is_worth_nothing(at_desk: Desk, provider: Provider, secret):
    token = begin(at_desk, provider.token()).json()["access_token"]
    assert ask(at_desk, token, secret=secret).json()["code"] == "INVALID_TOKEN"
    if secret:
        assert renew(at_desk, token, secret).json()["code"] == "INVALID_TOKEN"


def test_a_portal_cannot_name_a_person_of_its_own_choice(at_desk: Desk):
    assert begin(at_desk, "T001", "account").json()["code"] == "NOT_PERMITTED"
    assert begin(at_desk, "T001").json()["code"] == "INVALID_TOKEN"
    assert begin(at_desk, "ST-1", "ticket").json()["code"] == "NOT_FOUND"
    assert at_desk.last()["outcome"] == "refused"


@pytest.mark.parametrize("client", [campus.HALL, campus.STRANGER, campus.PORTAL])
def test_only_a_portal_that_the_register_names_gets_sessions(at_desk: Desk, provider: Provider, client):
    assert begin(at_desk, provider.token(), client=client).json()["code"] == "NOT_PERMITTED"
    token = begin(at_desk, provider.token()).json()["access_token"]
    assert renew(at_desk, token, client=client).status_code == 403


def test_a_bearer_ends_and_is_renewed_until_its_session_is_old(
    at_desk: Desk, provider: Provider, monkeypatch
):
    monkeypatch.setattr(sessions, "LIFETIME_S", 0)
    token = begin(at_desk, provider.token()).json()["access_token"]
    assert ask(at_desk, token).json()["code"] == "INVALID_TOKEN"
    monkeypatch.setattr(sessions, "LIFETIME_S", 600)
    again = renew(at_desk, token)
    assert again.status_code == 200, again.text
    assert ask(at_desk, again.json()["access_token"]).status_code == 200
    monkeypatch.setattr("service.sessions.time.time", lambda at=time.time(): at + sessions.LONGEST_S + 1)
    keys = at_desk.app.state.around.keys
    held = sessions.opened(keys, token, SECRET)
    with pytest.raises(sessions.Problem):
        sessions.renewed(held, campus.PAGES)


def test_a_suspended_portal_shows_nobody_anything(at_desk: Desk, provider: Provider, as_owner):
    token = begin(at_desk, provider.token()).json()["access_token"]
    clients.suspend(campus.PAGES)
    try:
        assert ask(at_desk, token).json()["code"] == "CLIENT_SUSPENDED"
    finally:
        clients.suspend(campus.PAGES, False)
    assert ask(at_desk, token).status_code == 200


def test_an_own_fact_is_corrected_by_its_provider_and_the_person_sees_what_came_of_it(
    at_desk: Desk, provider: Provider
):
    token = begin(at_desk, provider.token()).json()["access_token"]
    stated = {"element": "DH", "stated": "13911112222", "reason": "换号"}
    filed = ask(at_desk, token, "corrections", json=stated, key="k-1")
    assert filed.status_code == 201, filed.text
    assert ask(at_desk, token, "corrections", json=stated, key="k-1").json() == filed.json()
    other = ask(at_desk, token, "corrections", json=stated | {"reason": "换卡"}, key="k-1")
    assert other.json()["code"] == "IDEMPOTENCY_KEY_REUSED"
    told = filed.json()
    assert (told["provider"], told["state"], told["case_id"]) == ("RS", "routed", None)
    assert at_desk.last()["elements"] == ["DH"]
    facts = {one["element"]: one for one in ask(at_desk, token).json()["facts"]}
    assert facts["DH"]["status"] == "in_dispute"
    assert ask(at_desk, token, "corrections", json=stated).json()["code"] == "CORRECTION_OPEN"
    path = f"/v1/corrections/{told['correction_id']}"
    shown = at_desk.get(path, campus.HR).json()
    assert (shown["stated"]["id"], shown["stated"]["stated"]) == ("T001", "13911112222")
    assert at_desk.get(path, campus.HALL).status_code == 404
    refused = {"decision": "reject", "reason": "与档案不符"}
    assert at_desk.post(f"{path}:decide", refused, campus.HR).status_code == 200
    (own,) = ask(at_desk, token, "corrections").json()
    assert (own["state"], own["decision_reason"]) == ("rejected", "与档案不符")
    kept = at_desk.owner.execute("SELECT string_agg(c::text, ' ') FROM service.correction c").fetchone()[0]
    assert "13911112222" not in kept and "换号" not in kept


def test_what_is_not_shown_to_the_person_is_not_corrected_here(at_desk: Desk, provider: Provider):
    token = begin(at_desk, provider.token()).json()["access_token"]
    for element in ("GZ", "XH", "NOTHING"):
        refused = ask(at_desk, token, "corrections", json={"element": element, "reason": "x"})
        assert refused.json()["code"] == "INVALID_PARAMETER", element
    other = begin(at_desk, provider.token(employee_number="T002")).json()["access_token"]
    assert ask(at_desk, other, "corrections").json() == []
