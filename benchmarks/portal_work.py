"""What pages are about that nobody is led to by a link: a certificate, a proposal, a workbook with faults, a case.

`benchmarks.portal` makes each by the way that people have, and then measures the pages that it leads to. The campus is
another program, as for `yici demo`: its service hall opens the case.
"""

import io
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from openpyxl import load_workbook

from expectations.quarantine.workbook import EMPTY
from service import clients
from warehouse.connect import connect

_HALL, _HALL_UNIT, _HALL_NAME = "service-hall", "XX", "网上办事大厅"
_KINDS = re.compile(r'href="(/mine/certificates/new/[^"]+)"')
_WAITING = re.compile(r'href="(/duty/rows/[^"?]+)"')
_GUIDES = re.compile(r'href="(/maintain/edit/guide/[^"]+)"')
_BASE = re.compile(r'name="base" value="(\d+)"')
_SUMMARY = "f-0-all-abstract"
_OPTIONS = re.compile(r'<select id="(\w+)"[^>]*><option value="([^"]*)"')
_UNDER_WAY, _WAIT_S = 'http-equiv="refresh"', 60
# Above the rows of the workbook stand its words and heads.
_FIRST_ROW = 5


def csrf(browser: httpx.Client, page: str = "/") -> str:
    """Return the token that forms of a browser's session bring."""
    found = re.search(r'name="csrf" value="([^"]+)"', browser.get(page).text)
    assert found is not None
    return found[1]


def ask_for_certificate(browser: httpx.Client) -> bool:
    """Ask for the first kind of certificate that somebody can have, as its form proposes; False if there is none."""
    token = csrf(browser)
    for kind in _KINDS.findall(browser.get("/mine/certificates").text):
        chosen = dict(_OPTIONS.findall(browser.get(kind).text))
        answer = browser.post(kind, data=chosen | {"csrf": token})
        if answer.status_code == 303:
            paper = f"{answer.headers['location']}/paper"
            return _settled(browser, paper, lambda got: got.status_code == 200)
    return False


def propose(browser: httpx.Client) -> bool:
    """Propose a summary of a resource, and fill in another that is not proposed; False if one is not taken."""
    token = csrf(browser)
    first, second = _GUIDES.findall(browser.get("/maintain/new").text)[:2]
    wish = _filled_in(browser, first, token)
    told = {"act": "propose", "title": "基准测试", "reason": "试验", "csrf": token}
    answer = browser.post(wish, data=told)
    return answer.status_code == 303 and bool(_filled_in(browser, second, token))


def _filled_in(browser: httpx.Client, form: str, token: str) -> str:
    """Fill in the form of a resource and return the page that says what it would mean."""
    base = _BASE.search(browser.get(form).text)
    assert base is not None
    answer = browser.post(form, data={"base": base[1], _SUMMARY: f"试验 {token[:8]}", "csrf": token})
    return answer.headers.get("location", "") if answer.status_code == 303 else ""


def hand_in_workbook(browser: httpx.Client) -> bool:
    """Hand in waiting rows, in each of which something is missing; False if no resource of the viewer has any."""
    for page in _WAITING.findall(browser.get("/duty").text):
        token = csrf(browser)
        given = browser.post(f"{page}/export", data={"csrf": token})
        if given.status_code == 200:
            name = page.rpartition("/")[2]
            answer = browser.post(
                f"/duty/upload/{name}",
                data={"csrf": token, "back": page},
                files={"file": ("rows.xlsx", _emptied(given.content))},
            )
            return answer.status_code == 303 and _settled(
                browser, answer.headers["location"], lambda got: _UNDER_WAY not in got.text
            )
    return False


def open_case(home: Path, service: str) -> str:
    """Let the campus's service hall open a case at the service, and return its number.

    Args:
        home: state folder that the reference campus was built in.
        service: address of the service.

    Raises:
        CalledProcessError: the campus names no applicant, or the service refuses.
    """
    clients.register(_HALL, _HALL_UNIT, _HALL_NAME, home / "demo" / "hall" / "client_public.jwks.json")
    asked = [sys.executable, "-m", "demo", "ask", "--out", str(home / "demo"), "--service", service]
    subprocess.run(asked, check=True, stdout=subprocess.DEVNULL)
    with connect(autocommit=True) as con:
        (number,) = con.execute(
            'SELECT id FROM service."case" ORDER BY registered_at DESC LIMIT 1'
        ).fetchone()
    return str(number)


def _emptied(content: bytes) -> bytes:
    """Return a workbook in which every row says of everything that it is empty."""
    book = load_workbook(io.BytesIO(content))
    sheet = book.active
    for row in sheet.iter_rows(min_row=_FIRST_ROW):
        for cell in row[2:]:
            cell.value = EMPTY
    saved = io.BytesIO()
    book.save(saved)
    return saved.getvalue()


def _settled(browser: httpx.Client, page: str, is_so: Callable[[httpx.Response], bool]) -> bool:
    """Wait until a page is as it is to be; False if it never is."""
    for _ in range(_WAIT_S * 2):
        if is_so(browser.get(page)):
            return True
        time.sleep(0.5)
    return False
