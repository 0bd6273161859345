"""Nothing that somebody typed is lost: every form of every page, when its session has ended, and when it is not taken.

What was typed lies sealed meanwhile, and only the person who typed it finds it again, only in that browser.
"""

import re
from contextlib import closing
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

import portal.rendering
from portal.drafts import COOKIE, Draft
from portal.refilling import refilled
from tests.portal.house import ACCOUNTS, running, surroundings
from tests.portal.pages import OWN, pages, walked
from tests.portal.served import KNOWN
from tests.portal.test_walls import ADDRESSES

MARK = "打了很久的字"
TEMPLATES = Path(portal.rendering.__file__).parent / "templates"
NUMBERS = ACCOUNTS | KNOWN
# Pages with a form into which something is typed; a page that gets one is found by the walk itself.
SOME_FORMS = {"/mine/correct/XM", "/window", "/tickets/1/comment", "/maintain/edit/guide/hr.staff"}


@dataclass
class Form:
    """A form as a browser sees it: what it sends by itself, and field → what stands in it."""

    action: str
    hidden: dict[str, str] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    options: dict[str, list[str]] = field(default_factory=dict)


class Forms(HTMLParser):
    """The forms of a page that send something, but for leaving."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._form: Form | None = None
        self._select = self._area = ""
        self._option: str | None = None
        self._is_chosen = False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        told = {name: "" if value is None else value for name, value in attrs}
        if tag == "form" and told.get("method") == "post" and told["action"] != "/logout":
            self._form = Form(told["action"])
            self.found.append(self._form)
        form, name, kind = self._form, told.get("name", ""), told.get("type", "text")
        if form is None:
            return
        if tag == "input" and kind == "hidden":
            form.hidden[name] = told["value"]
        elif tag == "input" and kind == "checkbox":
            form.kinds[name] = kind
            form.options.setdefault(name, []).append(told["value"])
            if "checked" in told:
                form.fields[name] = told["value"]
        elif tag == "input" and kind != "file":
            form.fields[name], form.kinds[name] = told.get("value", ""), kind
        elif tag == "textarea":
            self._area = name
            form.fields[name], form.kinds[name] = "", "long"
        elif tag == "select":
            self._select = name
            form.options[name], form.kinds[name] = [], "choice"
        elif tag == "option" and self._select:
            self._option, self._is_chosen = told.get("value"), "selected" in told
            if self._option is not None:
                self._offer(self._option)

    def _offer(self, value: str) -> None:
        form = self._form
        form.options[self._select].append(value)
        if self._is_chosen or len(form.options[self._select]) == 1:
            form.fields[self._select] = value

    def handle_data(self, data):
        if self._area:
            self._form.fields[self._area] += data
        elif self._select and self._option is None and data.strip():
            self._offer(data)

    def handle_endtag(self, tag):
        if tag == "form":
            self._form = None
        elif tag == "textarea":
            # What browsers do with a line break right behind the tag.
            self._form.fields[self._area] = self._form.fields[self._area].removeprefix("\n")
            self._area = ""
        elif tag == "select":
            self._select = ""


def typed(form: Form) -> dict[str, str]:
    """Fill in each field of a form."""
    told = {}
    for name, kind in form.kinds.items():
        if kind in ("choice", "checkbox"):
            told[name] = form.options[name][-1]
        else:
            told[name] = "2026-12-01" if kind == "date" else f'{MARK}<b>"{name}'
    return told


def end_sessions(here, who):
    here.portal.owner.execute(
        "UPDATE portal.session SET seen_at = now() - interval '31 minutes' WHERE person = %s", [NUMBERS[who]]
    )


def form_of(page: str, action: str) -> Form:
    return next(one for one in Forms(page).found if one.action == action)


def sent(browser, form: Form, told: dict[str, str]):
    return browser.post(form.action, data=form.hidden | told)


def log_in_again(here, browser, who, answer) -> str:
    """Log in where an answer leads, and return the address that follows."""
    assert answer.status_code == 303, answer.text
    asked = urlsplit(answer.headers["location"])
    query = parse_qs(asked.query)
    assert (asked.path, query["kept"]) == ("/login", ["1"])
    assert "刚才填写的内容已保留" in browser.get(answer.headers["location"]).text
    return here.portal.log_in(browser, who, next=query["next"][0]).headers["location"]


@pytest.fixture(scope="module")
def here(pg_module_database, tmp_path_factory):
    with walked(pg_module_database, tmp_path_factory.mktemp("home"), str, "说过的话") as found:
        yield found


def test_every_form_of_every_page_is_whole_again_after_its_session_ended(here):
    seen = set()
    on_duty = [(who, ADDRESSES[name]) for who in ("steward", "head") for name in ("ticket", "waiting")]
    for who, address in (*(one.values for one in pages() if one.values[0]), *on_duty):
        with closing(here.portal.as_role(who)) as browser:
            for form in Forms(browser.get(address, follow_redirects=True).text).found:
                told = typed(form)
                if not told or form.action in seen:
                    continue
                seen.add(form.action)
                fresh = form_of(browser.get(address).text, form.action)
                end_sessions(here, who)
                back = log_in_again(here, browser, who, sent(browser, fresh, told))
                assert back == address
                kept = here.portal.owner.execute("SELECT sealed FROM portal.draft").fetchall()
                assert kept and not any(MARK.encode() in sealed for (sealed,) in kept)
                page = browser.get(back).text
                assert "已恢复在下面的表单中" in page, form.action
                assert form_of(page, form.action).fields == told, form.action
    assert seen >= SOME_FORMS


def test_only_who_typed_it_finds_it_again_and_only_in_that_browser(here):
    address = "/mine/correct/XM"
    with closing(here.portal.as_role(OWN)) as browser, closing(here.portal.as_role(OWN)) as elsewhere:
        form = form_of(browser.get(address).text, address)
        told = typed(form)
        end_sessions(here, OWN)
        answer = sent(browser, form, told)
        key = browser.cookies[COOKIE]
        here.portal.log_in(elsewhere, OWN)
        assert MARK not in elsewhere.get(address).text
        here.portal.log_in(browser, "yi")
        assert browser.cookies[COOKIE] == key
        assert MARK not in browser.get(address).text
        browser.cookies.delete("yici")
        here.portal.log_in(browser, OWN)
        assert answer.status_code == 303 and MARK in browser.get(address).text
        assert (
            key
            not in here.portal.owner.execute(
                "SELECT string_agg(d::text, ' ') FROM portal.draft d"
            ).fetchone()[0]
        )


def test_what_was_sent_at_last_is_offered_no_more(here):
    with closing(here.portal.as_role("steward")) as browser:
        form = form_of(browser.get("/tickets/1").text, "/tickets/1/comment")
        end_sessions(here, "steward")
        back = log_in_again(here, browser, "steward", sent(browser, form, {"said": MARK}))
        again = form_of(browser.get(back).text, form.action)
        assert sent(browser, again, again.fields).status_code == 303
        assert form_of(browser.get(back).text, form.action).fields == {"said": ""}


def test_a_form_of_before_is_kept_though_its_author_logged_in_again_in_another_tab(here):
    with closing(here.portal.as_role("steward")) as browser:
        form = form_of(browser.get("/tickets/1").text, "/tickets/1/comment")
        end_sessions(here, "steward")
        assert browser.get("/").status_code == 303
        here.portal.log_in(browser, "steward")
        answer = sent(browser, form, {"said": MARK})
        assert answer.status_code == 303
        back = browser.get(answer.headers["location"]).headers["location"]
        assert form_of(browser.get(back).text, form.action).fields == {"said": MARK}


@pytest.mark.parametrize("csrf", ["of another", "made up", ""])
def test_a_form_of_somebody_else_or_of_nobody_does_nothing_and_is_not_kept(here, csrf):
    here.portal.owner.execute("DELETE FROM portal.draft")
    with closing(here.portal.as_role("steward")) as browser, closing(here.portal.as_role("head")) as other:
        if csrf == "of another":
            csrf = form_of(other.get("/tickets/1").text, "/tickets/1/comment").hidden["csrf"]
        told = {"csrf": csrf, "said": MARK, "back": "/tickets/1"}
        assert browser.post("/tickets/1/comment", data=told).status_code == 403
    assert here.portal.owner.execute("SELECT 1 FROM portal.draft").fetchone() is None


def test_a_form_that_could_not_be_taken_just_now_waits_on_its_page(
    here, pg_module_database, tmp_path, monkeypatch
):
    for name, value in surroundings(pg_module_database, tmp_path).items():
        monkeypatch.setenv(name, value)
    with (
        running(pg_module_database, here.portal.catalog) as without_service,
        closing(here.portal.as_role("clerk")) as browser,
        closing(without_service.browser()) as failing,
    ):
        form = form_of(browser.get("/window").text, "/window")
        failing.cookies.update(browser.cookies)
        answer = sent(failing, form, {"case": MARK})
        assert answer.status_code == 503 and 'href="/window"' in answer.text
        browser.cookies.update({COOKIE: failing.cookies[COOKIE]})
        assert form_of(browser.get("/window").text, "/window").fields == {"case": MARK}


def test_every_template_s_form_says_where_it_stands():
    for file in sorted(TEMPLATES.glob("*.j2")):
        for form in re.findall(r'<form[^>]*method="post".*?</form>', file.read_text(), re.DOTALL):
            if 'action="/logout"' not in form and 'action="/login/account"' not in form:
                assert '<input type="hidden" name="back" value="{{ path }}">' in form, (file.name, form)


PAGE = (
    '<form method="post" action="/x"><input type="hidden" name="csrf" value="own"><input name="a" value="old">'
    '<textarea name="b">old</textarea><select name="c"><option selected>eins</option><option value="2">zwei</option>'
    '</select><input type="checkbox" name="d" value="1" checked><input type="checkbox" name="d" value="2"></form>'
    '<form method="post" action="/y"><input name="a" value="other"></form>'
)


@given(st.text(), st.text().filter(lambda text: "\r" not in text))
def test_whatever_was_typed_stands_in_its_form_as_it_was_typed(short, long):
    draft = Draft("/x", {"a": [short], "b": [long], "c": ["2"], "d": ["2"], "csrf": ["another"]})
    first, second = Forms(refilled(PAGE, draft)).found
    assert first.fields == {"a": short, "b": long, "c": "2", "d": "2"}
    assert first.hidden == {"csrf": "own"}
    assert second.fields == {"a": "other"}
