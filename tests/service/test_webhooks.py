"""Service systems are told that something they were told has been corrected: by number, signed, until they hear it."""

import asyncio
import base64
import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_network

import asyncpg
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

import catalogs
from catalogs.faults import CatalogError
from catalogs.settings import now
from service import clients, following, webhooks
from service.outward import NotReached, Outward
from service.state import State
from tests.service import campus, desk
from tests.service.conftest import opened, service_url
from tests.service.desk import CANARY, T001, Desk
from tests.support.http import Reply, ScriptedServer, scripted_server
from warehouse.key_ring import ring

HERE = Outward(is_reference_campus=True)
ISSUER = "https://once.example"


@pytest.fixture(scope="module")
def hook() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        yield server


@pytest.fixture(scope="module")
def at_desk(pg_module_database, tmp_path_factory, hook: ScriptedServer) -> Iterator[Desk]:
    """A campus on which the hall wants to be told; its address is known to the test alone."""
    listed = [
        one | ({"webhook": "env:HALL_HOOK"} if one["client"] == campus.HALL else {})
        for one in campus._CLIENTS
    ]
    files = campus.files() | {"clients.yaml": json.dumps(listed, ensure_ascii=False).encode()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(webhooks, "EVERY_S", 3600)  # here it is the tests that send
        with opened(pg_module_database, tmp_path_factory.mktemp("home")) as found:
            found.catalog = catalogs.load(files)
            campus.publish(found.owner, found.catalog, {})
            yield found


@pytest.fixture(autouse=True)
def address(hook: ScriptedServer, monkeypatch) -> None:
    monkeypatch.setenv("HALL_HOOK", f"{hook.url}/changed")
    hook.requests.clear()


@pytest.fixture
def run(at_desk: Desk, pg_module_database):
    """Run something with a pool as the service's own role has it."""

    def within(what):
        async def once():
            address, opens = service_url(pg_module_database), dict(ring().session())
            async with asyncpg.create_pool(address, server_settings=opens, min_size=1, max_size=3) as pool:
                return await what(pool)

        return asyncio.run(once())

    return within


@pytest.fixture
def corrected(at_desk: Desk, run, as_owner) -> list[int]:
    """Have a fact corrected that the hall was told; returns the numbers of the changes."""
    at_desk.owner.execute("DELETE FROM service.webhook_notice")
    case_id = at_desk.case()
    assert at_desk.facts(["DW"], case_id=case_id).status_code == 200
    body = {"subject": T001, "case_id": case_id, "actor": {"user_id": "T001", "role": "applicant"},
            "service_item": campus.EMPLOYED, "element": "DW", "stated": "x", "reason": "r"}  # fmt: skip
    filed = at_desk.post("/v1/corrections", body, **{"Idempotency-Key": uuid.uuid4().hex})
    assert filed.status_code == 201, filed.text
    number = filed.json()["correction_id"]
    decision = {"decision": "accept", "reason": "r"}
    assert at_desk.post(f"/v1/corrections/{number}:decide", decision, campus.HR).status_code == 200
    at_desk.owner.execute("UPDATE store.hr__staff SET _to = (SELECT yici.current() + 1) WHERE _to IS NULL")
    rows = [desk.STAFF[0] | {"unit": f"{CANARY}{uuid.uuid4().hex[:6]}"}, *desk.STAFF[1:3]]
    campus.publish(at_desk.owner, at_desk.catalog, {"hr.staff": rows})
    keys = at_desk.app.state.around.keys

    async def follow(pool) -> int:
        return await following.follow(pool, keys, await State().current(pool))

    run(follow)
    found = at_desk.owner.execute("SELECT id FROM service.change WHERE correction = %s ORDER BY id", [number])
    return [id_ for (id_,) in found]


def sent(at_desk: Desk, run, later: timedelta = timedelta(), outward: Outward = HERE) -> int:
    keys, known = at_desk.app.state.around.keys, at_desk.catalog.campus.clients
    return run(lambda pool: webhooks.send(pool, keys, known, outward, ISSUER, now() + later))


def states(at_desk: Desk) -> list[tuple]:
    return at_desk.owner.execute(
        "SELECT client_id, changes, state, tries, error FROM service.webhook_notice"
    ).fetchall()


def test_a_notice_says_which_changes_and_proves_whose_it_is(at_desk: Desk, run, corrected, hook):
    hook.answers["/changed"] = Reply(status=202)
    assert [one[:3] for one in states(at_desk)] == [(campus.HALL, corrected, "waiting")]
    assert sent(at_desk, run) == 1
    (request,) = hook.requests
    assert (request.method, request.headers["content-type"]) == ("POST", webhooks.KIND)
    published = KeySet.import_key_set(at_desk.http.get("/.well-known/jwks.json").json())
    told = jwt.decode(request.body.decode(), published, algorithms=["Ed25519"])
    assert told.header["typ"] == "secevent+jwt"
    assert (told.claims["iss"], told.claims["aud"]) == (ISSUER, campus.HALL)
    assert told.claims["events"] == {webhooks.EVENT: {"change_ids": corrected}}
    assert set(told.claims) == {"iss", "aud", "iat", "jti", "events"}
    asked = at_desk.get(f"/v1/changes?after={corrected[0] - 1}").json()
    assert [one["change_id"] for one in asked] == corrected
    assert sent(at_desk, run) == 0 and len(hook.requests) == 1


def test_who_fails_is_told_again_later_under_the_same_number_and_given_up_at_last(
    at_desk: Desk, run, corrected, hook, as_owner
):
    hook.answers["/changed"] = Reply(b"no", status=500)
    assert (sent(at_desk, run), states(at_desk)[0][2:]) == (0, ("waiting", 1, "answered 500"))
    assert sent(at_desk, run) == 0 and len(hook.requests) == 1, "it has to wait"
    hook.answers["/changed"] = Reply(status=204)
    assert sent(at_desk, run, timedelta(minutes=2)) == 1
    numbers = {json.loads(_claims(request.body))["jti"] for request in hook.requests}
    assert len(numbers) == 1 and states(at_desk)[0][2:4] == ("sent", 2)
    at_desk.owner.execute("UPDATE service.webhook_notice SET state = 'waiting', tries = 0, next_at = now()")
    hook.answers["/changed"] = Reply(status=404)
    for days in range(12):
        sent(at_desk, run, timedelta(days=2 * days))
    assert states(at_desk)[0][2:] == ("dead", 9, "answered 404")
    listed = {one.client_id: one.dead_notices for one in clients.listed()}
    assert (listed[campus.HALL], listed[campus.PORTAL]) == (1, 0)


def _claims(token: bytes) -> bytes:
    part = token.split(b".")[1]
    return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))


def test_nothing_is_sent_inside_or_without_tls_unless_the_campus_says_so(at_desk: Desk, run, corrected, hook):
    hook.answers["/changed"] = Reply(status=202)
    assert sent(at_desk, run, outward=Outward()) == 0
    assert states(at_desk)[0][4] == "the address does not begin with https://"
    assert hook.requests == []


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("93.184.216.34", True), ("2606:2800:220:1::1", True), ("127.0.0.1", False), ("::1", False),
        ("10.1.2.3", False), ("192.168.1.1", False), ("169.254.169.254", False), ("fe80::1%eth0", False),
        ("::ffff:10.1.2.3", False), ("0.0.0.0", False), ("100.64.0.1", False), ("10.7.0.1", True),
        ("64:ff9b::5db8:d822", True), ("64:ff9b::a01:203", False), ("64:ff9b::a07:1", True),
        ("64:ff9b:1::a01:203", False), ("2002:a01:203::1", False), ("::10.1.2.3", False),
    ],
)  # fmt: skip
def test_what_lies_inside_is_known_by_its_number(address, allowed):
    assert Outward(inner=(ip_network("10.7.0.0/16"),)).allows(address) is allowed


def test_a_name_that_leads_inside_is_not_followed():
    with pytest.raises(NotReached, match="leads inside"):
        asyncio.run(Outward().get("https://localhost/keys"))


def test_an_answer_without_end_is_not_read_to_its_end(hook: ScriptedServer):
    hook.answers["/large"] = Reply(b"x" * 1_000_000)
    with pytest.raises(NotReached, match="too large"):
        asyncio.run(HERE.get(f"{hook.url}/large"))
    hook.answers["/elsewhere"] = Reply(status=302, headers={"Location": "http://127.0.0.1/"})
    with pytest.raises(NotReached, match="answered 302"):
        asyncio.run(HERE.get(f"{hook.url}/elsewhere"))


def test_an_address_does_not_stand_in_the_catalog():
    listed = [campus._CLIENTS[0] | {"webhook": "https://hall.example/changed"}, *campus._CLIENTS[1:]]
    with pytest.raises(CatalogError, match="webhook"):
        catalogs.load(campus.files() | {"clients.yaml": json.dumps(listed, ensure_ascii=False).encode()})
