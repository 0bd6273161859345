"""The site opens from a folder, without server, network or JavaScript; its search finds Chinese as it is typed."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

import catalogs
from catalogs.exports.search import Entry, index_script, initials
from catalogs.publish import publish
from tests.catalogs.exports.support import layered_campus
from tests.catalogs.small import SERVICE, campus, service_item


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    return publish(layered_campus(), tmp_path_factory.mktemp("site") / "all")


class Page(HTMLParser):
    """What a page links to, loads, names as anchors, and says outside scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links, self.loads, self.anchors, self.scripts = [], [], set(), 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        self.scripts += tag == "script"
        if "id" in told:
            self.anchors.add(told["id"])
        if tag == "a":
            self.links.append(told["href"])
        elif told.get("src") or (tag == "link" and told.get("href")):
            self.loads.append(told.get("src") or told["href"])


def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}


def test_every_link_leads_to_a_file_and_every_anchor_is_there(site):
    found = pages(site)
    assert len(found) > 50
    anchors = {path.resolve(): page.anchors for path, page in found.items()}
    for path, page in found.items():
        for link in page.links + page.loads:
            if link.startswith("https://"):
                continue
            target, _, anchor = link.partition("#")
            file = (path.parent / unquote(target)).resolve() if target else path.resolve()
            assert file.is_file(), f"{path.name}: {link}"
            if anchor:
                assert unquote(anchor) in anchors[file], f"{path.name}: {link}"


def test_no_page_loads_anything_from_elsewhere(site):
    for path, page in pages(site).items():
        assert page.loads, path
        assert not [one for one in page.loads if "//" in one], path
        assert page.scripts == 1, path
    for name in ("style.css", "search.js"):
        assert "//" not in (site / "public" / "assets" / name).read_text(encoding="utf-8").replace("// ", "")


def test_pages_say_everything_without_javascript(site):
    text = (site / "public" / "services" / "RS-001.html").read_text(encoding="utf-8")
    for told in (
        "在职证明",
        "当场办结",
        "一趟不跑",
        "身份证复印件",
        "免提交",
        "行政楼",
        "证明开具办法",
        "<svg",
        "内线1",
    ):
        assert told in text, told
    resource = (site / "public" / "resources" / "hr.staff.html").read_text(encoding="utf-8")
    for told in ("人事处", "每日", "无条件共享", "出生日期 (CSRQ)", "在职证明", "权威源"):
        assert told in resource, told


def test_what_people_wrote_is_shown_and_never_run(tmp_path):
    hostile = service_item(nameZh="<script>alert(1)</script>", urls={"online": "javascript:alert(1)"})
    out = publish(catalogs.load(campus({SERVICE: hostile})), tmp_path / "site", ("public",)) / "public"
    for path in out.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert "<script>alert" not in text, path
        assert 'href="javascript' not in text, path
    assert "&lt;script&gt;alert(1)" in (out / "services" / "RS-001.html").read_text(encoding="utf-8")


def test_initials_are_those_that_people_type():
    assert initials("在职证明") == "zzzm"
    assert initials("银行卡号") == "yh[kq][hx]"
    assert initials("重修") == "cx"
    assert initials("学籍异动(休学、复学)") == "xjydxxfx"
    assert initials("ODCS 3.2 契约") == "odcs32qy"
    assert initials("行") == "[hx]"


@given(st.text(alphabet="在职证明行长重a1() ", max_size=8))
def test_each_character_that_is_typed_has_one_place_in_the_initials(text):
    places = re.findall(r"\[[a-z]{2,}\]|[a-z0-9]", initials(text))
    assert "".join(places) == initials(text)
    assert len(places) == sum(letter.isalnum() for letter in text)


def test_the_index_is_a_script_that_any_text_survives():
    entry = Entry("服务事项", 'a"</script>\\\u2028', "c", "u", "p.html", "a", "更多")
    text = index_script([entry])
    assert json.loads(text.removeprefix("window.yiciIndex = ").removesuffix(";\n")) == [list(entry)]


def found_by(chromium, site: Path, typed: str) -> list[str]:
    """What the search of the home page shows for what is typed, as a real browser renders it."""
    page = chromium.new_page()
    page.goto(f"file://{quote(str(site / 'public' / 'index.html'))}#q={quote(typed)}")
    page.get_by_role("status").wait_for()
    links = [link.get_attribute("href") for link in page.locator("#found a").all()]
    page.close()
    return links


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("职证", "services/RS-001.html"),
        ("zzzm", "services/RS-001.html"),
        ("RS-001", "services/RS-001.html"),
        ("人事处 证明", "services/RS-001.html"),
        ("hr.staff", "resources/hr.staff.html"),
    ],
)
def test_search_finds_by_part_of_a_name_by_initials_and_by_code(chromium, site, typed, first):
    assert found_by(chromium, site, typed)[:1] == [first]


def test_search_says_nothing_of_what_is_not_there(chromium, site):
    assert found_by(chromium, site, "获奖登记") == []
