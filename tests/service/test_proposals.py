"""Proposals over HTTP: who may make them, what their faults say, and that nobody decides one there."""

import io
import uuid
from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import openpyxl
import psycopg
import pytest

import catalogs
from catalogs.changes.approvals import Route
from catalogs.forms.known import write_form
from service import clients
from service.guard import XLSX
from tests.service import campus
from tests.service.conftest import opened, service_url
from tests.service.desk import Desk
from tests.support.postgres import PgDatabase
from warehouse import catalog_versions, proposals

PATH = "/v1/catalog/proposals"
DEMANDS = "demands/all.yaml"
WAY = """\
- change: "demand"
  steps:
    - {seq: 1, who: "data_office", post: "post:b", act: "核对", limit_days: 3}
"""


@pytest.fixture(scope="module")
def at_desk(pg_module_database: PgDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A service whose catalog is published with a way of deciding; the hall may propose."""
    with opened(pg_module_database, tmp_path_factory.mktemp("home")) as found:
        files = campus.files() | {"approvals.yaml": WAY.encode()}
        catalogs.load(files)
        catalog_versions.publish(found.owner, files, catalog_versions.FIRST, "folder", "")
        found.owner.commit()
        clients.let_propose(campus.HALL)
        yield found


def retention(new: str, old: str = "结案后 30 日销毁") -> dict[str, Any]:
    """Return the edit of how long a demand's data are kept."""
    return {"file": DEMANDS, "entry": "D-2", "field": "retention", "old": old, "new": new}


def send(at: Desk, edits: list[dict[str, Any]], client_id: str = campus.HALL, **more: Any) -> httpx.Response:
    key = more.pop("key", uuid.uuid4().hex)
    body = {"title": "缩短留存", "reason": "最小必要", "edits": edits} | more
    return at.post(PATH, body, client_id, **{"Idempotency-Key": key})


def made(at: Desk, new: str) -> dict[str, Any]:
    reply = send(at, [retention(new)])
    assert reply.status_code == 201, reply.text
    return reply.json()


def count(at: Desk) -> int:
    return at.owner.execute("SELECT count(*) FROM yici.proposal").fetchone()[0]


def test_a_proposal_is_explained_and_waits_for_those_who_decide(at_desk: Desk):
    told = made(at_desk, "结案后 10 日销毁")
    assert (told["state"], told["author"], told["base"]) == ("proposed", f"client:{campus.HALL}", 1)
    assert told["edits"] == [retention("结案后 10 日销毁")]
    assert [one["posts"] for one in told["waits_for"]] == [["post:b"]]
    assert told["consequences"]["allows_more"] is False
    assert told["consequences"]["breaks"] is False
    entry = at_desk.last()
    assert (entry["action"], entry["outcome"], entry["client_id"]) == (
        "proposal_make",
        "allowed",
        campus.HALL,
    )


def test_its_author_finds_it_again_and_nobody_else_does(at_desk: Desk, as_owner):
    number = made(at_desk, "结案后 11 日销毁")["id"]
    assert at_desk.get(PATH).json()[0]["id"] == number
    told = at_desk.get(f"{PATH}/{number}").json()
    assert told["edits"] == [retention("结案后 11 日销毁")]
    assert [one["event"] for one in told["events"]] == ["drafted", "proposed"]
    clients.let_propose(campus.PORTAL)
    assert at_desk.get(PATH, campus.PORTAL).json() == []
    for reply in (
        at_desk.get(f"{PATH}/{number}", campus.PORTAL),
        at_desk.post(f"{PATH}/{number}:withdraw", {}, campus.PORTAL),
        at_desk.get(f"{PATH}/999"),
    ):
        assert (reply.status_code, reply.json()["code"]) == (404, "NOT_FOUND")
    clients.let_propose(campus.PORTAL, False)


def test_a_client_that_nobody_trusted_may_do_nothing_here(at_desk: Desk):
    before = count(at_desk)
    replies = [
        send(at_desk, [retention("结案后 9 日销毁")], campus.STRANGER),
        at_desk.get(PATH, campus.STRANGER),
        at_desk.get(f"{PATH}/1", campus.STRANGER),
        at_desk.post(f"{PATH}/1:withdraw", {}, campus.STRANGER),
    ]
    assert [(one.status_code, one.json()["code"]) for one in replies] == [(403, "NOT_PERMITTED")] * 4
    assert count(at_desk) == before
    (noted,) = at_desk.record("action = 'proposal_make' AND client_id = %s", campus.STRANGER)
    assert (noted["outcome"], noted["rule"]) == ("refused", "proposal:client_is_trusted")


def test_a_proposal_is_withdrawn_by_its_author_once(at_desk: Desk):
    number = made(at_desk, "结案后 12 日销毁")["id"]
    gone = at_desk.post(f"{PATH}/{number}:withdraw", {"reason": "写错了"})
    assert (gone.status_code, gone.json()["state"]) == (200, "withdrawn")
    again = at_desk.post(f"{PATH}/{number}:withdraw", {})
    assert (again.status_code, again.json()["code"]) == (409, "PROPOSAL_CLOSED")
    assert at_desk.get(f"{PATH}/{number}").json()["events"][-1]["opinion"] == "写错了"


def test_the_same_request_under_one_key_is_one_proposal(at_desk: Desk):
    before = count(at_desk)
    first = send(at_desk, [retention("结案后 13 日销毁")], key="once")
    again = send(at_desk, [retention("结案后 13 日销毁")], key="once")
    assert first.json() == again.json() and count(at_desk) == before + 1
    other = send(at_desk, [retention("结案后 14 日销毁")], key="once")
    assert other.json()["code"] == "IDEMPOTENCY_KEY_REUSED"


@pytest.mark.parametrize(
    ("edits", "pointer", "code"),
    [
        ([retention("x", old="结案后 99 日销毁")], "/edits/0", "CONFLICT"),
        ([retention("结案后 30 日销毁")], "/", "NOTHING_DIFFERS"),
        (
            [{"file": DEMANDS, "entry": "D-2", "field": "validTo", "old": "2099-12-31", "new": "2025-01-01"}],
            f"{DEMANDS}:",
            "V06",
        ),
        ([{"file": "other/x.yaml", "new": {"a": "b"}}], "other/x.yaml:0", "F07"),
    ],
)
def test_each_fault_is_told_with_its_place_and_nothing_is_recorded(at_desk: Desk, edits, pointer, code):
    before = count(at_desk)
    reply = send(at_desk, edits)
    assert (reply.status_code, reply.json()["code"]) == (422, "PROPOSAL_FAULTY"), reply.text
    assert any(one["pointer"].startswith(pointer) and one["code"] == code for one in reply.json()["errors"])
    assert count(at_desk) == before


@pytest.mark.parametrize("file", ["../campus.yaml", "/etc/passwd", "services/a.txt"])
def test_a_file_that_is_no_content_is_refused_by_its_name(at_desk: Desk, file):
    reply = send(at_desk, [{"file": file, "new": {}}])
    assert (reply.status_code, reply.json()["errors"][0]["pointer"]) == (422, "/edits/0/file")


def test_what_says_that_it_is_approved_is_left_out(at_desk: Desk):
    decided = {"file": DEMANDS, "entry": "D-5", "field": "decision.state", "old": "refused", "new": "granted"}
    told = send(at_desk, [decided, retention("结案后 15 日销毁")]).json()
    assert told["edits"] == [retention("结案后 15 日销毁")]
    assert any("decision" in note for note in told["notes"])


def test_a_filled_in_form_is_a_proposal(at_desk: Desk):
    book = openpyxl.load_workbook(io.BytesIO(write_form("demands", catalogs.load(campus.files()))))
    cell = next(one for row in book.active.iter_rows() for one in row if one.value == "结案后 30 日销毁")
    cell.value = "结案后 7 日销毁"
    reply = send_book(at_desk, book)
    assert reply.status_code == 201, reply.text
    assert [(one["field"], one["new"]) for one in reply.json()["edits"]] == [("retention", "结案后 7 日销毁")]
    cell.value = "=1+1"
    faulty = send_book(at_desk, book)
    assert faulty.json()["code"] == "PROPOSAL_FAULTY"
    assert faulty.json()["errors"][0]["pointer"] == f"{book.active.title}!{cell.coordinate}"
    untitled = send_book(at_desk, book, title="")
    assert untitled.status_code == 422


def send_book(at: Desk, book: openpyxl.Workbook, title: str = "表") -> httpx.Response:
    out = io.BytesIO()
    book.save(out)
    headers = at.headers() | {"Content-Type": XLSX, "Idempotency-Key": uuid.uuid4().hex}
    return at.http.post(PATH, params={"title": title}, content=out.getvalue(), headers=headers)


def test_the_service_s_role_can_neither_decide_nor_touch_what_posts_proposed(
    at_desk: Desk, pg_module_database: PgDatabase
):
    number = made(at_desk, "结案后 16 日销毁")["id"]
    post = proposals.add(
        at_desk.owner,
        proposals.Wish("t", "post:a", "p", "", "test"),
        1, (), (), Route(()), {}, date(2026, 9, 1),
    ).number  # fmt: skip
    at_desk.owner.commit()
    with psycopg.connect(service_url(pg_module_database), autocommit=True) as con:
        assert con.execute("SELECT count(*) FROM yici.proposal WHERE number = %s", [post]).fetchone() == (0,)
        for statement, values in (
            ("UPDATE yici.proposal SET state = 'decided' WHERE number = %s", [number]),
            ("UPDATE yici.proposal SET state = 'effective' WHERE number = %s", [number]),
            ("UPDATE yici.proposal SET edits = '[]' WHERE number = %s", [number]),
            (EVENT, [number, "approved", "post:b"]),
            (EVENT, [number, "decided", ""]),
            (EVENT, [post, "withdrawn", "client:hall"]),
            ("DELETE FROM yici.proposal WHERE number = %s", [number]),
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                con.execute(statement, values)


EVENT = (
    "INSERT INTO yici.proposal_event (proposal, at, on_day, event, post, person, steps, opinion)"
    " VALUES (%s, now(), current_date, %s, %s, '', '{}', '')"
)
