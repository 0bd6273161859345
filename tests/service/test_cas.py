"""A person logs in by the campus's CAS server: the ticket counts once, for the portal that is set up, and briefly."""

from collections.abc import Iterator

import httpx
import pytest

from catalogs.settings import ConfigurationError
from service import cas
from service.cas import CasSettings
from service.configuration import Configuration, configuration
from tests.service.conftest import opened
from tests.service.desk import CANARY, Desk
from tests.support.http import Reply, Request, ScriptedServer, scripted_server

PORTAL = "https://portal.example/me"
NUMBERS = {"user": "staff_no", "studentNumber": "student_no"}
SUCCESS = """<cas:serviceResponse xmlns:cas="http://www.yale.edu/tp/cas"><cas:authenticationSuccess>
<cas:user>{user}</cas:user><cas:attributes>{attributes}</cas:attributes></cas:authenticationSuccess>
</cas:serviceResponse>"""
FAILURE = """<cas:serviceResponse xmlns:cas="http://www.yale.edu/tp/cas">
<cas:authenticationFailure code="INVALID_TICKET">no</cas:authenticationFailure></cas:serviceResponse>"""
BOMB = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<cas:serviceResponse xmlns:cas="http://www.yale.edu/tp/cas"><cas:authenticationSuccess><cas:user>&b;</cas:user>
</cas:authenticationSuccess></cas:serviceResponse>"""
INSIDE = BOMB.replace('<!ENTITY a "aaaaaaaaaa">', '<!ENTITY a SYSTEM "file:///etc/hostname">')


class Server:
    """A small CAS server: tickets for people, each good for the address that the person came from."""

    def __init__(self, server: ScriptedServer) -> None:
        self.server = server
        self.speaks_json = False
        self.tickets: dict[str, tuple[str, str, dict[str, list[str]]]] = {}
        server.answers["/cas/p3/serviceValidate"] = self.validate

    def ticket(self, user: str, service: str = PORTAL, **attributes: list[str]) -> str:
        name = f"ST-{len(self.tickets)}-abc.cas01"
        self.tickets[name] = (service, user, attributes)
        return name

    def validate(self, request: Request) -> Reply:
        found = self.tickets.get(request.query["ticket"][0])
        if found is None or request.query["service"] != [found[0]]:
            told = {"serviceResponse": {"authenticationFailure": {"code": "INVALID_TICKET"}}}
            return Reply(told) if self.speaks_json else Reply(FAILURE.encode())
        _, user, attributes = found
        if self.speaks_json:
            success = {"user": user, "attributes": attributes}
            return Reply({"serviceResponse": {"authenticationSuccess": success}})
        elements = "".join(
            f"<cas:{name}>{one}</cas:{name}>" for name, values in attributes.items() for one in values
        )
        return Reply(SUCCESS.format(user=user, attributes=elements).encode())


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with scripted_server() as found:
        yield Server(found)


@pytest.fixture(scope="module")
def at_desk(pg_module_database, tmp_path_factory, server: Server) -> Iterator[Desk]:
    chosen = Configuration(cas=CasSettings(f"{server.server.url}/cas", PORTAL, NUMBERS))
    with opened(pg_module_database, tmp_path_factory.mktemp("home"), chosen) as found:
        yield found


def handed(at_desk: Desk, ticket: str, **state: str) -> httpx.Response:
    return at_desk.http.post("/v1/me/session", json={"ticket": ticket} | state)


def facts(at_desk: Desk, bearer: str) -> httpx.Response:
    return at_desk.http.get("/v1/me/facts", headers={"Authorization": f"Bearer {bearer}"})


@pytest.mark.parametrize("speaks_json", [False, True], ids=["xml", "json"])
def test_a_ticket_becomes_a_short_bearer_for_the_person_it_is_of(at_desk: Desk, server: Server, speaks_json):
    server.speaks_json = speaks_json
    reply = handed(at_desk, server.ticket("T001"))
    assert reply.status_code == 200, reply.text
    told = reply.json()
    assert (told["token_type"], told["expires_in"]) == ("Bearer", 600)
    assert "T001" not in told["access_token"]
    entry = at_desk.last()
    assert (entry["action"], entry["outcome"], entry["rule"]) == ("me_session", "allowed", "login:ticket")
    own = {one["element"]: one.get("value") for one in facts(at_desk, told["access_token"]).json()["facts"]}
    assert own["XM"] == f"{CANARY}甲"


@pytest.mark.parametrize("speaks_json", [False, True], ids=["xml", "json"])
def test_several_numbers_of_one_person_are_one_and_of_two_people_nobody(
    at_desk: Desk, server: Server, speaks_json
):
    server.speaks_json = speaks_json
    both = handed(at_desk, server.ticket("T003", studentNumber=["X003"])).json()["access_token"]
    assert {"GH", "XH"} <= {one["element"] for one in facts(at_desk, both).json()["facts"]}
    for attributes in ({"studentNumber": ["X003"]}, {"studentNumber": ["X003", "X010"]}):
        mixed = handed(at_desk, server.ticket("T001", **attributes)).json()["access_token"]
        assert facts(at_desk, mixed).json()["code"] == "SUBJECT_AMBIGUOUS"


def test_a_ticket_counts_once_though_the_server_would_take_it_again(at_desk: Desk, server: Server):
    ticket = server.ticket("T001")
    assert handed(at_desk, ticket).status_code == 200
    again = handed(at_desk, ticket)
    assert (again.status_code, again.json()["code"]) == (401, "INVALID_TOKEN")
    assert at_desk.last()["rule"] == "login:ticket_used"
    kept = at_desk.owner.execute("SELECT string_agg(j::text, ' ') FROM service.jti j").fetchone()[0]
    assert ticket not in kept


def test_a_ticket_of_an_address_with_a_state_counts_with_that_state_only(at_desk: Desk, server: Server):
    state = "a-state-of-one-browser"
    with_state = f"{PORTAL}?state={state}"
    assert handed(at_desk, server.ticket("T001", with_state), state=state).status_code == 200
    for service, told in (
        (with_state, {}),
        (with_state, {"state": "a-state-of-another-browser"}),
        (PORTAL, {"state": state}),
    ):
        assert handed(at_desk, server.ticket("T001", service), **told).json()["code"] == "INVALID_TOKEN"
    for no_state in ("", "short", f"{state}&service=x", "x" * 101):
        assert handed(at_desk, server.ticket("T001", with_state), state=no_state).status_code == 422


@pytest.mark.parametrize(
    "ticket", ["ST-unknown", "PT-1-proxy", "TGT-1", "ST-&service=x", "ST-", "x", "ST-\x00", "ST-号"]
)
def test_what_is_no_good_ticket_is_refused_and_on_record(at_desk: Desk, ticket):
    reply = handed(at_desk, ticket)
    assert (reply.status_code, reply.json()["code"]) == (401, "INVALID_TOKEN")
    entry = at_desk.last()
    assert (entry["action"], entry["outcome"]) == ("me_session", "refused")


@pytest.mark.parametrize(
    "content",
    [
        b"", b"<html>", b"{", b"{}", b"[]", b"null", BOMB.encode(), INSIDE.encode(), b"<x/>", b"x" * 100_000,
        b'{"serviceResponse": {"authenticationSuccess": {}}}', b'{"serviceResponse": []}',
        b'{"serviceResponse": {"authenticationSuccess": {"user": "T001", "attributes": 1}}}',
        b"{" * 60_000,
    ],
)  # fmt: skip
def test_an_answer_that_is_none_lets_nobody_in(at_desk: Desk, server: Server, content):
    answers = server.server.answers
    usual = answers["/cas/p3/serviceValidate"]
    answers["/cas/p3/serviceValidate"] = Reply(content)
    try:
        reply = handed(at_desk, server.ticket("T001"))
    finally:
        answers["/cas/p3/serviceValidate"] = usual
    assert (reply.status_code, reply.json()["code"]) == (503, "LOGIN_UNAVAILABLE")


def test_a_login_without_a_number_that_we_know_is_nobody(at_desk: Desk, server: Server):
    known = at_desk.app.state.around.login.cas._settings.numbers
    assert known == NUMBERS
    reply = handed(at_desk, server.ticket("T999"))
    assert facts(at_desk, reply.json()["access_token"]).json()["code"] == "SUBJECT_NOT_FOUND"


def test_a_bearer_that_is_changed_made_up_or_over_is_worth_nothing(
    at_desk: Desk, server: Server, monkeypatch
):
    good = handed(at_desk, server.ticket("T001")).json()["access_token"]
    changed = good[:-6] + ("A" if good[-6] != "A" else "B") + good[-5:]
    for bearer in (changed, cas.MARK, cas.MARK + "AAAA", good.removeprefix(cas.MARK), cas.MARK + "号"):
        reply = at_desk.http.get("/v1/me/facts", headers={"Authorization": f"Bearer {bearer}".encode()})
        assert (reply.status_code, reply.json()["code"]) == (401, "INVALID_TOKEN")
    monkeypatch.setattr(cas, "LIFETIME_S", -1)
    over = handed(at_desk, server.ticket("T001")).json()["access_token"]
    assert facts(at_desk, over).json()["code"] == "INVALID_TOKEN"
    # it opens nothing that service systems may do
    headers = {"Authorization": f"Bearer {good}"}
    assert at_desk.http.get("/v1/elements", headers=headers).json()["code"] == "INVALID_TOKEN"


def test_settings_are_whole_or_refused(monkeypatch):
    monkeypatch.setenv("YICI_LOGIN_CAS", "https://cas.example/cas/")
    monkeypatch.setenv("YICI_LOGIN_CAS_SERVICE", PORTAL)
    with pytest.raises(ConfigurationError, match="YICI_LOGIN_NUMBERS"):
        configuration()
    monkeypatch.setenv("YICI_LOGIN_NUMBERS", "user=staff_no, studentNumber=student_no")
    assert configuration().cas == CasSettings("https://cas.example/cas", PORTAL, NUMBERS)
    monkeypatch.setenv("YICI_LOGIN_CAS", "http://cas.example/cas")
    with pytest.raises(ConfigurationError, match="https"):
        configuration()


def test_where_no_server_is_set_up_a_ticket_is_for_nobody(pg_database, tmp_path):
    with opened(pg_database, tmp_path) as found:
        reply = handed(found, "ST-1-abc")
        assert (reply.status_code, reply.json()["code"]) == (404, "NOT_FOUND")
        assert found.last()["action"] == "me_session"
