"""The data office in a real browser: from a faulty workbook to a right that the service knows, in two languages."""

from contextlib import contextmanager

import pytest

from catalogs.settings import now
from service.access import check_purpose
from service.app import create_app
from service.configuration import Configuration
from service.wire import Wire
from tests.portal.house import PASSWORD
from tests.portal.maintained import cell_of, form, in_use, proposed, purpose_edit, saved
from tests.service import campus
from tests.service.conftest import service_url
from tests.service.desk import Desk
from tests.support.http import asgi_server

pytestmark = pytest.mark.usefixtures("surroundings_of_maintained")
PHONE = {"width": 390, "height": 844}
PATHS = (
    "/maintain",
    "/maintain?state=closed",
    "/maintain/new",
    "/maintain/edit/guide/hr.staff",
    "/maintain/edit/demands/D-1",
    "/maintain/edit/demands/new",
    "/maintain/edit/responsibilities/hr.staff",
    "/maintain/publish",
    "/maintain/versions",
    "/maintain/versions/1",
    "/maintain/proposals/1",
    "/demands",
)


def page_of(portal, chromium, name, viewport=None):
    context = chromium.new_context(
        viewport=viewport or {"width": 1280, "height": 900}, java_script_enabled=bool(viewport)
    )
    context.set_default_timeout(90_000)
    page = context.new_page()
    page.goto(f"{portal.url}/maintain")
    page.get_by_label("账号", exact=True).fill(name)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_label("动态验证码（6 位）").fill(portal.code(name))
    page.get_by_role("button", name="登录").click()
    return page


def demand_workbook(portal, unit):
    """Return a demand list in which a new demand is filed, whose item is not known."""
    browser = portal.as_role("head")
    book = form(browser, "demands")
    browser.close()
    row = book.worksheets[0].max_row + 1
    told = {
        "需求单位": unit,
        "关联事项": "S-NOWHERE",
        "数据元编号": "RZRQ",
        "使用系统": "portal",
        "使用依据": "校人〔2026〕1号",
        "处理依据类型": "履行法定职责",
        "使用范围与最小必要说明": "仅申请人本人",
        "提供频率": "逐件",
        "留存与销毁": "结案后销毁",
        "使用起始日": "2026-01-01",
        "使用截止日": "2099-12-31",
        "序号": "新增",
    }
    for heading, value in told.items():
        book.worksheets[0].cell(row, cell_of(book, heading)[1]).value = value
    return book, row


def elements(portal):
    rights = check_purpose(in_use(portal), campus.PORTAL, campus.EMPLOYED, now())
    return {one.element for one in rights}


@contextmanager
def api(portal, database, folder, monkeypatch):
    """Run the service over a release of what is published now, with the client that the demand is for."""
    monkeypatch.setenv("YICI_SERVICE_DATABASE_URL", service_url(database))
    campus.publish(portal.owner, in_use(portal), {})
    app = create_app(Configuration(is_reference_campus=True))
    with asgi_server(app, http=Wire, ws="none") as url:
        desk = Desk(url, in_use(portal), portal.owner, folder, app)
        desk.register(campus.PORTAL, folder, "CW")
        yield desk


def told(desk, element):
    """Return how the service answers the client's question about an element."""
    case = desk.case(client_id=campus.PORTAL)
    return desk.facts([element], case_id=case, client_id=campus.PORTAL)


def test_a_workbook_becomes_a_right_that_the_service_knows(
    maintained, chromium, tmp_path, pg_module_database, monkeypatch
):
    book, row = demand_workbook(maintained, "人事处")
    faulty, mended = tmp_path / "需求.xlsx", tmp_path / "需求-改.xlsx"
    faulty.write_bytes(saved(book))
    book.worksheets[0].cell(row, cell_of(book, "关联事项")[1]).value = "S-EMPLOYED"
    mended.write_bytes(saved(book))
    assert "RZRQ" not in elements(maintained)
    head = page_of(maintained, chromium, "head")
    head.get_by_role("link", name="提出变更").first.click()
    head.get_by_label("Excel 工作簿").set_input_files(faulty)
    head.get_by_role("button", name="上传并检查").click()
    assert head.get_by_text("没有这个名称或编码的服务事项").is_visible()
    head.screenshot(path=tmp_path / "faults.png", full_page=True)
    head.get_by_role("link", name="重新上传或填写").click()
    head.get_by_label("Excel 工作簿").set_input_files(mended)
    head.get_by_role("button", name="上传并检查").click()
    assert head.get_by_text("填写没有错误").is_visible()
    head.get_by_label("名称").fill("报账系统要入职日期")
    head.screenshot(path=tmp_path / "wish.png", full_page=True)
    head.get_by_role("button", name="提出变更").click()
    address = head.url
    for name in ("data_office", "steward"):
        page = page_of(maintained, chromium, name)
        page.get_by_role("link", name="报账系统要入职日期").click()
        assert page.url == address
        page.screenshot(path=tmp_path / f"decide-{name}.png", full_page=True)
        page.get_by_label("理由（必填").fill("用途清楚，最小必要")
        page.get_by_role("button", name="同意", exact=True).click()
        assert page.get_by_text("用途清楚，最小必要").first.is_visible()
        page.context.close()
    office = page_of(maintained, chromium, "data_office")
    office.get_by_role("link", name="发布", exact=True).click()
    office.screenshot(path=tmp_path / "publish.png", full_page=True)
    office.get_by_role("button", name="发布", exact=True).click()
    office.get_by_text("已完成。").wait_for()
    office.screenshot(path=tmp_path / "published.png", full_page=True)
    assert elements(maintained) == {"GH", "RZRQ"}
    with api(maintained, pg_module_database, tmp_path, monkeypatch) as desk:
        answer = told(desk, "RZRQ")
        assert answer.status_code == 200, answer.text
        assert answer.json()["facts"]["RZRQ"]["value"] == "2005-09-01"
        refused = told(desk, "XM")
        assert refused.status_code == 403 and refused.json()["code"] == "ELEMENT_NOT_GRANTED", refused.text
    office.goto(address)
    office.get_by_role("button", name="English").click()
    assert office.url == address and office.get_by_text("in effect").first.is_visible()
    office.screenshot(path=tmp_path / "proposal-en.png", full_page=True)


def test_no_page_of_maintenance_is_wider_than_a_phone_and_none_breaks_the_policy(
    maintained, chromium, tmp_path
):
    proposed(maintained, "改摘要", [purpose_edit(maintained, "换一种说法")])
    page = page_of(maintained, chromium, "data_office", PHONE)
    said = []
    page.on("console", lambda message: said.append(message.text))
    for number, path in enumerate(PATHS):
        page.goto(f"{maintained.url}{path}")
        too_wide = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert too_wide == 0, path
        page.screenshot(path=tmp_path / f"phone-{number}.png", full_page=True)
    assert said == []
    page.context.close()
