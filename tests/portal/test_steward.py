"""My post: waiting rows masked, tickets treated, samples judged, the weekly report; of the own unit alone."""

import io
import json
from contextlib import closing
from datetime import timedelta

import psycopg
import pytest
from openpyxl import load_workbook

from catalogs.lists.all import today
from expectations.quality import desk as tickets
from expectations.quality.terms import terms
from tests.portal.house import FORMER, PEOPLE, TICKET, desk_url, settled, token

CANARY = "鸑鷟"
ROWS = "/duty/rows/hr.staff"
ROW = {
    "staff_no": "T0077",
    "name": f"{CANARY}子",
    "id_no": "110101197701010077",
    "phone": "1390000007",
    "unit": "物理系",
}
OTHER = {
    "staff_no": "",
    "name": f"{CANARY}丑",
    "id_no": "110101197801010078",
    "phone": None,
    "unit": "化学系",
}


@pytest.fixture(scope="module")
def browsers(portal):
    portal.owner.execute("SELECT setval(pg_get_serial_sequence('yici.ticket', 'id'), 100)")
    for number, (row, rules) in enumerate(((ROW, ["phone.length"]), (OTHER, ["staff_no.required"])), 1):
        portal.owner.execute(
            """INSERT INTO yici.quarantine (resource, row_digest, extract_id, key_text, rules, row, _from)
               VALUES ('hr.staff', %s, 1, %s, %s, %s, 1)""",
            [f"d{number}", row["staff_no"] or None, rules, json.dumps(row, ensure_ascii=False)],
        )
    with closing(portal.as_role("steward")) as steward, closing(portal.as_role("head")) as head:
        yield {"steward": steward, "head": head}


def send(browser, path, page="/duty", **told):
    return browser.post(path, data=told | {"csrf": token(browser.get(page).text)})


def looks(portal):
    return portal.owner.execute(
        "SELECT kind, resource, rows, post, person FROM yici.quarantine_look ORDER BY id"
    ).fetchall()


def test_a_steward_sees_what_the_own_unit_answers_for(browsers):
    shown = browsers["steward"].get("/duty").text
    assert "教职工" in shown and ROWS in shown
    assert "2 行待纠正" in shown and "1 张工单逾期" in shown and ">今天<" in shown
    assert "学生" not in shown and "/tickets/2" not in shown


def test_waiting_rows_are_masked_and_told_in_words(browsers):
    shown = browsers["steward"].get(ROWS).text
    assert "电话: 长度不合要求" in shown and "工号: 不能为空" in shown
    assert "***77" in shown and f"{CANARY[0]}**" in shown
    for value in (CANARY, "110101197701010077", "1390000007", "T0077"):
        assert value not in shown
    assert "工号: 不能为空" in browsers["steward"].get(f"{ROWS}?rule=staff_no.required").text


def test_whole_rows_leave_as_the_provider_s_workbook_and_on_record_first(portal, browsers):
    answer = send(browsers["head"], f"{ROWS}/export")
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    cells = [
        cell.value for row in load_workbook(io.BytesIO(answer.content)).active.iter_rows() for cell in row
    ]
    assert f"{CANARY}子" in cells and "T0077" in cells
    assert looks(portal)[-1] == ("export", "hr.staff", 2, "post:rs-head", PEOPLE["head"])


def test_another_unit_s_rows_are_shut(browsers):
    for path in ("/duty/rows/academic.students", "/duty/report/JW/2026-W01.html"):
        assert browsers["steward"].get(path).status_code == 403
    assert send(browsers["head"], "/duty/rows/academic.students/export").status_code == 403
    assert browsers["steward"].get("/duty/rows/no.such").status_code == 404


def test_rows_are_released_with_a_reason_and_what_nobody_may_waive_waits_on(portal, browsers):
    nothing = send(browsers["head"], f"{ROWS}/release", row="d1", reason=" ")
    assert 'id="reason-fault">✕ ' in nothing.text and 'value="d1"' in nothing.text
    none = send(browsers["head"], f"{ROWS}/release", reason="已核对原件")
    assert none.status_code == 422 and 'id="rows-fault">✕ ' in none.text and "已核对原件" in none.text
    assert "没有任何更改" in nothing.text
    assert not portal.owner.execute("SELECT 1 FROM yici.quarantine_decision").fetchone()
    said = send(browsers["head"], f"{ROWS}/release", row=["d1", "d2"], reason="已核对原件")
    assert "已放行 1 行" in said.text and "另有 1 行" in said.text
    kept = portal.owner.execute(
        "SELECT kind, row_digest, post, person, reason, row FROM yici.quarantine_decision"
    ).fetchall()
    assert kept == [("release", "d1", "post:rs-head", PEOPLE["head"], "已核对原件", None)]
    assert "已决定，待下次发布" in browsers["head"].get(ROWS).text


def test_a_ticket_is_commented_and_what_names_a_person_is_not_taken(portal, browsers):
    page, steward = f"/tickets/{TICKET}", browsers["steward"]
    assert send(steward, f"{page}/comment", page, said="已请系统厂商修改").status_code == 303
    assert "已请系统厂商修改" in steward.get(page).text
    refused = send(steward, f"{page}/comment", page, said="见 13900000001")
    assert refused.status_code == 422 and "13900000001" in refused.text
    closing_itself = send(steward, f"{page}/answer", page, said="好了")
    assert closing_itself.status_code == 422 and "不能手工销号" in closing_itself.text
    assert send(steward, "/tickets/2/comment", page, said="x").status_code == 403
    assert "13900000001" not in str(portal.owner.execute("SELECT text FROM yici.ticket_event").fetchall())


def test_what_a_person_told_is_answered_and_closed(portal, browsers):
    told = tickets.tell(
        portal.owner, portal.catalog, terms(portal.catalog), "complaint", "工号写错", "热线 7", "hr.staff"
    )
    page = f"/tickets/{told.id}"
    assert send(browsers["steward"], f"{page}/answer", page, said="已更正").status_code == 303
    shown = browsers["steward"].get(page).text
    assert "已销" in shown and "已更正" in shown and "热线 7" not in shown


def test_a_ticket_opens_by_a_bad_extract_and_closes_by_the_next_good_one(portal, browsers):
    ((change, opened),) = [one for one in settled(portal, False) if one[1].rule == "name.required"]
    assert change.event == "opened"
    listed = browsers["steward"].get("/duty").text
    assert f"/tickets/{opened.id}" in listed and "姓名 必填" in listed
    settled(portal, True)
    assert f"/tickets/{opened.id}" not in browsers["steward"].get("/duty").text
    assert "最新批次已符合，自动销号" in browsers["steward"].get(f"/tickets/{opened.id}").text


def test_a_drawn_row_is_judged_once_and_by_its_reviewer_only(portal, browsers):
    due = today(portal.catalog) + timedelta(days=5)
    portal.owner.execute(
        "INSERT INTO yici.sample_draw (number, commitment, committed_at) VALUES (1, 'c', now())"
    )
    portal.owner.execute(
        """INSERT INTO yici.sample_row (id, draw, unit, resource, key_text, rank, reviewer, due_on)
           VALUES (70, 1, 'JW', 'academic.students', 'X003', 'r', 'post:rs-steward', %s)""",
        [due],
    )
    assert "X003" in browsers["steward"].get("/duty/samples").text
    assert "X003" not in browsers["head"].get("/duty/samples").text
    assert send(browsers["head"], "/duty/samples/70", verdict="right").status_code == 404
    which = send(browsers["steward"], "/duty/samples/70", verdict="wrong", item="")
    assert which.status_code == 422 and 'id="item-70-fault"' in which.text
    assert 'id="item-70" name="item" aria-invalid="true"' in which.text
    assert 'value="wrong" selected' in which.text
    assert send(browsers["steward"], "/duty/samples/70", verdict="wrong", item="unit").status_code == 303
    assert send(browsers["steward"], "/duty/samples/70", verdict="right").status_code == 404
    verdict, ticket = portal.owner.execute(
        "SELECT verdict, ticket FROM yici.sample_row WHERE id = 70"
    ).fetchone()
    assert verdict == "wrong" and ticket is not None


@pytest.mark.parametrize(
    ("kind", "begins"), [("html", b"<!doctype html>"), ("xlsx", b"PK"), ("pdf", b"%PDF")]
)
def test_the_weekly_report_is_a_page_a_workbook_and_a_pdf(portal, browsers, kind, begins):
    code = today(portal.catalog).strftime("%G-W%V")
    answer = browsers["steward"].get(f"/duty/report/RS/{code}.{kind}")
    assert answer.status_code == 200 and answer.content.startswith(begins)
    if kind == "html":
        assert "人事处" in answer.text and "<style" not in answer.text
        assert browsers["steward"].get("/assets/report.css").status_code == 200
    assert browsers["steward"].get(f"/duty/report/RS/2099-W01.{kind}").status_code == 404


def test_a_post_that_has_ended_treats_nothing(portal):
    with closing(portal.as_role("former")) as browser:
        assert browser.get(ROWS).status_code == 403
        assert send(browser, f"/tickets/{TICKET}/comment", "/", said="x").status_code == 403
    assert (FORMER, "member", "GET waiting", "hr.staff", "refused", "page:waiting:role") in portal.deeds()


@pytest.mark.parametrize(
    "table", ["raw.hr__staff", "store.hr__staff", "yici.link", "service.record", "portal.session"]
)
def test_the_desk_reads_no_row_of_the_store_and_changes_no_record(portal, pg_module_database, table):
    with psycopg.connect(desk_url(pg_module_database), options="-c yici.release=1") as con:
        for statement in (
            f"SELECT * FROM {table}",
            "DELETE FROM yici.quarantine",
            "UPDATE yici.quarantine SET rules = '{}'",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                con.execute(statement)
            con.rollback()
