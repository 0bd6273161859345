"""The portal in a real browser: a steward's way to a ticket, on a phone, in two languages."""

import pytest

from portal.texts import text
from tests.portal.house import PASSWORD, TICKET, settled

PHONE = {"width": 390, "height": 844}
PATHS = (
    "/", "/quality", "/quality/RS", "/resources/hr.staff.html", "/services/S-EMPLOYED.html", "/lists/demands.html",
    "/demands", "/responsibilities", "/tickets", f"/tickets/{TICKET}", "/search?q=hr",
)  # fmt: skip


def log_in(portal, page, name):
    page.goto(f"{portal.url}/resources.html")
    page.get_by_label("账号", exact=True).fill(name)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_label("动态验证码（6 位）").fill(portal.code(name))
    page.get_by_role("button", name="登录").click()


@pytest.mark.parametrize("viewport", [None, PHONE], ids=["desktop", "phone"])
def test_a_steward_goes_from_the_login_over_a_resource_to_its_ticket(portal, chromium, viewport, tmp_path):
    context = chromium.new_context(
        viewport=viewport or {"width": 1280, "height": 900}, java_script_enabled=False
    )
    page = context.new_page()
    log_in(portal, page, "steward")
    assert page.url == f"{portal.url}/resources.html"
    page.get_by_role("link", name="教职工", exact=True).click()
    assert page.get_by_role("heading", level=1).inner_text() == "教职工"
    page.get_by_role("link", name=f"工单 {TICKET}").click()
    assert page.url == f"{portal.url}/tickets/{TICKET}"
    assert page.get_by_text("电话 必填").is_visible()
    page.screenshot(path=tmp_path / "ticket.png", full_page=True)
    page.get_by_role("button", name="English").click()
    assert page.url == f"{portal.url}/tickets/{TICKET}"
    assert page.get_by_role("heading", level=1).inner_text() == f"Ticket {TICKET}"
    page.get_by_role("button", name="Log out").click()
    assert page.url == f"{portal.url}/login"
    page.goto(f"{portal.url}/tickets/{TICKET}")
    assert "/login?next=" in page.url
    context.close()


def test_no_page_is_wider_than_a_phone_and_none_breaks_the_policy(portal, chromium):
    context = chromium.new_context(viewport=PHONE)
    page = context.new_page()
    said = []
    page.on("console", lambda message: said.append(message.text))
    log_in(portal, page, "data_office")
    for path in PATHS:
        page.goto(f"{portal.url}{path}")
        too_wide = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert too_wide == 0, path
    assert said == []
    context.close()


def test_a_ticket_that_a_bad_row_opened_is_closed_by_the_next_good_extract(portal, chromium, tmp_path):
    portal.owner.execute("SELECT setval(pg_get_serial_sequence('yici.ticket', 'id'), 100)")
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    log_in(portal, page, "head")
    ((_, opened),) = [one for one in settled(portal, False) if one[1].rule == "name.required"]
    page.goto(f"{portal.url}/duty")
    page.get_by_role("link", name=text("ticket.title", "zh", n=opened.id), exact=True).click()
    assert page.get_by_text("姓名 必填").first.is_visible()
    page.get_by_label("说明（请勿写个人信息）").fill("已请系统厂商补齐")
    page.get_by_role("button", name="补充说明").click()
    assert page.get_by_text("已请系统厂商补齐").is_visible()
    page.screenshot(path=tmp_path / "open.png", full_page=True)
    settled(portal, True)
    page.reload()
    assert page.get_by_text("最新批次已符合，自动销号").is_visible()
    page.screenshot(path=tmp_path / "closed.png", full_page=True)
    page.goto(f"{portal.url}/duty")
    assert page.get_by_role("link", name=text("ticket.title", "zh", n=opened.id), exact=True).count() == 0
    context.close()
