"""The example service system: its form fills itself, and never needs the service."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from demo.applicants import APPLICANTS
from demo.scholarship.app import create_app
from demo.scholarship.show import apply
from tests.service import campus
from tests.service.desk import CANARY, Desk
from tests.support.http import asgi_server, free_port

NAME = f"{CANARY}甲"


def hall_folder(folder: Path, desk: Desk) -> Path:
    """A hall's own folder: its key and one applicant."""
    key = desk.keys[campus.HALL].as_dict(private=True)
    (folder / "client_private.jwk").write_text(json.dumps(key))
    person = {"who": "教职工", "id_type": "staff_no", "id": "T001", "service_items": [campus.EMPLOYED]}
    (folder / APPLICANTS).write_text(json.dumps([person]))
    return folder


@pytest.fixture(scope="module")
def form(at_desk: Desk, tmp_path_factory) -> Iterator[str]:
    folder = hall_folder(tmp_path_factory.mktemp("hall"), at_desk)
    with asgi_server(create_app(folder, at_desk.url, campus.HALL, campus.EMPLOYED)) as address:
        yield address


@pytest.fixture
def browser(form: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=form, timeout=20, trust_env=False, follow_redirects=True) as one:
        yield one


def log_in(browser: httpx.Client) -> str:
    reply = browser.post("/login", data={"who": "0"})
    assert reply.status_code == 200
    return reply.text


def token_in(page: str) -> str:
    return re.search(r'name="token" value="(.+?)"', page)[1]


def test_the_form_is_filled_and_says_from_where(browser: httpx.Client):
    page = log_in(browser)
    assert f'<output id="xm">{NAME}</output>' in page
    assert re.search(r"人事处 · \d{4}-\d{2}-\d{2} 核实 · 权威源", page)
    assert "110101********0015" in page
    assert "免提交" in page
    assert "人事处已核实" in page
    assert "data-blank" not in page


def test_handing_in_moves_the_case_on_and_tells_what_was_changed(browser: httpx.Client, at_desk: Desk):
    page = log_in(browser)
    done = browser.post(
        "/apply", data={"token": token_in(page), "xm": "别人", "dh": "139", "yt": "贷款"}
    ).text
    number = re.search(r"data-number>(.+?)<", done)[1]
    status = at_desk.owner.execute(
        'SELECT status FROM service."case" WHERE external_no = %s', [number]
    ).fetchone()
    assert status == ("submitted",)
    assert "别人" not in done


def test_a_page_that_is_read_again_is_no_second_case(browser: httpx.Client, at_desk: Desk):
    count = 'SELECT count(*) FROM service."case"'
    log_in(browser)
    (before,) = at_desk.owner.execute(count).fetchone()
    assert browser.get("/apply").status_code == 200
    assert at_desk.owner.execute(count).fetchone() == (before,)


def test_another_site_cannot_hand_in(browser: httpx.Client):
    log_in(browser)
    reply = browser.post("/apply", data={"token": "guessed", "yt": "贷款"})
    assert "data-number" not in reply.text
    assert "提交申请" in reply.text


def test_nobody_who_is_not_logged_in_sees_a_form(form: str):
    with httpx.Client(base_url=form, trust_env=False) as stranger:
        for reply in (stranger.get("/apply"), stranger.post("/apply", data={"token": "x"})):
            assert (reply.status_code, reply.headers["location"]) == (303, "/")


def test_somebody_whom_the_service_does_not_know_gets_a_blank_form(browser: httpx.Client):
    page = browser.post("/login", data={"who": "1"}).text
    assert "data-blank" in page
    assert '<input id="xm" name="xm" value=""' in page


def test_the_pages_need_no_script_and_nothing_from_elsewhere(browser: httpx.Client):
    for page in (browser.get("/").text, log_in(browser), browser.get("/style.css").text):
        assert "<script" not in page
        assert not re.search(r"(?:src|href)=\"(?:https?:)?//|url\(", page)
    assert "default-src 'none'" in browser.get("/").headers["content-security-policy"]


def test_when_the_service_is_silent_the_form_is_blank_and_can_be_handed_in(
    form: str, at_desk: Desk, tmp_path: Path
):
    filled = apply(form)
    assert (filled.filled, filled.fields, filled.spared, filled.is_blank) == (3, 5, 4, False)
    folder = hall_folder(tmp_path, at_desk)
    # A hall that knew the form before the service went away.
    (folder / "forms").mkdir()
    kept = {
        "name_zh": "在职证明",
        "materials": [],
        "fields": [{"field": "xm", "name_zh": "姓名", "element": "XM"}],
    }
    (folder / "forms" / f"{campus.EMPLOYED}.json").write_text(json.dumps(kept))
    away = f"http://127.0.0.1:{free_port()}"
    with asgi_server(create_app(folder, away, campus.HALL, campus.EMPLOYED)) as address:
        blank = apply(address)
    assert (blank.filled, blank.fields, blank.is_blank) == (0, 1, True)
    assert blank.number.startswith("JXJ-")
