"""The campus's HTTP systems: pages, tokens, one person at a time, and how they misbehave."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from http.server import ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from demo.servers import government, research
from demo.systems.government import FILE as PERSONS_FILE
from demo.systems.government import PERSONS
from demo.systems.research import DOCUMENTS
from demo.systems.research import FILE as DOCUMENTS_FILE
from demo.tables import SqliteStore
from service.lookups import Call, Lookups, Told
from tests.support.reference import reference_campus

TOKEN = "a token of this test"


@contextmanager
def _running(server: ThreadingHTTPServer, token: str = TOKEN) -> Iterator[httpx.Client]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    headers = {"Authorization": f"Bearer {token}"}
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{server.server_port}", headers=headers, trust_env=False
        ) as client:
            yield client
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def research_folder(tmp_path: Path) -> Path:
    store = SqliteStore(tmp_path / DOCUMENTS_FILE)
    store.create(DOCUMENTS)
    rows = [("projects", f"P{n:03d}", json.dumps({"projectNo": f"P{n:03d}"})) for n in range(42)]
    store.load(DOCUMENTS, rows)
    store.close()
    return tmp_path


@pytest.fixture
def government_folder(tmp_path: Path) -> Path:
    store = SqliteStore(tmp_path / PERSONS_FILE)
    store.create(PERSONS)
    store.load(PERSONS, [("11010119900307001X", "试验者", "云溪大学集体户", "集体户", "2020-09-01")])
    store.close()
    return tmp_path


def _answered(client: httpx.Client, method: str, address: str, **arguments: object) -> httpx.Response:
    """Ask, and once more after a refusal, as a patient client does."""
    reply = client.request(method, address, **arguments)
    if reply.status_code in (429, 503):
        assert reply.headers["Retry-After"] == "1"
        reply = client.request(method, address, **arguments)
    return reply


def test_pages_together_are_the_whole_each_document_once(research_folder: Path) -> None:
    with _running(research.server(research_folder, 0, TOKEN)) as client:
        found = []
        for page in range(1, 10):
            data = _answered(client, "GET", f"/api/v1/projects?page={page}&size=5").json()["data"]
            assert data["total"] == 42
            found += [item["projectNo"] for item in data["items"]]
    assert found == [f"P{n:03d}" for n in range(42)]


def test_no_token_no_answer(research_folder: Path) -> None:
    with _running(research.server(research_folder, 0, TOKEN), token="another") as client:
        assert client.get("/api/v1/projects").status_code == 401
        assert client.get("/health").status_code == 200


@pytest.mark.parametrize("query", ["page=0", "size=501", "page=one"])
def test_a_page_that_cannot_be_is_refused(research_folder: Path, query: str) -> None:
    with _running(research.server(research_folder, 0, TOKEN)) as client:
        assert client.get(f"/api/v1/projects?{query}").status_code == 400


def _statuses(folder: Path, times: int) -> list[int]:
    with _running(research.server(folder, 0, TOKEN)) as client:
        return [client.get("/api/v1/projects?size=1").status_code for _ in range(times)]


def test_it_is_busy_and_limits_now_and_then_and_the_same_way_each_time(research_folder: Path) -> None:
    statuses = _statuses(research_folder, 60)
    assert {200, 429, 503} == set(statuses)
    refused = [at for at, status in enumerate(statuses) if status != 200]
    assert all(statuses[at + 1] == 200 for at in refused if at + 1 < len(statuses))
    assert statuses == _statuses(research_folder, 60)


def test_the_government_answers_about_one_person_only(government_folder: Path) -> None:
    person = {"name": "试验者", "id_no": "11010119900307001X"}
    with _running(government.server(government_folder, 0, TOKEN)) as client:
        assert client.post(government.IDENTITY, json=[person, person]).status_code == 400
        assert client.post(government.IDENTITY, json=person | {"more": "1"}).status_code == 400
        answer = client.post(government.IDENTITY, json=person).json()
    assert answer["data"] == {"result": "一致"}
    assert answer["serial"]


def test_the_government_tells_a_wrong_name_nothing(government_folder: Path) -> None:
    asked = {"name": "另一人", "id_no": "11010119900307001X"}
    with _running(government.server(government_folder, 0, TOKEN)) as client:
        assert client.post(government.IDENTITY, json=asked).json()["data"] == {"result": "不一致"}
        assert client.post(government.HOUSEHOLD, json=asked).json()["data"] is None


def test_the_contracts_fit_what_the_government_answers(
    government_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = reference_campus()
    checks = [content.resources[f"government.{name}"] for name in ("identity_check", "household_check")]
    server = government.server(government_folder, 0, TOKEN)
    monkeypatch.setenv("YICI_GOVERNMENT_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("YICI_GOVERNMENT_TOKEN", TOKEN)
    lookups = Lookups(tmp_path, None)  # these contracts count nothing in the warehouse

    async def ask(names: list[str]) -> list[list[Told]]:
        told = []
        for name in names:
            calls = [Call(check, {"id_no": "11010119900307001X", "name": name}) for check in checks]
            told.append(list((await lookups.ask(content, calls, "")).values()))
        return told

    with _running(server):
        # often enough to meet the server's busy and limited moods
        (right, household), (wrong, nothing), *others = asyncio.run(
            ask(["试验者", "另一人", *["试验者"] * 6])
        )
    lookups.close()
    assert (right.values, wrong.values) == ({"result": "1"}, {"result": "2"})
    assert household.values == {"household": "云溪大学集体户", "kind": "集体户", "since": date(2020, 9, 1)}
    assert (nothing.outcome, bool(nothing.evidence)) == ("none", True)
    assert {one.outcome for pair in others for one in pair} == {"found"}
    assert len({one.evidence for pair in (*others, (right, household)) for one in pair}) == 14


def test_a_body_that_is_no_json_or_too_large_is_refused(government_folder: Path) -> None:
    with _running(government.server(government_folder, 0, TOKEN)) as client:
        assert client.post(government.IDENTITY, content=b"{name").status_code == 400
        assert client.post(government.IDENTITY, content=b" " * 70_000).status_code == 413
