"""Every page, for everybody who may see it, in a browser: hostile texts stay texts, and axe finds nothing serious.

One visit, three judges: a listener that hears whatever runs, the page's own elements, and axe-core.
"""

import json
from contextlib import closing

import pytest
from axe_playwright_python.sync_playwright import Axe

from catalogs.loading import read_files
from tests.portal import maintained
from tests.portal.hostile import HOSTILE, hostile
from tests.portal.house import PEOPLE, TICKET, token
from tests.portal.served import served
from tests.portal.test_walls import ADDRESSES, ALLOWED
from tests.service import campus
from warehouse import catalog_versions

# Pages of whoever is in the warehouse; all others are visited by somebody at work, each by one who may.
OWN = "jia"
# What a reader could be kept out by.
_SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def here(pg_module_database, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    folder = home / "campus"
    for name, content in hostile(maintained.files()).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YICI_CAMPUS", str(folder))
        with served(pg_module_database, home, told=read_files(folder)) as found:
            portal = found.portal
            catalog_versions.publish(
                portal.owner, portal.catalog.files, catalog_versions.FIRST, HOSTILE, HOSTILE
            )
            _say_hostile_things(found)
            yield found


def _say_hostile_things(here):
    """Let people say HOSTILE wherever they may say something."""
    portal = here.portal
    portal.owner.execute("UPDATE store.hr__staff SET name = %s WHERE staff_no = 'T001'", [HOSTILE])
    portal.owner.execute(
        """INSERT INTO yici.quarantine (resource, row_digest, extract_id, key_text, rules, row, _from)
           VALUES ('hr.staff', 'd1', 1, %s, '{phone.length}', %s, 1)""",
        [HOSTILE, json.dumps({"staff_no": HOSTILE, "name": HOSTILE, "unit": HOSTILE})],
    )
    fault = dict.fromkeys(("sheet", "what", "expected", "mend"), HOSTILE) | {"row": 5, "column": "A"}
    portal.owner.execute(
        """INSERT INTO portal.handed_in (id, person, post, resource, state, told, asked_at)
           VALUES (1, %s, 'post:rs-steward', 'hr.staff', 'faulty', %s, now())""",
        [PEOPLE["steward"], json.dumps({"count": 1, "faults": [fault]})],
    )
    portal.owner.execute("UPDATE yici.ticket SET about = %s", [HOSTILE])
    portal.owner.execute("UPDATE yici.rule_state SET rule = %s", [HOSTILE])
    here.desk.case(external_no="XN-1")
    assert here.desk.facts(["XM"]).status_code == 200
    with closing(portal.as_role(OWN)) as person:
        _send(person, "/mine/correct/DW", stated=HOSTILE, reason=HOSTILE)
        path = next(
            one.split('"')[0] for one in person.get("/mine/usages").text.split('href="') if "/question" in one
        )
        _send(person, path, reason=HOSTILE)
    (waiting,) = here.desk.get("/v1/corrections", campus.HR).json()
    said = {"decision": "reject", "reason": HOSTILE}
    here.desk.post(f"/v1/corrections/{waiting['correction_id']}:decide", said, campus.HR)
    with closing(portal.as_role("steward")) as steward:
        _send(steward, f"/tickets/{TICKET}", f"/tickets/{TICKET}/comment", said=HOSTILE)
    maintained.proposed(portal, HOSTILE, [maintained.purpose_edit(portal, HOSTILE)])


def _send(browser, page, path="", **told):
    answer = browser.post(path or page, data=told | {"csrf": token(browser.get(page).text)})
    assert answer.status_code == 303, answer.text


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
        self.page.goto(f"{self.url}{path}")
        return self.judged()

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


def _pages():
    """Return each page with somebody who may see it, and the home page of everybody."""
    for name, address in sorted(ADDRESSES.items()):
        if not address.endswith((".xlsx", ".yaml", ".json", ".csv")):
            yield pytest.param(OWN if name.startswith("mine") else min(ALLOWED[name]), address, id=name)
    for role in PEOPLE:
        yield pytest.param(role, "/", id=f"home-{role}")
    yield pytest.param("data_office", "/maintain/proposals/1", id="proposal")
    yield pytest.param("steward", "/duty/handed-in/1", id="handed-in")
    yield pytest.param("steward", "/tickets/2", id="refused")
    yield pytest.param("member", "/nowhere", id="nowhere")
    yield pytest.param("", "/login", id="login")
    yield pytest.param("data_office", "/search?q=" + "%3Cscript%3Ewindow.ran=1%3C/script%3E", id="typed")


@pytest.mark.parametrize(("who", "address"), list(_pages()))
def test_nothing_runs_and_nobody_is_kept_out(visitors, who, address):
    assert visitors(who).faults(address) == []


def test_hostile_texts_are_shown_as_they_were_written(visitors):
    for who, address in (
        (OWN, "/mine"),
        (OWN, "/mine/usages"),
        (OWN, "/mine/corrections"),
        ("steward", f"/tickets/{TICKET}"),
        ("steward", "/resources/hr.staff.html"),
        ("data_office", "/maintain"),
    ):
        visitor = visitors(who)
        visitor.faults(address)
        assert "<script>window.ran=1</script>" in visitor.page.inner_text("main"), address


def test_a_clerk_fills_a_form_at_the_window(visitors):
    visitor = visitors("clerk")
    assert visitor.faults("/window") == []
    visitor.page.get_by_label("办件编号").fill("XN-1")
    visitor.page.get_by_role("button", name="查看").click()
    assert visitor.page.get_by_role("heading", level=1).is_visible()
    assert visitor.judged() == []
    assert "<script>window.ran=1</script>" in visitor.page.inner_text("main")


def test_a_person_goes_by_keyboard_from_the_top_to_a_correction(here, chromium):
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
