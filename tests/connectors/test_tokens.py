"""Tokens that sources lend: asked for when needed, renewed in the middle of a reading, and never shown."""

import base64
import json
import logging
import pickle
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import pytest

from catalogs.model import System
from catalogs.settings import ConfigurationError
from connectors import http, open_source, tokens
from connectors.base import SourceRefused, SourceUnavailable
from connectors.http import HttpClient
from connectors.landing import Landing
from connectors.lookup import Lookup
from tests.connectors.build import item, resource, system
from tests.connectors.reading import land, rows
from tests.support.http import Reply, Request, ScriptedServer

ROOMS = resource("/rooms", [item("no"), item("name")], name="labs.rooms")
PAGING = {"style": "page", "size": 2, "rows": "$.data.items", "total": "$.data.total"}
ID, SECRET = "CANARY-id", "CANARY/secret +1"
RFC = {"type": "client_credentials", "token_url": "/token", "id": "env:LABS_ID", "secret": "env:LABS_SECRET"}
VENDOR = RFC | {
    "send_as": "query",
    "id_param": "corpid",
    "secret_param": "corpsecret",
    "query_param": "access_token",
    "expired": {"$.errcode": ["40014", "42001"]},
}


@dataclass
class House:
    """A source that lends tokens: each is good for so many requests, `lend` says what its answer is like.

    Attributes:
        good_for: requests that each token opens.
        asked: every request for a token.
        moods: answers that the token endpoint gives first, last one first.
        status: of its good answers; some frameworks answer every POST with 201.
    """

    server: ScriptedServer
    good_for: int = 1000
    carried: Callable[[Request], str] = lambda request: request.headers.get("authorization", "")
    lend: Callable[[str], Any] = lambda token: {"access_token": token, "expires_in": 3600}
    refusal: Reply = field(default_factory=lambda: Reply({"message": "CANARY"}, 401))
    shown: Callable[[str], str] = lambda token: f"Bearer {token}"
    asked: list[Request] = field(default_factory=list)
    moods: list[Reply] = field(default_factory=list)
    status: int = 200
    opened: int = 0

    def __post_init__(self) -> None:
        self.rooms = [{"no": f"R{n}", "name": f"室{n}"} for n in range(7)]
        self.server.answers["/token"] = self._token
        self.server.answers["/rooms"] = self._rooms

    def token(self) -> str:
        return f"CANARY-token-{len(self.asked)}"

    def _token(self, request: Request) -> Reply:
        self.asked.append(request)
        self.opened = 0
        return self.moods.pop() if self.moods else Reply(self.lend(self.token()), self.status)

    def _rooms(self, request: Request) -> Reply:
        self.opened += 1
        if self.carried(request) != self.shown(self.token()) or self.opened > self.good_for:
            return self.refusal
        page = int(request.query["page"][0])
        items = self.rooms[(page - 1) * 2 : page * 2]
        return Reply({"errcode": 0, "data": {"total": len(self.rooms), "items": items}})


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABS_ID", ID)
    monkeypatch.setenv("LABS_SECRET", SECRET)
    monkeypatch.setattr(http, "_FIRST_WAIT_S", 0.01)


@pytest.fixture
def house(http_server: ScriptedServer) -> House:
    return House(http_server)


def vendor(server: ScriptedServer, **other: Any) -> House:
    return House(
        server,
        carried=lambda request: request.query.get("access_token", [""])[0],
        shown=lambda token: token,
        refusal=Reply({"errcode": 42001, "errmsg": "CANARY expired"}),
        **other,
    )


def labs(server: ScriptedServer, auth: dict[str, Any] | None = None, **limits: Any) -> System:
    settings = {"base_url": server.url, "auth": auth or RFC, "paging": PAGING}
    return system("rest", settings, code="labs", **limits)


def all_rooms(landing: Landing, place: System, extract_id: int = 1) -> list[tuple]:
    (manifest,) = land(landing, place, ROOMS, extract_id)
    return rows(landing, manifest)


ALL = [(f"R{n}", f"室{n}") for n in range(7)]


def test_a_token_is_asked_for_as_rfc_6749_says_and_serves_all_pages(house: House, landing: Landing) -> None:
    assert all_rooms(landing, labs(house.server)) == ALL
    (question,) = house.asked
    account = base64.b64encode(b"CANARY-id:CANARY%2Fsecret+%2B1").decode()
    assert (question.method, question.headers["authorization"]) == ("POST", f"Basic {account}")
    assert parse_qs(question.body.decode()) == {"grant_type": ["client_credentials"]}


@pytest.mark.parametrize(
    ("auth", "method", "query", "body"),
    [
        (
            {"send_as": "form", "params": {"scope": "read"}},
            "POST",
            {},
            "grant_type=client_credentials&client_id=CANARY-id&client_secret=CANARY%2Fsecret+%2B1&scope=read",
        ),
        (
            {
                "send_as": "json",
                "id_param": "appId",
                "secret_param": "appSecret",
                "params": {"v": "env:LABS_ID"},
            },
            "POST",
            {},
            {"appId": ID, "appSecret": SECRET, "v": ID},
        ),
        (
            {"send_as": "query", "id_param": "corpid", "secret_param": "corpsecret"},
            "GET",
            {"corpid": [ID], "corpsecret": [SECRET]},
            "",
        ),
    ],
)
def test_vendors_are_told_id_and_secret_in_their_own_way(
    auth: dict[str, Any], method: str, query: dict[str, Any], body: Any, house: House, landing: Landing
) -> None:
    assert all_rooms(landing, labs(house.server, RFC | auth)) == ALL
    (question,) = house.asked
    assert (question.method, question.query) == (method, query)
    told = question.body.decode()
    assert (json.loads(told) if isinstance(body, dict) else told) == body


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"header": "X-Access-Token"}, "x-access-token", "{}"),
        ({"header": "X-Access-Token", "scheme": "Token"}, "x-access-token", "Token {}"),
        ({"scheme": ""}, "authorization", "{}"),
    ],
)
def test_the_token_is_taken_and_carried_where_the_vendor_has_it(
    auth: dict[str, str], header: str, value: str, http_server: ScriptedServer, landing: Landing
) -> None:
    house = House(
        http_server,
        lend=lambda token: {"code": "0", "data": {"token": token, "expire": 3600}},
        carried=lambda request: request.headers.get(header, ""),
        shown=value.format,
        status=201,
    )
    places = {"access_token": "$.data.token", "expires_in": "$.data.expire"}
    assert all_rooms(landing, labs(house.server, RFC | places | auth)) == ALL


def test_a_token_that_is_refused_between_two_pages_is_renewed_and_no_row_is_lost_or_doubled(
    house: House, landing: Landing
) -> None:
    house.good_for = 1
    (manifest,) = land(landing, labs(house.server), ROOMS)
    assert rows(landing, manifest) == ALL
    assert manifest.notes == ()
    pages = [request.query["page"][0] for request in house.server.requests if request.path == "/rooms"]
    # Each page but the first is asked twice: with the token that has ended, and with the new one.
    assert pages == ["1", "2", "2", "3", "3", "4", "4"]
    assert len(house.asked) == 4


def test_an_expired_token_that_is_told_with_status_200_is_renewed_as_well(
    http_server: ScriptedServer, landing: Landing
) -> None:
    house = vendor(http_server, good_for=2)
    assert all_rooms(landing, labs(house.server, VENDOR)) == ALL
    assert len(house.asked) == 2


@pytest.mark.parametrize(
    ("expires_in", "asked"),
    [
        (lambda: 100, 2),  # a minute before its end
        (lambda: "100", 2),
        (lambda: 30, 4),  # at half of its life
        (lambda: int(time.time()) + 100, 2),
        (lambda: int(time.time() * 1000) + 100_000, 2),
        (lambda: 7200, 1),
        (lambda: None, 1),
        (lambda: "2026-11-27 12:00:00", 1),
        (lambda: -5, 1),
        (lambda: int(time.time()) - 500, 1),
    ],
)
def test_a_token_is_renewed_before_it_ends_and_one_without_a_known_end_serves_until_it_is_refused(
    expires_in: Callable[[], Any],
    asked: int,
    house: House,
    landing: Landing,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house.lend = lambda token: {"access_token": token, "expires_in": expires_in()}
    passed = [0.0]
    monkeypatch.setattr(tokens, "monotonic", lambda: passed[0])
    answer = house.server.answers["/rooms"]

    def slow(request: Request) -> Reply:
        passed[0] += 18
        return answer(request)

    house.server.answers["/rooms"] = slow
    assert all_rooms(landing, labs(house.server)) == ALL
    assert len(house.asked) == asked
    # Never was a token refused: it was renewed in time.
    assert sum(request.path == "/rooms" for request in house.server.requests) == 4


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            Reply({"error": "invalid_client", "error_description": "CANARY"}, 401),
            r"refuses id or secret \(invalid_client, HTTP 401\)",
        ),
        (Reply({"error": "CANARY"}, 400), r"refuses id or secret \(HTTP 400\)"),
        (Reply(b"CANARY", 403), r"refuses id or secret \(HTTP 403\)"),
        (Reply({"errcode": 40013, "errmsg": "CANARY"}), r"no token at \$\.access_token"),
        (Reply({"access_token": {"CANARY": 1}}), r"no token at \$\.access_token"),
        (Reply({"access_token": "CANARY\r\nX: y"}), r"no token at \$\.access_token"),
    ],
)
def test_a_token_endpoint_that_refuses_is_final_and_says_where_to_look(
    answer: Reply, told: str, house: House, landing: Landing
) -> None:
    house.moods = [answer] * 9
    with pytest.raises(SourceRefused, match=f"labs: .*{told}; what was published stays; check ") as caught:
        land(landing, labs(house.server), ROOMS)
    message = str(caught.value)
    assert "labs.auth.id (variable LABS_ID), labs.auth.secret (variable LABS_SECRET)" in message
    assert "CANARY" not in message
    assert [request.path for request in house.server.requests] == ["/token"]
    assert landing.extracts() == []


def test_a_refused_account_is_not_tried_again_for_each_resource_of_the_system(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = [1000.0]
    monkeypatch.setattr(tokens, "monotonic", lambda: passed[0])
    house.moods = [Reply(status=401)]
    with HttpClient(labs(house.server)) as client:
        for _ in range(3):
            with pytest.raises(SourceRefused, match="refuses id or secret"):
                client.ask("/rooms", {"page": 1})
        assert len(house.asked) == 1
        passed[0] += 61
        assert client.ask("/rooms", {"page": 1}).body["data"]["total"] == "7"


def test_a_busy_token_endpoint_is_waited_for_and_one_that_stays_busy_is_a_passing_failure(
    house: House, landing: Landing
) -> None:
    house.moods = [Reply(status=503, headers={"Retry-After": "0"}), Reply(status=502)]
    assert all_rooms(landing, labs(house.server)) == ALL
    assert len(house.asked) == 3
    house.moods = [Reply(status=503)] * 9
    with pytest.raises(SourceUnavailable, match="asking for a token: the source is busy, 2 times in a row"):
        land(landing, labs(house.server, attempts=2), ROOMS, extract_id=2)


def test_a_token_endpoint_that_fails_in_the_middle_of_a_reading_lands_nothing(
    house: House, landing: Landing
) -> None:
    house.good_for = 2
    answer = house.server.answers["/token"]
    house.server.answers["/token"] = lambda request: answer(request) if not house.asked else Reply(status=503)
    with pytest.raises(SourceUnavailable, match="asking for a token"):
        land(landing, labs(house.server, attempts=2), ROOMS)
    assert landing.extracts() == []


def test_a_source_that_refuses_every_token_is_asked_twice_and_no_more(house: House, landing: Landing) -> None:
    house.good_for = 0
    with pytest.raises(SourceRefused, match="the token was refused, and a new one as well") as caught:
        land(landing, labs(house.server), ROOMS)
    assert [request.path for request in house.server.requests] == ["/token", "/rooms"] * 2
    assert "labs.auth.id (variable LABS_ID)" in str(caught.value)


def test_neither_secret_nor_token_is_in_a_log_an_error_or_a_manifest(
    http_server: ScriptedServer, landing: Landing, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    house = vendor(http_server, good_for=1)
    place = labs(house.server, VENDOR)
    (manifest,) = land(landing, place, ROOMS)
    house.good_for = 0
    with pytest.raises(SourceRefused) as caught:
        land(landing, place, ROOMS, extract_id=2)
    assert "HTTP Request: GET" in caplog.text
    assert "CANARY" not in caplog.text
    assert "CANARY" not in str(caught.value)
    assert b"CANARY" not in manifest.to_json()


def test_an_address_of_a_next_page_that_repeats_the_token_is_asked_with_the_new_one_and_not_logged(
    http_server: ScriptedServer, landing: Landing, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    house = vendor(http_server, good_for=1)
    answer = house.server.answers["/rooms"]

    def linked(request: Request) -> Reply:
        number = int(request.query.setdefault("page", ["1"])[0])
        reply = answer(request)
        if "data" in reply.body and number < 4:
            old = request.query["access_token"][0]
            reply.body["next"] = f"{house.server.url}/rooms?page={number + 1}&access_token={old}&q=%E5%AE%A4"
        return reply

    house.server.answers["/rooms"] = linked
    settings = {"style": "link", "rows": "$.data.items", "next": "$.next"}
    place = system("rest", {"base_url": house.server.url, "auth": VENDOR, "paging": settings}, code="labs")
    assert all_rooms(landing, place) == ALL
    assert all(len(r.query.get("access_token", [""])) == 1 for r in house.server.requests)
    assert house.server.requests[-1].query["q"] == ["室"]
    assert "CANARY" not in caplog.text


def test_the_secret_goes_to_the_declared_token_endpoint_only_and_follows_no_redirect(
    house: House, landing: Landing
) -> None:
    house.moods = [Reply(status=302, headers={"Location": "http://127.0.0.1:1/steal"})]
    with pytest.raises(SourceRefused, match=r"asking for a token: .*\(HTTP 302\)"):
        land(landing, labs(house.server), ROOMS)


@pytest.mark.parametrize(
    ("auth", "told"),
    [
        ({"token_url": "env:LABS_TOKEN_URL"}, r"auth\.token_url: not an address"),
        ({"secret": "env:LABS_NO_SECRET"}, "LABS_NO_SECRET is not set"),
        ({"id": ""}, r"auth\.id: setting is missing"),
        ({"send_as": "header"}, r"auth\.send_as: not one of"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_told_without_its_value(
    auth: dict[str, str], told: str, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABS_TOKEN_URL", f"{house.server.url}/token?corpsecret=CANARY")
    with pytest.raises(ConfigurationError, match=told) as caught:
        HttpClient(labs(house.server, RFC | auth))
    assert "CANARY" not in str(caught.value)
    assert house.server.requests == []


def test_an_interface_behind_tokens_can_be_looked_into(house: House) -> None:
    house.good_for = 1
    with open_source(labs(house.server)) as source:
        (first, second) = source.tables(["/rooms", "/rooms"])
    assert first == second
    assert (first.rows, [column.name for column in first.columns]) == (7, ["no", "name"])


def test_threads_that_find_a_token_ended_renew_it_once(house: House) -> None:
    government = system("lookup", {"base_url": house.server.url, "auth": RFC}, code="labs", attempts=1)
    contract = resource("/check", [item("result")], name="labs.check")
    together = threading.Barrier(4)
    lock = threading.Lock()

    def check(request: Request) -> Reply:
        if request.headers["authorization"] != "Bearer CANARY-token-2":
            together.wait(10)  # all of them hold the token that has ended
            return Reply(status=401)
        with lock:
            return Reply({"data": {"result": "一致"}})

    house.server.answers["/check"] = check
    outcomes = []
    with Lookup(government) as lookup:
        threads = [
            threading.Thread(target=lambda: outcomes.append(lookup.ask(contract, {"id_no": "1"})))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert [outcome.kind for outcome in outcomes] == ["found"] * 4
    assert len(house.asked) == 2


def test_a_lookup_whose_token_is_refused_for_good_is_an_outcome(house: House) -> None:
    house.moods = [Reply({"error": "CANARY"}, 401)]
    government = system("lookup", {"base_url": house.server.url, "auth": RFC}, code="labs")
    with Lookup(government) as lookup:
        outcome = lookup.ask(resource("/check", [item("result")], name="labs.check"), {"id_no": "CANARY"})
    assert outcome.kind == "refused"
    assert "CANARY" not in f"{outcome}"


def test_a_refusal_keeps_its_words_on_the_way_from_the_reading_process() -> None:
    refused = tokens.HttpRefused(
        "labs: refused", 400, {"error": "invalid_scope", "error_description": "CANARY"}
    )
    again = pickle.loads(pickle.dumps(refused))
    assert (str(again), again.status, again.error) == ("labs: refused", 400, "invalid_scope")
    assert "CANARY" not in repr(vars(again))
