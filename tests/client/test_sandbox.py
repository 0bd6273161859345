"""The sandbox, started by its command: every person gets what its list promises, and it never stands elsewhere."""

import contextlib
import hashlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.http import free_port
from tests.support.postgres import PgDatabase
from yici.client import Client, Person, read_key

DOCUMENTED = (Path(__file__).resolve().parents[2] / "docs" / "clients.md").read_text(encoding="utf-8")


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("YICI_")}
    return kept | {"YICI_HOME": str(home)} | more


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "yici", "sandbox", *arguments]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory) -> Iterator[tuple[str, Path]]:
    """A running sandbox: its address and folder."""
    home, port = tmp_path_factory.mktemp("home") / ".yici", free_port()
    home.mkdir()
    log = home / "log"
    with log.open("w") as out:
        process = subprocess.Popen(
            command("--port", str(port)), env=environment(home), stdout=out, stderr=out
        )
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{url}/readyz", trust_env=False).is_success:
                    break
            time.sleep(0.1)
        else:
            pytest.fail(log.read_text()[-4000:])
        yield url, home / "sandbox"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
    assert not (home / "sandbox" / "pg" / "data" / "postmaster.pid").exists(), "its database still runs"


@pytest.fixture(scope="module")
def hall(sandbox) -> Iterator[Client]:
    url, folder = sandbox
    with Client(url, "hall", read_key(folder / "hall.private.json"), http={"trust_env": False}) as client:
        disputes = time.monotonic() + 30
        # The one correction is filed as soon as the service answers.
        while time.monotonic() < disputes and not _is_disputed(client):
            time.sleep(0.2)
        yield client


def _is_disputed(client: Client) -> bool:
    form = client.prefill_or_blank("ZM-001", Person("student_no", "S0006"), user_id="S0006")
    return any(one["status"] == "in_dispute" for one in form.fields)


def test_every_person_gets_what_the_list_promises(sandbox, hall: Client):
    cases = httpx.get(f"{sandbox[0]}/sandbox/people", trust_env=False).json()
    assert len(cases) > 10
    for case in cases:
        person = Person(case["id_type"], case["id"], case.get("capacity"))
        more = {"parties": case["parties"]} if "parties" in case else {}
        form = hall.prefill_or_blank(case["service_item"], person, user_id=case["id"], **more)
        expected = case["expect"]
        statuses = {one["field"]: one["status"] for one in form.fields}
        found = {
            "code": form.problem,
            "complete": "conflict" not in statuses.values()
            and set(statuses.values()) <= {"available", "applicant"},
            "spared": len(form.spared),
            "fields": {name: statuses.get(name) for name in expected.get("fields", ())},
        }
        assert {name: found[name] for name in expected} == expected, case["case"]


def test_a_consent_opens_what_needs_one_and_its_withdrawal_closes_it(hall: Client):
    person = Person("student_no", "S0007")
    form = hall.prefill_or_blank("ZM-003", person, user_id="S0007")
    blood = next(one for one in form.fields if one["field"] == "xx")
    assert (blood["status"], blood["reason"]) == ("not_permitted", "consent_required")
    notice = hall.notice(blood["notice"])
    asked = {"subject": person.as_subject(), "case_id": form.case_id, "service_item": "ZM-003"}
    actor = {"user_id": "S0007", "role": "applicant"}
    consent = hall.give_consent(
        asked
        | {
            "actor": actor,
            "notice": notice["notice"],
            "version": notice["version"],
            "evidence_digest": hashlib.sha256(b"signed").hexdigest(),
        }
    )

    def status() -> str:
        again = hall.prefill_or_blank("ZM-003", person, user_id="S0007", case_id=form.case_id)
        return next(one["status"] for one in again.fields if one["field"] == "xx")

    assert status() == "available"
    assert hall.withdraw_consent(consent["consent_id"], actor)["withdrawn_at"]
    assert status() == "not_permitted"


def test_every_person_is_documented(sandbox):
    cases = httpx.get(f"{sandbox[0]}/sandbox/people", trust_env=False).json()
    missing = [case["case"] for case in cases if f"| `{case['case']}` | `{case['id']}` |" not in DOCUMENTED]
    assert missing == []


def test_the_example_of_the_documentation_fills_a_form(sandbox, hall: Client):
    (example,) = re.findall(r"^```python\n(.*?)^```", DOCUMENTED, re.MULTILINE | re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", example.replace("http://127.0.0.1:8701", sandbox[0])],
        cwd=sandbox[1].parents[1],
        env=os.environ | {"NO_PROXY": "*"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "学号 available S0001" in done.stdout.splitlines()
    assert list((sandbox[1].parents[1] / "receipts").iterdir())


def test_only_the_sandbox_lists_people(at_desk):
    assert at_desk.http.get("/sandbox/people").status_code == 404


def test_the_key_is_the_owners_alone(sandbox):
    for name in ("hall.private.json", "hall.private.pem"):
        assert (sandbox[1] / name).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["YICI_DATABASE_URL", "YICI_CAMPUS", "YICI_LANDING"])
def test_a_sandbox_that_is_pointed_at_another_warehouse_does_not_start(
    name: str, tmp_path: Path, pg_database: PgDatabase
):
    value = pg_database.url if name == "YICI_DATABASE_URL" else str(tmp_path)
    done = subprocess.run(
        command(),
        env=environment(tmp_path / "home", **{name: value}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2, done.stderr
    assert f"{name} is set" in done.stderr
    assert "Nothing was started" in done.stderr
    assert not (tmp_path / "home").exists()
    with pg_database.connect() as con:
        assert con.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 'yici'").fetchone() == (0,)


def test_a_folder_that_the_sandbox_did_not_make_is_left_alone(tmp_path: Path):
    (tmp_path / "sandbox").mkdir()
    (tmp_path / "sandbox" / "sources.env").write_text("YICI_DATABASE_URL=postgresql://elsewhere/yici\n")
    done = subprocess.run(command(), env=environment(tmp_path), capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "was not made by the sandbox" in done.stderr
    assert [path.name for path in (tmp_path / "sandbox").iterdir()] == ["sources.env"]


def test_a_database_named_in_the_sandboxs_own_folder_is_refused(tmp_path: Path):
    (tmp_path / "sandbox").mkdir()
    (tmp_path / "sandbox" / "sandbox.json").write_text("{}")
    (tmp_path / "sandbox" / "sources.env").write_text("YICI_DATABASE_URL=postgresql://elsewhere/yici\n")
    done = subprocess.run(command(), env=environment(tmp_path), capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "names a database" in done.stderr
    assert "elsewhere" not in done.stderr
