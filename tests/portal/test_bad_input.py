"""What goes wrong in a browser: wrong files, formulas, an ended session, two who decide at once; nothing is lost."""

import io
import zipfile
from contextlib import contextmanager

import pytest

from tests.portal.house import PASSWORD, PEOPLE
from tests.portal.maintained import cell_of, form, proposed, purpose_edit, saved
from warehouse import proposals

pytestmark = pytest.mark.usefixtures("surroundings_of_maintained")


@contextmanager
def logged_in(portal, chromium, name, path):
    """Open a page as somebody, as the browser's own login leads there."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, java_script_enabled=False)
    context.set_default_timeout(90_000)
    page = context.new_page()
    page.goto(f"{portal.url}{path}")
    log_in(portal, page, name)
    yield page
    context.close()


def log_in(portal, page, name):
    page.get_by_label("账号", exact=True).fill(name)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_label("动态验证码（6 位）").fill(portal.code(name))
    page.get_by_role("button", name="登录").click()


def end_sessions(portal, name):
    portal.owner.execute(
        "UPDATE portal.session SET seen_at = now() - interval '31 minutes' WHERE person = %s", [PEOPLE[name]]
    )


def macros():
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w") as parts:
        parts.writestr("xl/workbook.xml", "<x/>")
        parts.writestr("xl/vbaProject.bin", b"x")
    return found.getvalue()


def formulas(portal):
    """Return a form with a formula in a cell, and the cell."""
    browser = portal.as_role("steward")
    book = form(browser, "guide", unit="RS")
    browser.close()
    cell = book.worksheets[0].cell(*cell_of(book, "信息资源摘要"))
    cell.value = "=1+1"
    return saved(book), cell.coordinate


def test_files_that_cannot_be_taken_are_told_in_words_and_propose_nothing(maintained, chromium, tmp_path):
    before = len(proposals.listed(maintained.owner))
    with_formula, place = formulas(maintained)
    with logged_in(maintained, chromium, "steward", "/maintain/new") as page:
        for name, content, said in (
            ("表.pdf", b"%PDF-1.7", "不是 Excel 工作簿"),
            ("表.xlsm", macros(), "工作簿含有宏"),
            ("公式.xlsx", with_formula, "是公式"),
            ("大.xlsx", b"x" * (50 * 1024 * 1024), "提交的内容过大"),
        ):
            file = tmp_path / name
            file.write_bytes(content)
            page.goto(f"{maintained.url}/maintain/new")
            page.get_by_label("Excel 工作簿").set_input_files(file)
            page.get_by_role("button", name="上传并检查").click()
            page.get_by_text(said).first.wait_for()
            if name == "公式.xlsx":
                assert page.get_by_role("cell", name=place, exact=True).is_visible()
                page.screenshot(path=tmp_path / "formula.png", full_page=True)
    assert len(proposals.listed(maintained.owner)) == before


def test_what_was_typed_when_the_session_ended_stands_in_the_form_again(maintained, chromium):
    with logged_in(maintained, chromium, "head", "/maintain/edit/demands/new") as page:
        page.locator('[name="f-0-all-scope"]').fill("打了很久的说明")
        end_sessions(maintained, "head")
        page.get_by_role("button", name="看看会怎样").click()
        page.get_by_text("刚才填写的内容已保留").wait_for()
        log_in(maintained, page, "head")
        assert page.locator('[name="f-0-all-scope"]').input_value() == "打了很久的说明"
        assert page.get_by_text("已恢复").is_visible()


def test_of_two_who_decide_at_once_the_second_is_shown_the_first_and_keeps_the_words(maintained, chromium):
    number = proposed(maintained, "两人同时", [purpose_edit(maintained, "两人同时看的摘要")]).number
    path = f"/maintain/proposals/{number}"
    with (
        logged_in(maintained, chromium, "head", path) as late,
        logged_in(maintained, chromium, "data_office", path) as first,
    ):
        first.get_by_label("意见（只作记录").fill("请核对单位名称")
        first.get_by_role("button", name="记录意见").click()
        first.get_by_text("请核对单位名称").first.wait_for()
        late.get_by_label("理由（必填").fill("我同意这样改")
        late.get_by_role("button", name="同意", exact=True).click()
        late.get_by_text("有了新的进展").wait_for()
        assert late.get_by_text("请核对单位名称").first.is_visible()
        assert late.get_by_label("理由（必填").input_value() == "我同意这样改"
    events = [one.event for one in proposals.one(maintained.owner, number).events]
    assert events.count("approved") == 1 and events[-1] == "commented"
