"""The record proves itself: checkpoints, proofs, evidence for others, and the first entry that was tampered with."""

import asyncio
import base64
import concurrent.futures
import io
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import asyncpg
import httpx
import psycopg
import pytest

from catalogs.settings import now
from service import checkpoints, notes, tree
from service.configuration import Configuration
from service.keys import load as load_keys
from service.verification import verify
from tests.service import campus
from tests.service.conftest import opened, service_url
from tests.service.desk import T001, Desk
from tests.support.http import free_port
from tests.support.quick_service import workers_of
from warehouse.migrate import upgrade

# Here it is the tests that seal.
QUIET = Configuration(checkpoint_s=3600)
CHECKER = Path(__file__).parents[2] / "docs" / "verify_evidence.py"


@pytest.fixture(scope="module")
def at_desk(pg_module_database, tmp_path_factory):
    with opened(pg_module_database, tmp_path_factory.mktemp("home"), QUIET) as found:
        yield found


def sealed(at_desk: Desk, database) -> checkpoints.Sealed | None:
    """Seal now, as the service's own role does it."""

    async def once() -> checkpoints.Sealed | None:
        async with asyncpg.create_pool(service_url(database), min_size=1, max_size=1) as pool:
            return await checkpoints.seal(pool, load_keys(at_desk.home), now())

    return asyncio.run(once())


def newest(at_desk: Desk, reaching: int) -> dict:
    """Wait until the running service has sealed an entry."""
    for _ in range(200):
        reply = at_desk.get(f"/v1/audit/checkpoint?reaching={reaching}")
        if reply.status_code == 200:
            return reply.json()
        assert reply.status_code == 404
        time.sleep(0.1)
    raise AssertionError("no checkpoint came")


def check(*arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(CHECKER), *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_the_tree_only_grows_and_every_entry_is_in_it(at_desk: Desk, pg_module_database):
    seen = []
    for _ in range(3):
        at_desk.facts(["XM"])
        sealed(at_desk, pg_module_database)
        seen.append(newest(at_desk, at_desk.last()["seq"]))
    keys = load_keys(at_desk.home)
    for one in seen:
        told = notes.opened(one["note"], keys.sealers)
        assert (told.size, told.root.hex(), told.origin) == (one["size"], one["root"], keys.record_name)
    first, last = seen[0], seen[-1]
    proof = at_desk.get(f"/v1/audit/proofs/consistency?older={first['size']}&newer={last['size']}").json()
    roots = bytes.fromhex(first["root"]), bytes.fromhex(last["root"])
    path = [bytes.fromhex(one) for one in proof["path"]]
    assert tree.roots_by_consistency(first["size"], last["size"], roots[0], path) == roots
    for entry in at_desk.record("seq <= %s", last["size"]):
        proof = at_desk.get(f"/v1/audit/proofs/inclusion?seq={entry['seq']}&size={last['size']}").json()
        path = [bytes.fromhex(one) for one in proof["path"]]
        leaf = bytes.fromhex(entry["leaf_hash"])
        assert tree.root_by_inclusion(leaf, entry["seq"] - 1, last["size"], path) == roots[1]


def test_nothing_is_signed_twice_over_the_same_entries(at_desk: Desk, pg_module_database):
    at_desk.facts(["XM"])
    sealed(at_desk, pg_module_database)
    assert sealed(at_desk, pg_module_database) is None


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("inclusion?seq=1&size=999999", 404),
        ("inclusion?seq=3&size=2", 404),
        ("inclusion?seq=0&size=2", 422),
        ("consistency?older=2&newer=999999", 404),
        ("consistency?older=2&newer=1", 404),
        ("consistency?older=x&newer=1", 422),
        ("consistency?older=1&newer=99999999999999999999", 422),
    ],
)
def test_a_proof_that_cannot_be_is_none(at_desk: Desk, query, status):
    at_desk.facts(["XM"])
    assert at_desk.get(f"/v1/audit/proofs/{query}").status_code == status


def test_the_evidence_of_a_decision_is_checked_offline_by_a_script_of_its_own(
    at_desk: Desk, pg_module_database, tmp_path
):
    answer = at_desk.facts(["XM", "ZT"]).json()
    sealed(at_desk, pg_module_database)
    before = at_desk.last()["seq"]
    reply = at_desk.get(f"/v1/transactions/{answer['transaction_id']}/evidence")
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/zip")
    (reading,) = at_desk.record("seq > %s", before)
    assert (reading["action"], reading["outcome"], reading["rule"]) == (
        "evidence",
        "allowed",
        f"evidence of entry {before}",
    )
    archive, receipt, told = (tmp_path / name for name in ("evidence.zip", "receipt.jws", "answer.json"))
    archive.write_bytes(reply.content)
    receipt.write_text(answer["receipt"])
    told.write_text(json.dumps(answer))
    key = newest(at_desk, before)["verifier_key"]
    good = check(archive, "--key", key, "--receipt", receipt, "--answer", told)
    assert good.returncode == 0, good.stdout + good.stderr
    assert good.stdout.count("✓") == 8
    assert "XM, ZT" in good.stdout
    told.write_text(json.dumps(answer | {"complete": not answer["complete"]}))
    assert check(archive, "--key", key, "--receipt", receipt, "--answer", told).returncode == 1
    other = at_desk.facts(["XM"]).json()
    receipt.write_text(other["receipt"])
    assert "✕ the receipt is about this entry" in check(archive, "--receipt", receipt).stdout
    foreign = "+".join([*key.split("+")[:2], base64.b64encode(b"\x01" + bytes(32)).decode()])
    assert "✕ the checkpoint's key is the one that you trust" in check(archive, "--key", foreign).stdout


@pytest.mark.parametrize(
    ("member", "old", "new", "told"),
    [
        ("entry.json", b'"outcome":"allowed"', b'"outcome":"refused"', "the proof is about this entry"),
        ("details.json", b'"actor_role":"officer"', b'"actor_role":"applicant"', "the details are those"),
        ("checkpoint.txt", b"\n\n", b"\nmore\n\n", "the checkpoint is signed"),
        ("proof.json", b'"path": [\n  "', b'"path": [\n  "00', "the checkpoint covers it"),
    ],
)
def test_evidence_that_was_changed_does_not_hold(
    at_desk: Desk, pg_module_database, tmp_path, member, old, new, told
):
    answer = at_desk.facts(["XM"]).json()
    sealed(at_desk, pg_module_database)
    content = at_desk.get(f"/v1/transactions/{answer['transaction_id']}/evidence").content
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(changed, "w") as out:
        for name in source.namelist():
            original = source.read(name)
            if name == member:
                assert old in original
                original = original.replace(old, new, 1)
            out.writestr(name, original)
    found = check(changed)
    assert (found.returncode, f"✕ {told}" in found.stdout) == (1, True), found.stdout


def test_evidence_is_for_who_asked_then_and_waits_for_a_checkpoint(at_desk: Desk, pg_module_database):
    answer = at_desk.facts(["XM"]).json()
    path = f"/v1/transactions/{answer['transaction_id']}/evidence"
    waiting = at_desk.get(path)
    assert (waiting.status_code, waiting.json()["code"]) == (409, "NOT_SEALED")
    assert waiting.headers["retry-after"]
    sealed(at_desk, pg_module_database)
    strangers = at_desk.get(path, campus.STRANGER)
    assert (strangers.status_code, strangers.json()["code"]) == (404, "NOT_FOUND")
    assert at_desk.get(path).status_code == 200


# Each tampering is done by an owner who can do everything but sign.
TAMPERED = {
    "an entry": ("UPDATE service.record SET outcome = 'refused' WHERE seq = 5", "entry 5: changed"),
    "details": ("UPDATE service.record_detail SET actor_id = 'U9' WHERE seq = 6", "entry 6: its details changed"),
    "a removed entry": ("DELETE FROM service.record WHERE seq = 4", "entry 4: missing"),
    "the end": ("DELETE FROM service.record_detail WHERE seq > 7; DELETE FROM service.record WHERE seq > 7",
                "missing; a checkpoint covers them"),
    "an entry and its leaf": ("leaf", "not those of the checkpoint of size"),
    "a checkpoint": ("UPDATE service.record_checkpoint SET note = replace(note, 'yi', 'iy')", "not signed by a key"),
    "a root": ("UPDATE service.record_checkpoint SET root = sha256(root)", "its columns are not what its note says"),
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERED)
def test_verify_names_what_was_tampered_with(pg_database, tmp_path, what):
    statement, told = TAMPERED[what]
    with opened(pg_database, tmp_path, QUIET) as at_desk:
        for _ in range(5):
            at_desk.facts(["XM"])
        sealed(at_desk, pg_database)
        keys = load_keys(tmp_path)
        clean = verify(at_desk.owner, keys)
        assert (clean.faults, clean.sealed, clean.entries) == ([], clean.entries, at_desk.last()["seq"])
        at_desk.owner.execute("SET session_replication_role = replica")
        if statement == "leaf":
            from service.record import leaf_hash, written

            (entry,) = at_desk.record("seq = 5")
            changed = written(entry) | {"outcome": "refused"}
            at_desk.owner.execute(
                "UPDATE service.record SET outcome = 'refused', leaf_hash = %s WHERE seq = 5",
                [leaf_hash(changed)],
            )
        else:
            at_desk.owner.execute(statement)
        found = verify(at_desk.owner, keys)
        assert any(told in fault for fault in found.faults), found.faults
        at_desk.owner.execute("SET session_replication_role = DEFAULT")
        at_desk.facts(["XM"])
        if what in ("an entry and its leaf", "the end"):
            with pytest.raises(checkpoints.RecordChanged):
                sealed(at_desk, pg_database)


def test_details_may_go_when_their_time_is_over_and_every_proof_stays(at_desk: Desk, pg_module_database):
    answer = at_desk.facts(["XM"]).json()
    sealed(at_desk, pg_module_database)
    seq = at_desk.last()["seq"]
    with (
        psycopg.connect(service_url(pg_module_database)) as con,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        con.execute("DELETE FROM service.record_detail")
    at_desk.owner.execute("DELETE FROM service.record_detail WHERE seq = %s", [seq])
    found = verify(at_desk.owner, load_keys(at_desk.home))
    assert (found.faults, found.without_details) == ([], 1)
    content = at_desk.get(f"/v1/transactions/{answer['transaction_id']}/evidence").content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert "details.json" not in archive.namelist()


def test_entries_of_an_older_installation_are_proven_too(pg_database, tmp_path, monkeypatch):
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    upgrade("0012")
    with pg_database.connect() as con:
        for seq in (1, 2, 3):
            con.execute(
                """INSERT INTO service.record VALUES (%s, gen_random_uuid(), '2026-10-01 08:00:00.5+08', 'facts',
                       'hall', 'DT', '大厅', 'U1', 'officer', 'abc', '12', 'RS-1', 'case', 'statutory_duty',
                       '{XM,ZT}', 'allowed', 'OK', 'granted', 'aa', 'bb', 1, 'normal',
                       '2029-10-01 08:00:00+08', 'old')""",
                [seq],
            )
        upgrade()
        found = verify(con, load_keys(tmp_path))
        assert (found.entries, found.without_details, found.faults) == (3, 0, [])
        (details,) = con.execute("SELECT to_jsonb(d) FROM service.record_detail d WHERE seq = 2").fetchone()
    kept = {
        name: details[name] for name in ("actor_id", "actor_role", "subject_key", "subject_key_id", "case_id")
    }
    assert list(kept.values()) == ["U1", "officer", "abc", "12", "case"]


def test_long_records_are_proven_from_blocks(at_desk: Desk, pg_module_database):
    last = at_desk.last()["seq"]
    at_desk.owner.execute(
        """INSERT INTO service.record SELECT (jsonb_populate_record(r, jsonb_build_object(
             'seq', r.seq + n, 'transaction_id', gen_random_uuid(),
             'leaf_hash', encode(sha256(n::text::bytea), 'hex')))).*
           FROM service.record r, generate_series(1, 1500) n WHERE r.seq = %s""",
        [last],
    )
    try:
        size = last + 1500
        assert sealed(at_desk, pg_module_database).size == size
        (blocks,) = at_desk.owner.execute("SELECT count(*) FROM service.record_node").fetchone()
        assert blocks == size // 256
        leaves = [bytes.fromhex(entry["leaf_hash"]) for entry in at_desk.record()]
        root = tree.fold(
            [tree.complete(leaves[i << level : (i + 1) << level]) for level, i in tree.nodes((0, size))]
        )
        assert newest(at_desk, size)["root"] == root.hex()
        for seq in (1, 255, 256, 257, 1024, size):
            proof = at_desk.get(f"/v1/audit/proofs/inclusion?seq={seq}&size={size}").json()
            path = [bytes.fromhex(one) for one in proof["path"]]
            assert tree.root_by_inclusion(leaves[seq - 1], seq - 1, size, path) == root
    finally:
        at_desk.owner.execute("TRUNCATE service.record_node, service.record_checkpoint")
        at_desk.owner.execute("DELETE FROM service.record WHERE seq > %s", [last])


def test_no_receipt_is_without_its_entry_when_workers_are_killed(pg_database, tmp_path):
    """Four workers, one of them killed now and then: the tree covers every receipt that anybody holds."""
    with opened(pg_database, tmp_path, QUIET) as at_desk:
        environment = os.environ | {
            "YICI_HOME": str(tmp_path),
            "YICI_DATABASE_URL": pg_database.url,
            "YICI_SERVICE_DATABASE_URL": service_url(pg_database),
            "YICI_SERVICE_CHECKPOINT_S": "1",
        }
        port = free_port()
        command = [sys.executable, "-m", "tests.support.quick_service", "--port", str(port), "--workers", "4"]
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as served:
            try:
                receipts = _asked_under_kills(at_desk, served.pid, f"http://127.0.0.1:{port}")
            finally:
                served.send_signal(signal.SIGTERM)
                served.wait(timeout=120)
        entries = [entry["seq"] for entry in at_desk.record()]
        assert entries == list(range(1, len(entries) + 1))
        assert len(receipts) == len(set(receipts)) > 20
        assert set(receipts) <= set(entries)
        sealed(at_desk, pg_database)
        found = verify(at_desk.owner, load_keys(tmp_path))
        assert (found.faults, found.sealed) == ([], len(entries))
        assert found.checkpoints > 2


def _asked_under_kills(at_desk: Desk, supervisor: int, address: str) -> list[int]:
    """Ask from eight threads while workers are killed; returns the numbers in the receipts."""
    case_id, headers = at_desk.case(), at_desk.headers()
    subject = {name: T001[name] for name in ("id_type", "id")}
    body = {"subject": subject, "service_item": campus.EMPLOYED, "case_id": case_id, "elements": ["XM"],
            "actor": {"user_id": "U1", "role": "officer"}}  # fmt: skip
    _wait_for(address)
    done, receipts = threading.Event(), []

    def ask(_: int) -> None:
        # The pauses are the workers', whose successors have to start beside all this.
        with httpx.Client(base_url=address, headers=headers, trust_env=False, timeout=60) as http:
            while not done.wait(0.02):
                try:
                    reply = http.post("/v1/facts:query", json=body)
                except httpx.TransportError:
                    continue
                if reply.status_code == 200:
                    claims = reply.json()["receipt"].split(".")[1]
                    receipts.append(json.loads(base64.urlsafe_b64decode(claims + "==="))["seq"])

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask, number) for number in range(8)]
        try:
            _kill_while_answering(supervisor, receipts)
        finally:
            done.set()
        for one in asked:
            one.result()
    return receipts


def _kill_while_answering(supervisor: int, receipts: list[int]) -> None:
    """Kill eight workers, each one after answers have come since the last."""
    chance = random.Random(7)
    for _ in range(8):
        before, deadline = len(receipts), time.monotonic() + 180
        while len(receipts) < before + 5:
            assert time.monotonic() < deadline, "no answers came between two kills"
            time.sleep(0.02)
        time.sleep(chance.uniform(0, 0.5))
        if workers := workers_of(supervisor):
            os.kill(chance.choice(workers), signal.SIGKILL)


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{address}/readyz", trust_env=False, timeout=20).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("the service did not start")
