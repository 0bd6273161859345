"""Both languages, on every page: no word of the program's own is in the other language, and data say which they are.

The campus is disguised: each Chinese character of its catalog's texts is another one, from a plane of its own. Whatever
ordinary Chinese is left on an English page is therefore the program's, and not the catalog's.
"""

import io
import json
import re
from contextlib import ExitStack, closing
from html.parser import HTMLParser

import openpyxl
import pytest

from portal.rendering import LANGUAGE_COOKIE
from tests.portal.pages import pages, walked

_HAN = re.compile("[\u4e00-\u9fff]+")
_FAR = 0x20000 - 0x4E00
# No codes: those have capitals, figures or signs in them.
_WORD = re.compile(r"(?<![\w.:/@-])[A-Za-z][a-z]{2,}(?![\w.:/@-])")
# Names that are the same in both languages.
_SAME = frozenset(("English", "Excel", "Word", "Dagster", "dbt", "Data", "Docs"))
_TOLD = ("aria-label", "title", "placeholder", "alt", "data-label")
# Whose content is no text, or is in a language that its tag names.
_NOT_READ = frozenset(("script", "style", "svg", "code"))
# A table with the link of its workbook below it.
_TABLE = re.compile(
    r'<table([^>]*)>(?:(?!<table).)*?</table></div>\s*<p class="noprint small"><a href="([^"]+)', re.DOTALL
)
_VOID = frozenset(("meta", "link", "input", "br", "img", "hr"))


def disguised(text: str) -> str:
    """Return a text with each of its Chinese characters moved to the plane beyond."""
    return _HAN.sub(lambda found: "".join(chr(ord(one) + _FAR) for one in found[0]), text)


class Texts(HTMLParser):
    """The texts of a page that readers read or hear as words of the page itself."""

    def __init__(self, other: str) -> None:
        super().__init__()
        self.other = other
        self.open: list[tuple[str, bool]] = []
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        is_spoken = not any(hidden for _, hidden in self.open)
        # A span in Chinese is one that was marked because nobody knew its English; any other says so on purpose.
        is_told = (told.get("lang") or "").startswith(self.other) and (self.other, tag) != ("zh", "span")
        # Derived lists are documents in Chinese; of their cells English has what its words and names have.
        is_list = "derived" in (told.get("class") or "").split()
        hidden = tag in _NOT_READ or is_told or is_list or told.get("translate") == "no"
        if is_spoken and not hidden:
            self.found += [told[name] for name in _TOLD if told.get(name)]
        if tag not in _VOID:
            self.open.append((tag, hidden))

    def handle_endtag(self, tag):
        while self.open:
            if self.open.pop()[0] == tag:
                return

    def handle_data(self, data):
        if data.strip() and not any(hidden for _, hidden in self.open):
            self.found.append(data.strip())


def texts(page: str, other: str) -> list[str]:
    """Return a page's own texts, without those marked as of the other language and without what people wrote."""
    parser = Texts(other)
    parser.feed(page)
    return parser.found


@pytest.fixture(scope="module")
def here(pg_module_database, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    with walked(pg_module_database, home, disguised, disguised("有人写的话")) as found:
        yield found


@pytest.fixture(scope="module")
def reader(here):
    opened = {}
    with ExitStack() as stack:

        def as_somebody(name, language):
            if name not in opened:
                opened[name] = stack.enter_context(
                    closing(here.portal.as_role(name) if name else here.portal.browser())
                )
            opened[name].cookies.set(LANGUAGE_COOKIE, language)
            return opened[name]

        yield as_somebody


def _page(browser, address):
    answer = browser.get(address, follow_redirects=True)
    assert answer.status_code != 500, address
    return answer.text


@pytest.fixture(scope="module")
def names(here):
    """What the catalog itself names in Latin letters: clients, fields of forms, norms."""
    catalog = here.portal.catalog
    fields = {one.field for item in catalog.services.values() for one in item.form}
    return fields | set(catalog.campus.clients) | {table.norm for table in catalog.codes.values()}


@pytest.mark.parametrize(("who", "address"), pages())
def test_an_english_page_has_no_chinese_but_data(reader, who, address):
    page = _page(reader(who, "en"), address)
    assert [one for one in texts(page, "zh") if _HAN.search(one)] == []


@pytest.mark.parametrize(("who", "address"), pages())
def test_a_chinese_page_has_no_english_words(reader, names, who, address):
    page = _page(reader(who, "zh"), address)
    found = {word for one in texts(page, "en") for word in _WORD.findall(one)}
    assert found - _SAME - names == set()


def _strings(told):
    if isinstance(told, str):
        yield told
    for one in told.values() if isinstance(told, dict) else told if isinstance(told, list) else ():
        yield from _strings(one)


@pytest.mark.parametrize(("who", "address"), pages())
def test_an_english_page_has_english_charts_and_workbooks(reader, who, address):
    """Those of derived lists stay documents in Chinese; of what is drawn the page's own words are English."""
    browser = reader(who, "en")
    page = _page(browser, address)
    charts = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.S)
    assert [one for chart in charts for one in _strings(json.loads(chart)) if _HAN.search(one)] == []
    for kind, file in _TABLE.findall(page):
        if "derived" in kind:
            continue
        book = openpyxl.load_workbook(io.BytesIO(browser.get(file).content))
        cells = [one for row in book.active.iter_rows(values_only=True) for one in row]
        assert [one for one in (book.active.title, *cells) if _HAN.search(str(one))] == [], file
