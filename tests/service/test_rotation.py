"""New keys beside old ones: nobody is turned away, what was signed stays good, and what was retired ends."""

import asyncio
import contextlib
import hashlib
import hmac
import json
import os
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, KeySet
from typer.testing import CliRunner

from catalogs.settings import ConfigurationError, now
from service import checkpoints, clients, keys
from service.client_keys import ClientKeys
from service.configuration import Configuration
from service.outward import Outward
from service.verification import verify
from tests.service import campus
from tests.service.conftest import opened, service_url
from tests.service.desk import T001, Desk
from tests.support.http import Reply, free_port, scripted_server
from yici.cli import app

CHECKER = Path(__file__).parents[2] / "docs" / "verify_evidence.py"
QUIET = Configuration(checkpoint_s=60)


@pytest.fixture
def fresh(pg_database, tmp_path) -> Iterator[Desk]:
    with opened(pg_database, tmp_path, QUIET) as found:
        yield found


def rotate(at_desk: Desk, ring: keys.Ring) -> keys.Kept:
    """Put a new key in force at once, and let the running worker read it."""
    new = keys.rotate(at_desk.home, ring, lead_s=0)
    assert at_desk.app.state.around.keys.refresh()
    return new


def seal(at_desk: Desk, database) -> checkpoints.Sealed:
    async def once() -> checkpoints.Sealed:
        async with asyncpg.create_pool(service_url(database), min_size=1, max_size=1) as pool:
            return await checkpoints.seal(pool, keys.load(at_desk.home), now())

    return asyncio.run(once())


def checked(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, str(CHECKER), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_tokens_and_receipts_of_the_old_key_stay_good_beside_the_new_one(fresh: Desk):
    case_id = fresh.case()
    old = fresh.headers()
    receipt = fresh.facts(["XM"], case_id=case_id).json()["receipt"]
    new = rotate(fresh, "tokens")
    assert fresh.http.get("/v1/elements", headers=old).status_code == 200
    fresh.tokens.clear()
    later = fresh.facts(["XM"], case_id=case_id).json()["receipt"]
    token = fresh.headers()["Authorization"].removeprefix("Bearer ")
    published = KeySet.import_key_set(fresh.http.get("/.well-known/jwks.json").json())
    assert not any(key.is_private for key in published.keys)
    assert jwt.decode(token, published, algorithms=["Ed25519"]).header["kid"] == new.id
    kids = []
    for one in (receipt, later):
        kids.append(jws.deserialize_compact(one, published, algorithms=["Ed25519"]).headers()["kid"])
    assert kids[0] != kids[1] == new.id


def test_a_token_of_a_key_that_is_long_over_is_worth_nothing(fresh: Desk, monkeypatch):
    old = fresh.headers()
    rotate(fresh, "tokens")
    monkeypatch.setattr(keys, "OVERLAP_S", -1)
    reply = fresh.http.get("/v1/elements", headers=old)
    assert (reply.status_code, reply.json()["code"]) == (401, "INVALID_TOKEN")
    fresh.tokens.clear()
    assert fresh.get("/v1/elements").status_code == 200


def test_no_token_of_a_stolen_key_counts_from_then_on(fresh: Desk, as_operator):
    old = fresh.headers()
    assert "Within 5 seconds" in yici("key", "rotate", "tokens", "--stolen")
    assert fresh.app.state.around.keys.refresh()
    reply = fresh.http.get("/v1/elements", headers=old)
    assert (reply.status_code, reply.json()["code"]) == (401, "INVALID_TOKEN")
    fresh.tokens.clear()
    assert fresh.get("/v1/elements").status_code == 200
    published = fresh.http.get("/.well-known/jwks.json").json()["keys"]
    assert not any({"stolen", "since", "d"} & set(one) for one in published)


def test_the_private_half_of_a_spent_key_is_destroyed_and_its_public_half_kept(tmp_path, monkeypatch):
    first = keys.load(tmp_path).signing.kid
    keys.rotate(tmp_path, "tokens", lead_s=0)
    keys.destroy_spent(tmp_path)
    assert all("d" in one.content for one in keys.ring_of(tmp_path, "tokens")), (
        "workers may still sign with it"
    )
    monkeypatch.setattr(keys, "LEAD_S", -1)
    keys.destroy_spent(tmp_path)
    old, new = keys.ring_of(tmp_path, "tokens")
    assert (old.id, "d" in old.content, "d" in new.content) == (first, False, True)
    found = keys.load(tmp_path)
    assert found.signing.kid == new.id
    assert {key.kid for key in found.for_receipts.keys} == {old.id, new.id}
    assert stat.S_IMODE((tmp_path / "keys" / "service_signing.jwk").stat().st_mode) == 0o600


def test_a_new_key_is_known_before_it_is_used(tmp_path):
    first = keys.load(tmp_path)
    old, digests = first.signing.kid, first.subject_keys("staff_no", "T001")
    for ring in keys.RINGS:
        keys.rotate(tmp_path, ring)
    assert first.refresh() and not first.refresh()
    assert first.signing.kid == old and len(first.published) == 4
    assert first.subject_key("staff_no", "T001") == digests[0]
    assert first.subject_keys("staff_no", "T001")[0] == digests[0]
    assert len(first.subject_keys("staff_no", "T001")) == 2
    kept = keys.ring_of(tmp_path, "tokens")
    assert keys.in_force(kept, time.time() + keys.LEAD_S + 1).id == kept[1].id


def test_an_installation_from_before_there_were_rings_keeps_its_digests(tmp_path):
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / "service_secret").write_text("ab" * 32)
    derived = hmac.new(bytes.fromhex("ab" * 32), b"record subject", hashlib.sha256).digest()
    expected = hmac.new(derived, b"staff_no\0T001", hashlib.sha256).hexdigest()
    assert keys.load(tmp_path).subject_key("staff_no", "T001") == expected


def test_checkpoints_of_the_old_key_verify_and_the_new_one_is_vouched_for(
    fresh: Desk, pg_database, tmp_path, monkeypatch
):
    first = fresh.facts(["XM"]).json()
    seal(fresh, pg_database)
    trusted = fresh.get("/v1/audit/checkpoint").json()["verifier_key"]
    rotate(fresh, "tokens")
    for _ in range(2):
        rotate(fresh, "record")
        fresh.facts(["XM"])
        assert seal(fresh, pg_database)
    newest = fresh.get("/v1/audit/checkpoint").json()
    assert newest["verifier_key"] != trusted
    assert newest["note"].split("\n")[0] == trusted.split("+")[0], "it is the same record"
    found = verify(fresh.owner, keys.load(fresh.home))
    assert (found.faults, found.checkpoints) == ([], 3)
    archive, receipt = tmp_path / "evidence.zip", tmp_path / "receipt"
    archive.write_bytes(fresh.get(f"/v1/transactions/{first['transaction_id']}/evidence").content)
    receipt.write_text(first["receipt"])
    told = checked(archive, "--key", trusted, "--receipt", receipt)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "or follows from it" in told.stdout
    stranger = trusted[:-4] + "AAA="
    assert checked(archive, "--key", stranger).returncode == 1


def test_people_are_found_under_every_key_that_their_entries_stand_under(fresh: Desk):
    around = fresh.app.state.around
    case_id = fresh.case()
    fresh.facts(["XM"], case_id=case_id)
    new = rotate(fresh, "subjects")
    fresh.facts(["XM"], case_id=case_id)
    last = fresh.details(fresh.last())
    assert last["subject_key_id"] == new.id
    (count,) = fresh.owner.execute(
        "SELECT count(DISTINCT subject_key) FROM service.record_detail d JOIN service.record r USING (seq)"
        " WHERE r.action = 'facts' AND subject_key = ANY (%s)",
        [around.keys.subject_keys("staff_no", "T001")],
    ).fetchone()
    assert count == 2


def test_wrong_statements_count_on_when_keys_are_rotated(fresh: Desk):
    case_id = fresh.case()
    wrong = [("XM", "eq", "某")]
    codes = []
    for number in range(6):
        if number == 3:
            rotate(fresh, "subjects")
        codes.append(fresh.claims(wrong, case_id=case_id).status_code)
    assert codes == [200] * 5 + [429]


def key_file(folder: Path, name: str) -> tuple[ECKey, Path]:
    key = ECKey.generate_key("P-256", {"kid": name})
    file = folder / f"{name}.json"
    file.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    return key, file


@pytest.fixture
def as_operator(fresh: Desk, pg_database, monkeypatch) -> None:
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    monkeypatch.setenv("YICI_HOME", str(fresh.home))


def yici(*arguments: str) -> str:
    told = CliRunner().invoke(app, list(arguments))
    assert told.exit_code == 0, told.output
    return told.output


def code(at_desk: Desk, key: ECKey) -> int:
    return at_desk.ask_token(at_desk.assertion(campus.HALL, key)).status_code


def test_a_client_changes_over_from_one_key_to_the_next_without_a_gap(fresh: Desk, as_operator, tmp_path):
    old = fresh.keys[campus.HALL]
    new, file = key_file(tmp_path, "hall-2")
    assert code(fresh, new) == 401
    assert "hall-2" in yici("client", "key", "add", campus.HALL, "--jwks", str(file))
    assert (code(fresh, old), code(fresh, new)) == (200, 200)
    listed = yici("client", "key", "list", campus.HALL)
    assert "hall-2" in listed and listed.count("does not count") == 0
    yici("client", "key", "retire", campus.HALL, old.kid)
    assert (code(fresh, old), code(fresh, new)) == (401, 200)
    assert fresh.last()["outcome"] == "allowed"
    assert fresh.record("rule = 'signature'")[-1]["client_id"] == campus.HALL
    with pytest.raises(ConfigurationError, match="has or had keys named hall-2"):
        clients.add_keys(campus.HALL, file)
    _, again = key_file(tmp_path, old.kid)
    with pytest.raises(ConfigurationError, match="has or had"):
        clients.add_keys(campus.HALL, again)
    with pytest.raises(LookupError, match="no key 'none'"):
        clients.retire_key(campus.HALL, "none")
    assert "2 keys" not in yici("client", "list").split(campus.HALL)[1].splitlines()[0]


def test_a_key_counts_within_its_times_only(fresh: Desk, as_operator, tmp_path):
    early, first = key_file(tmp_path, "early")
    over, second = key_file(tmp_path, "over")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    clients.add_keys(campus.HALL, first, since=tomorrow)
    clients.add_keys(campus.HALL, second, until=datetime.now(UTC) - timedelta(seconds=1))
    assert (code(fresh, early), code(fresh, over), code(fresh, fresh.keys[campus.HALL])) == (401, 401, 200)
    counts = {one.kid: one.counts for one in clients.keys_of(campus.HALL)[0]}
    assert counts == {campus.HALL: True, "early": False, "over": False}


def test_a_client_may_publish_its_keys_itself(fresh: Desk, as_operator, monkeypatch):
    first, second = (ECKey.generate_key("P-256", {"kid": name}) for name in ("p1", "p2"))
    around = fresh.app.state.around
    known = ClientKeys(Outward(is_reference_campus=True))
    monkeypatch.setattr(around.client_keys, "of", known.of)
    with scripted_server() as server:
        server.answers["/keys"] = Reply(KeySet([first]).as_dict(private=False))
        clients.publish_at(campus.HALL, f"{server.url}/keys")
        assert (code(fresh, first), code(fresh, second), code(fresh, fresh.keys[campus.HALL])) == (
            200,
            401,
            200,
        )
        assert len(server.requests) == 1, "it is not asked at every token"
        server.answers["/keys"] = Reply(KeySet([second]).as_dict(private=False))
        later = time.monotonic() + 60
        monkeypatch.setattr("service.client_keys.time.monotonic", lambda: later)
        assert (code(fresh, first), code(fresh, second)) == (401, 200)
        clients.retire_key(campus.HALL, "p2")
        assert code(fresh, second) == 401, "retired here, though it is still published"
        server.answers["/keys"] = Reply(b"no", status=500)
        monkeypatch.setattr("service.client_keys.time.monotonic", lambda: later + 3700)
        assert (code(fresh, first), code(fresh, fresh.keys[campus.HALL])) == (401, 200)


def test_the_operator_sees_and_rotates_the_keys_of_the_service(fresh: Desk, as_operator):
    fresh.facts(["XM"])
    assert yici("key", "list").count("in force") == 5, "and those of sensitive items"
    for ring in keys.RINGS:
        assert "is made" in yici("key", "rotate", ring)
    listed = yici("key", "list")
    assert listed.count("in force from") == 3 and listed.count("\n") == 8
    assert " 2 entries" in listed or " 1 entries" in listed


@contextlib.contextmanager
def two_workers(at_desk: Desk, database_url: str, log: Path) -> Iterator[Desk]:
    port = free_port()
    environment = os.environ | {
        "YICI_HOME": str(at_desk.home),
        "YICI_DATABASE_URL": database_url,
        "YICI_SERVICE_DATABASE_URL": os.environ["YICI_SERVICE_DATABASE_URL"],
        "YICI_SERVICE_TOKEN_RATE": "100000",
    }
    command = [sys.executable, "-m", "tests.support.quick_service", "--port", str(port), "--workers", "2"]
    with log.open("w") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT)
    try:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 180
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/readyz", timeout=20)
                break
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield Desk(address, at_desk.catalog, at_desk.owner, at_desk.home, keys=at_desk.keys)
    finally:
        process.terminate()
        process.wait(timeout=120)


def test_every_worker_hears_of_a_suspension_a_retired_key_and_a_new_one(
    fresh: Desk, pg_database, tmp_path, monkeypatch
):
    """Asked over connections of their own, so that both workers answer some."""

    def all_say(wanted: int, ask) -> None:
        deadline = time.monotonic() + 180
        told = []
        while time.monotonic() < deadline:
            told = [ask() for _ in range(8)]
            if set(told) == {wanted}:
                return
            time.sleep(0.2)
        raise AssertionError(told)

    with two_workers(fresh, pg_database.url, tmp_path / "log") as served:
        once = {"Connection": "close"}
        headers = served.headers() | once
        body = {"service_item": campus.EMPLOYED, "parties": [{"role": "applicant", **T001}]}

        def asked() -> int:
            return served.http.get("/v1/service-items", headers=headers).status_code

        all_say(200, asked)
        monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
        clients.suspend(campus.HALL)
        all_say(401, asked)
        assert served.http.post("/v1/cases", json=body, headers=headers).json()["code"] == "CLIENT_SUSPENDED"
        clients.suspend(campus.HALL, False)
        all_say(200, asked)
        new = keys.rotate(fresh.home, "tokens", lead_s=keys.REREAD_S + 2)

        def signs_with_the_new_one() -> bool:
            reply = served.ask_token(served.assertion(campus.PORTAL))
            token = reply.json()["access_token"]
            told = served.http.get("/v1/elements", headers=once | {"Authorization": f"Bearer {token}"})
            assert told.status_code == 200, "a token of one worker is good at the other"
            return jws.extract_compact(token.encode()).headers()["kid"] == new.id

        all_say(True, signs_with_the_new_one)
        all_say(200, asked)  # the old token lives on
        old = served.keys[campus.HALL]
        _, file = key_file(tmp_path, "hall-3")
        clients.add_keys(campus.HALL, file)
        clients.retire_key(campus.HALL, old.kid)
        all_say(401, lambda: served.ask_token(served.assertion(campus.HALL)).status_code)
