"""A steward hands in the corrected workbook: faults in place, then filed; what is no workbook is refused in words."""

import io
import json
import tempfile
import time
from contextlib import closing

import openpyxl
import psycopg
import pytest

from catalogs.forms.marking import marked
from catalogs.forms.saving import in_memory
from catalogs.forms.sheets import SheetFault
from portal import correcting
from portal.wall import LARGER
from tests.portal.house import DEPUTY, PASSWORD, PEOPLE, desk_url, portal_url, token
from tests.portal.maintained import XLSX, saved
from tests.support.zips import that_unpacks_large, with_macros

CANARY = "鸑鷟"
ROWS, UPLOAD = "/duty/rows/hr.staff", "/duty/upload/hr.staff"
ROW = {
    "staff_no": "T0077",
    "name": f"{CANARY}子",
    "id_no": "110101197701010077",
    "status": "??",
    "unit": "物理系",
}
OTHER = ROW | {"staff_no": "T0078", "name": f"{CANARY}丑"}


@pytest.fixture(autouse=True)
def its_own_surroundings(own_surroundings, pg_module_database, monkeypatch):
    """The process that judges finds the same database as the portal."""
    monkeypatch.setenv("YICI_DATABASE_URL", pg_module_database.url)


@pytest.fixture
def waiting(portal):
    """Two rows that wait, as if a release had refused them."""
    portal.owner.execute("DELETE FROM yici.quarantine")
    portal.owner.execute("DELETE FROM portal.handed_in")
    for number, row in enumerate((ROW, OTHER), 1):
        portal.owner.execute(
            """INSERT INTO yici.quarantine (resource, row_digest, extract_id, key_text, rules, row, _from)
               VALUES ('hr.staff', %s, 1, %s, '{status.code}', %s, 1)""",
            [f"d{number}", row["staff_no"], json.dumps(row, ensure_ascii=False)],
        )
    return portal


@pytest.fixture(scope="module")
def steward(portal):
    with closing(portal.as_role("steward")) as browser:
        yield browser


def export(browser):
    answer = browser.post(f"{ROWS}/export", data={"csrf": token(browser.get(ROWS).text)})
    assert answer.status_code == 200
    return openpyxl.load_workbook(io.BytesIO(answer.content))


def write(book, line, heading, value):
    sheet = book["待纠正"]
    column = next(cell.column for cell in sheet[4] if cell.value == heading)
    sheet.cell(line, column).value = value
    return sheet.cell(line, column).coordinate


def upload(browser, content, name="改好.xlsx"):
    told = {"csrf": token(browser.get(ROWS).text), "back": ROWS}
    return browser.post(UPLOAD, data=told, files={"file": (name, content, XLSX)})


def judged(browser, answer):
    """Return address and content of the page once the workbook is judged."""
    assert answer.status_code == 303, answer.text
    page, until = answer.headers["location"], time.monotonic() + 90
    while "http-equiv" in (html := browser.get(page).text):
        assert "可以离开" in html and time.monotonic() < until, html
        time.sleep(0.3)
    assert "bad-note" not in html and "意外中止" not in html, html
    return page, html


def decisions(portal):
    return portal.owner.execute(
        "SELECT kind, row_digest, post, person, row FROM yici.quarantine_decision ORDER BY id"
    ).fetchall()


def kept_bytes(portal):
    return portal.owner.execute("SELECT content FROM portal.handed_in").fetchone()[0]


def test_a_steward_mends_what_is_marked_and_hands_it_in(waiting, chromium, tmp_path):
    page = chromium.new_context(viewport={"width": 1280, "height": 900}, java_script_enabled=False).new_page()
    page.context.set_default_timeout(90_000)
    page.goto(f"{waiting.url}{ROWS}")
    page.get_by_label("账号", exact=True).fill("head")
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_label("动态验证码（6 位）").fill(waiting.code("head"))
    page.get_by_role("button", name="登录").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="下载整行工作簿").click()
    file = tmp_path / "rows.xlsx"
    download.value.save_as(file)
    book = openpyxl.load_workbook(file)
    write(book, 5, "更正: 状态 (status)", "11")
    place = write(book, 6, "更正: 状态 (status)", "没有的")
    book.save(file)
    page.get_by_label("Excel 工作簿").set_input_files(file)
    page.get_by_role("button", name="上传并检查").click()
    page.get_by_text("有 1 处问题，都没有受理").wait_for()
    assert page.get_by_role("cell", name=place, exact=True).is_visible()
    assert page.get_by_text("状态: 不在码表内的代码").is_visible()
    assert CANARY not in page.content()
    page.screenshot(path=tmp_path / "faults.png", full_page=True)
    with page.expect_download() as download:
        page.get_by_role("link", name="下载标注了问题的副本").click()
    download.value.save_as(file)
    copy = openpyxl.load_workbook(file)
    assert copy.sheetnames[0] == "问题清单"
    assert "不在码表内的代码" in copy["待纠正"][place].comment.text
    copy["待纠正"][place].value = "11"
    copy.save(file)
    page.get_by_label("Excel 工作簿").set_input_files(file)
    page.get_by_role("button", name="改好后重新上传").click()
    page.get_by_text("已受理 2 行更正，另有 0 行未改").wait_for()
    page.screenshot(path=tmp_path / "taken.png", full_page=True)
    filed = decisions(waiting)
    assert [one[:4] for one in filed] == [
        ("resubmit", digest, "post:rs-head", PEOPLE["head"]) for digest in ("d1", "d2")
    ]
    assert [json.loads(row) for *_, row in filed] == [ROW | {"status": "11"}, OTHER | {"status": "11"}]
    page.goto(f"{waiting.url}{ROWS}")
    assert page.get_by_role("cell", name="已决定，待下次发布").first.is_visible()
    page.context.close()
    waiting.owner.execute("ALTER TABLE yici.quarantine_decision DISABLE TRIGGER keep")
    waiting.owner.execute("DELETE FROM yici.quarantine_decision")
    waiting.owner.execute("ALTER TABLE yici.quarantine_decision ENABLE TRIGGER keep")


def test_with_one_fault_nothing_is_taken_and_the_copy_lies_encrypted_for_a_day(
    waiting, steward, pg_module_database
):
    book = export(steward)
    write(book, 5, "更正: 状态 (status)", "11")
    formula = write(book, 6, "更正: 状态 (status)", '="1"&"1"')
    page, html = judged(steward, upload(steward, saved(book)))
    assert "有 1 处问题" in html and f">{formula}</td>" in html and "是公式" in html
    english = {"Cookie": f"yici={steward.cookies['yici']}; yici-language=en"}
    assert "a formula" in steward.get(page, headers=english).text
    assert decisions(waiting) == [] and CANARY not in html
    kept = kept_bytes(waiting)
    assert b"PK" not in kept[:64] and CANARY.encode() not in kept
    with (
        psycopg.connect(portal_url(pg_module_database)) as con,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        con.execute("SELECT told FROM portal.handed_in")
    with (
        psycopg.connect(desk_url(pg_module_database)) as con,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        con.execute("UPDATE portal.handed_in SET state = 'taken'")
    assert steward.get(f"{page}/marked.xlsx").status_code == 200
    waiting.owner.execute("UPDATE portal.handed_in SET asked_at = asked_at - interval '25 hours'")
    assert steward.get(page).status_code == steward.get(f"{page}/marked.xlsx").status_code == 404
    judged(steward, upload(steward, saved(book)))
    assert waiting.owner.execute("SELECT count(*) FROM portal.handed_in").fetchone() == (1,)


def test_a_workbook_is_seen_by_whoever_handed_it_in_alone_and_goes_when_that_person_says_so(waiting, steward):
    book = export(steward)
    write(book, 5, "更正: 状态 (status)", "没有的")
    page, html = judged(steward, upload(steward, saved(book)))
    with closing(waiting.as_role("head")) as head, closing(waiting.as_role("data_office")) as office:
        assert head.get(page).status_code == 404
        assert office.get(page).status_code == office.get(f"{page}/marked.xlsx").status_code == 403
    assert f'href="{page}"' in steward.get(ROWS).text
    assert steward.post(page, data={"csrf": token(html)}).headers["location"] == ROWS
    assert steward.get(page).status_code == 404
    assert waiting.owner.execute("SELECT count(*) FROM portal.handed_in").fetchone() == (0,)


def test_a_workbook_of_another_resource_and_a_row_that_waits_no_more_are_told_by_their_place(
    waiting, steward
):
    book = export(steward)
    book["待纠正"]["A1"] = "数据资源: academic.students 学生"
    _, html = judged(steward, upload(steward, saved(book)))
    assert "不是这项数据下载所得的工作簿" in html and ">A1</td>" in html
    book = export(steward)
    write(book, 5, "更正: 状态 (status)", "11")
    waiting.owner.execute("DELETE FROM yici.quarantine WHERE row_digest = 'd1'")
    _, html = judged(steward, upload(steward, saved(book)))
    assert "该行已不待纠正" in html and ">A5</td>" in html


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"%PDF-1.7", "不是 Excel 工作簿"),
        (with_macros(), "工作簿含有宏"),
        (that_unpacks_large(), "工作簿解压后过大"),
    ],
    ids=["another kind", "macros", "bomb"],
)
def test_what_is_no_usable_workbook_is_told_at_once_and_nothing_of_it_is_kept(
    waiting, steward, content, said
):
    answer = upload(steward, content)
    assert answer.status_code == 422 and said in answer.text and "没有保存任何内容" in answer.text
    assert waiting.owner.execute("SELECT count(*) FROM portal.handed_in").fetchone() == (0,)


def test_fifty_megabytes_and_no_file_at_all_are_told_in_words(waiting, steward):
    large = upload(steward, b"x" * (50 * 1024 * 1024))
    assert large.status_code == 413 and "提交的内容过大" in large.text
    none = steward.post(UPLOAD, data={"csrf": token(steward.get(ROWS).text)}, files={"other": ("a", b"a")})
    assert none.status_code == 422 and "请先选择文件" in none.text and 'id="file-fault"' in none.text
    assert LARGER["/duty/upload/"] < 50 * 1024 * 1024


def test_an_upload_after_the_session_has_ended_leads_back_to_its_page(waiting):
    with closing(waiting.as_role("deputy")) as deputy:
        csrf = token(deputy.get(ROWS).text)
        waiting.owner.execute(
            "UPDATE portal.session SET seen_at = now() - interval '31 minutes' WHERE person = %s", [DEPUTY]
        )
        files = {"file": ("改好.xlsx", b"PK", XLSX)}
        answer = deputy.post(UPLOAD, data={"csrf": csrf, "back": ROWS}, files=files)
        assert answer.status_code == 303
        assert answer.headers["location"] == "/login?next=%2Fduty%2Frows%2Fhr.staff&kept=1"
        assert "文件需重新选择" in deputy.get(answer.headers["location"]).text
        assert waiting.owner.execute("SELECT count(*) FROM portal.draft").fetchone() == (0,)
        waiting.log_in(deputy, "deputy", next=ROWS)
        assert deputy.get(ROWS).status_code == 200


def test_rows_of_people_are_handed_in_and_given_out_without_a_file_in_between(waiting, steward, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere/that/a/file/could/be")
    with pytest.raises(FileNotFoundError):
        tempfile.mkstemp()
    book = export(steward)
    assert book["待纠正"]["D5"].value is not None
    fault = SheetFault("待纠正", 5, "D", "what", "expected", "mend")
    assert openpyxl.load_workbook(io.BytesIO(marked(in_memory(book), [fault])))["待纠正"]["D5"].comment
    answer = upload(steward, b"x" * 3 * 1024 * 1024)
    assert answer.status_code == 422 and "不是 Excel 工作簿" in answer.text


def test_the_process_files_nothing_for_whoever_does_not_answer_for_the_resource(waiting):
    for person, post in (
        (PEOPLE["steward"], "post:jw-steward"),
        (PEOPLE["clerk"], "post:rs-steward"),
    ):
        number = correcting.keep(waiting.owner, person, post, "hr.staff", b"PK")
        correcting.judge(waiting.owner, number)
        found = correcting.find(waiting.owner, person, number)
        assert (found.state, found.why, found.has_workbook) == ("failed", "no_right", False)


def test_what_fails_while_rows_are_judged_quotes_none_of_them(waiting, monkeypatch, capfd):
    def broken(*_told):
        raise ValueError("无法读出 鸑鷟甲 110101198001010015")

    monkeypatch.setattr(correcting, "hand_in", broken)
    person = PEOPLE["steward"]
    number = correcting.keep(waiting.owner, person, "post:rs-steward", "hr.staff", b"PK")
    correcting.judge(waiting.owner, number)
    found = correcting.find(waiting.owner, person, number)
    assert (found.state, found.why, found.has_workbook) == ("failed", "not_judged", False)
    said = "".join(capfd.readouterr())
    assert "ValueError" in said and "鸑鷟" not in said and "1101" not in said


def test_a_judgement_whose_process_died_is_told_apart_from_one_that_works(waiting, steward):
    number = correcting.keep(waiting.owner, PEOPLE["steward"], "post:rs-steward", "hr.staff", b"PK")
    page = f"/duty/handed-in/{number}"
    assert "即将检查" in steward.get(page).text
    waiting.owner.execute("UPDATE portal.handed_in SET state = 'running'")
    told = steward.get(page).text
    assert "意外中止" in told and "http-equiv" not in told
