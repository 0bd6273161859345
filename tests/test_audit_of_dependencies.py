"""`make check` asks about known vulnerabilities, tells them, and says so where it cannot ask."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.http import Reply, Request, ScriptedServer

SCRIPT = Path(__file__).parents[1] / "scripts" / "audit.py"
RUN = "import sys; from pathlib import Path; sys.path.insert(0, {folder!r}); import audit; " \
      "sys.exit(audit.main(Path({lock!r}), Path({stamp!r})))"  # fmt: skip


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    file = tmp_path / "requirements.lock"
    digest = "a" * 64
    file.write_text("".join(f"{one}==1.0 --hash=sha256:{digest}\n" for one in ("good", "bad")))
    return file


def audited(lock: Path, url: str, monkeypatch) -> subprocess.CompletedProcess:
    monkeypatch.setenv("YICI_AUDIT_URL", url)
    monkeypatch.setenv("NO_PROXY", "*")
    code = RUN.format(folder=str(SCRIPT.parent), lock=str(lock), stamp=str(lock.with_name("audited")))
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_what_is_known_against_a_version_fails_the_check(lock, http_server: ScriptedServer, monkeypatch):
    def answer(request: Request) -> Reply:
        if json.loads(request.body)["package"]["name"] == "good":
            return Reply({})
        affected = {
            "package": {"name": "bad", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]}],
        }
        return Reply({"vulns": [{"id": "PYSEC-1", "details": "x", "aliases": [], "affected": [affected]}]})

    http_server.answers["/v1/query"] = answer
    found = audited(lock, f"{http_server.url}/v1/query", monkeypatch)
    assert found.returncode == 1, found.stdout + found.stderr
    assert "bad 1.0: PYSEC-1; mended in 1.1" in found.stderr and "good" not in found.stderr
    assert not lock.with_name("audited").exists()


def test_a_lock_is_asked_about_once_a_day(lock, http_server: ScriptedServer, monkeypatch):
    http_server.answers["/v1/query"] = Reply({})
    url = f"{http_server.url}/v1/query"
    first, second = audited(lock, url, monkeypatch), audited(lock, url, monkeypatch)
    assert "nothing known against 2 packages" in first.stdout and first.returncode == 0
    assert "was audited today" in second.stdout and len(http_server.requests) == 2


def test_without_a_way_out_it_says_so_and_goes_on(lock, monkeypatch):
    found = audited(lock, "http://127.0.0.1:9/v1/query", monkeypatch)
    assert (found.returncode, "NOT audited" in found.stdout) == (0, True)
    assert not lock.with_name("audited").exists()
