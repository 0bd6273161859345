"""Every page, for everybody who may see it, in a browser: hostile texts stay texts, axe finds nothing serious, it fits.

One visit, four judges: a listener that hears whatever runs, the page's own elements, axe-core, and how the page lies on
a telephone and on paper.
"""

from contextlib import closing

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.portal import looks
from tests.portal.hostile import HOSTILE
from tests.portal.house import TICKET
from tests.portal.pages import OWN, pages, walked

# What a reader could be kept out by.
_SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def here(pg_module_database, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    with walked(pg_module_database, home, lambda text: text + HOSTILE, HOSTILE) as found:
        yield found


class Visitor:
    """Somebody with a browser that hears whatever runs, opens or breaks the policy; without a name, nobody yet."""

    def __init__(self, portal, chromium, name, **context):
        self.context = chromium.new_context(viewport={"width": 1280, "height": 900}, **context)
        self.page = self.context.new_page()
        self.heard = []
        self.page.on("console", lambda message: self.heard.append(message.text))
        self.page.on("dialog", lambda dialog: self.heard.append(dialog.message) or dialog.dismiss())
        self.page.on("request", lambda request: request.url.endswith("/x") and self.heard.append(request.url))
        self.url = portal.url
        if name:
            with closing(portal.as_role(name)) as browser:
                self.context.add_cookies(
                    [{"name": one.name, "value": one.value, "url": portal.url} for one in browser.cookies.jar]
                )

    def faults(self, path):
        """Visit a page, and return what its judges say."""
        self.heard.clear()
        answer = self.page.goto(f"{self.url}{path}")
        failed = [f"the page failed: {answer.status}"] if answer.status == 500 else []
        return failed + self.judged() + looks.faults(self.page)

    def judged(self):
        """Return what the judges say of the page that is open."""
        # Words of the browser itself for an answer of 4xx or 5xx are no fault of the page.
        found = [one for one in self.heard if "Failed to load resource" not in one]
        if self.page.evaluate("window.ran !== undefined || document.getElementById('not-text') !== null"):
            found.append("a text of somebody became a part of the page")
        for one in Axe().run(self.page).response["violations"]:
            if one["impact"] in _SERIOUS:
                found.append(
                    f"{one['impact']} {one['id']}: {[node['html'][:150] for node in one['nodes'][:3]]}"
                )
        return found


@pytest.fixture(scope="module")
def visitors(here, chromium):
    opened = {}

    def visitor(name):
        if name not in opened:
            opened[name] = Visitor(here.portal, chromium, name)
        return opened[name]

    yield visitor
    for one in opened.values():
        one.context.close()


_TYPED = pytest.param("data_office", "/search?q=%3Cscript%3Ewindow.ran=1%3C/script%3E", id="typed")


@pytest.mark.parametrize(("who", "address"), [*pages(), _TYPED])
def test_nothing_runs_nobody_is_kept_out_and_all_fits_telephone_and_paper(visitors, who, address):
    assert visitors(who).faults(address) == []


def test_hostile_texts_are_shown_as_they_were_written(here, visitors):
    for who, address in (
        (OWN, "/mine"),
        (OWN, "/mine/usages"),
        (OWN, "/mine/corrections"),
        ("steward", f"/tickets/{TICKET}"),
        ("steward", "/resources/hr.staff.html"),
        ("data_office", "/maintain"),
    ):
        page = visitors(who).page
        page.goto(f"{here.portal.url}{address}")
        assert "<script>window.ran=1</script>" in page.inner_text("main"), address


def test_a_clerk_fills_a_form_at_the_window(visitors):
    visitor = visitors("clerk")
    assert visitor.faults("/window") == []
    visitor.page.get_by_label("办件编号").fill("XN-1")
    visitor.page.get_by_role("button", name="查看").click()
    assert visitor.page.get_by_role("heading", level=1).is_visible()
    assert visitor.judged() == []
    assert "<script>window.ran=1</script>" in visitor.page.inner_text("main")


def test_a_person_goes_by_keyboard_from_the_top_to_a_correction_and_sees_who_looked(here, chromium):
    assert here.desk.facts(["XM"], {"id_type": "staff_no", "id": "T002"}).status_code == 200
    visitor = Visitor(here.portal, chromium, "yi")
    page = visitor.page
    page.goto(f"{here.portal.url}/mine")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("(document.activeElement.getAttribute('href') || '').startsWith('/mine/correct/')"):
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"
    page.keyboard.press("Enter")
    page.wait_for_url("**/mine/correct/**")
    page.get_by_label("理由").focus()
    page.keyboard.type("写错了")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/mine/corrections")
    assert page.get_by_text("待决定").first.is_visible()
    page.get_by_role("link", name="谁看过").first.click()
    page.wait_for_url("**/mine/usages")
    assert page.get_by_text("读取: 姓名").first.is_visible()
    visitor.context.close()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_own_pages_fit_a_phone_in_both_languages(here, chromium, language, tmp_path):
    visitor = Visitor(here.portal, chromium, "bing")
    page = visitor.page
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{here.portal.url}/language?to={language}")
    for path in ("/mine", "/mine/usages", "/mine/corrections", "/mine/consents", "/mine/correct/DW"):
        page.goto(f"{here.portal.url}{path}")
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide == 0, path
        page.screenshot(path=tmp_path / f"{path.replace('/', '-')}-{language}.png", full_page=True)
    expected = "谁看过" if language == "zh" else "Who looked"
    page.goto(f"{here.portal.url}/mine/usages")
    assert page.get_by_role("heading", level=1).inner_text() == expected
    visitor.context.close()
