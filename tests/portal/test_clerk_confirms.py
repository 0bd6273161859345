"""A clerk who has seen the original of what an applicant declared says so: by a scan that is not kept, on record."""

import hashlib
import json
import uuid
from contextlib import closing
from typing import get_args

import pytest

from portal.texts import text
from service.api_facts import Verification
from tests.portal import house
from tests.portal.house import PEOPLE, token
from tests.portal.served import served
from tests.portal.test_browser import PHONE, log_in
from tests.service import campus
from tests.service.desk import CANARY, T001

SCAN = b"%PDF-1.4 made up"
DIGEST = hashlib.sha256(SCAN).hexdigest()


def files() -> dict[str, bytes]:
    """Return the small university whose form asks for a size that only the applicant knows."""
    found = house.files()
    found["elements.csv"] += "CC,服装尺码,Size,N,,person,,1,personal,,,\n".encode()
    services = json.loads(found["services/all.yaml"])
    asked = {"field": "cc", "nameZh": "服装尺码", "element": "CC", "editable": True, "declared": True}
    services[0]["form"].append(asked)
    found["services/all.yaml"] = json.dumps(services, ensure_ascii=False).encode()
    demands = json.loads(found["demands/all.yaml"])
    demands[0]["elements"].append("CC")
    found["demands/all.yaml"] = json.dumps(demands, ensure_ascii=False).encode()
    return found


@pytest.fixture(scope="module")
def here(pg_module_database, tmp_path_factory):
    with served(pg_module_database, tmp_path_factory.mktemp("home"), told=files()) as found:
        yield found


@pytest.fixture(scope="module")
def clerk(here):
    with closing(here.portal.as_role("clerk")) as browser:
        yield browser


@pytest.fixture
def case(here):
    """A case whose applicant typed a size."""
    here.portal.owner.execute("DELETE FROM service.declared")
    number = f"XN-{uuid.uuid4().hex[:8]}"
    body = {
        "subject": T001,
        "case_id": here.desk.case(external_no=number),
        "actor": {"user_id": "T001", "role": "applicant"},
        "service_item": campus.EMPLOYED,
        "values": [{"element": "CC", "value": "42"}],
    }
    assert here.desk.post("/v1/declared", body, **{"Idempotency-Key": number}).status_code == 201
    return number


def declared_id(here) -> str:
    (found,) = here.portal.owner.execute("SELECT id FROM service.declared WHERE ended_at IS NULL").fetchone()
    return str(found)


def verified(here) -> tuple[str | None, str | None]:
    return here.portal.owner.execute(
        "SELECT verified_by, evidence_digest FROM service.declared WHERE ended_at IS NULL"
    ).fetchone()


def send(browser, number, file=None, **told):
    data = {"case": number, "csrf": token(browser.get("/").text)} | told
    files = {"proof": ("scan.pdf", file, "application/pdf")} if file is not None else None
    return browser.post("/window/confirm", data=data, files=files)


@pytest.mark.parametrize("viewport", [None, PHONE], ids=["desktop", "phone"])
def test_a_clerk_confirms_what_the_original_says_and_the_person_sees_it(
    here, case, chromium, tmp_path, viewport
):
    context = chromium.new_context(
        viewport=viewport or {"width": 1280, "height": 900}, java_script_enabled=False
    )
    page = context.new_page()
    log_in(here.portal, page, "clerk")
    page.goto(f"{here.portal.url}/window")
    page.get_by_label("办件编号").fill(case)
    page.get_by_role("button", name="查看").click()
    assert page.get_by_text("本人填报，未核验").is_visible()
    assert page.get_by_text("不因此免交任何材料").is_visible()
    page.get_by_label("服装尺码: 42").check()
    page.get_by_label("原件的扫描件").set_input_files(
        {"name": "scan.pdf", "mimeType": "application/pdf", "buffer": SCAN}
    )
    page.screenshot(path=tmp_path / "before.png", full_page=True)
    page.get_by_role("button", name="登记已核实").click()
    assert page.get_by_role("status").get_by_text(DIGEST).is_visible()
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    assert page.get_by_text("经办人员核验", exact=True).is_visible()
    assert page.get_by_role("button", name="登记已核实").count() == 0
    page.screenshot(path=tmp_path / "after.png", full_page=True)
    context.close()
    assert verified(here) == ("RS", DIGEST)
    (entry,) = here.desk.record("action = 'window_confirm' AND outcome = 'allowed'")[-1:]
    assert (entry["receiver_unit"], entry["elements"]) == ("RS", ["CC"])
    assert here.desk.details(entry)["actor_id"] == PEOPLE["clerk"]

    context = chromium.new_context(viewport=viewport or {"width": 1280, "height": 900})
    page = context.new_page()
    log_in(here.portal, page, "jia")
    page.goto(f"{here.portal.url}/mine")
    row = page.get_by_role("row").filter(has_text="服装尺码").last
    assert "经办人员核验" in row.inner_text() and "人事处" in row.inner_text()
    assert page.get_by_text("权威数据源核验").first.is_visible()
    page.screenshot(path=tmp_path / "mine.png", full_page=True)
    page.goto(f"{here.portal.url}/mine/usages")
    assert page.get_by_text("窗口核实本人填报内容").first.is_visible()
    page.goto(f"{here.portal.url}/mine")
    page.get_by_role("button", name="English").click()
    assert page.get_by_text("verified by an officer").is_visible()
    context.close()


def test_a_scan_is_digested_and_nothing_of_it_is_kept(here, case, clerk):
    shown = send(clerk, case, SCAN, declared_id=declared_id(here))
    assert shown.status_code == 200 and DIGEST in shown.text
    kept = here.portal.owner.execute("SELECT string_agg(d::text, ' ') FROM portal.draft d").fetchone()[0]
    assert "made up" not in (kept or "") and "made up" not in str(here.portal.deeds())
    assert case not in str(here.portal.deeds())


def test_the_digest_of_a_scan_may_be_typed_instead(here, case, clerk):
    shown = send(clerk, case, digest=f" {DIGEST.upper()} ", declared_id=declared_id(here))
    assert shown.status_code == 200, shown.text
    assert verified(here) == ("RS", DIGEST)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"digest": DIGEST}, "请选择一项"),
        ({"declared_id": "own"}, "请选择原件的扫描件"),
        ({"declared_id": "own", "file": b""}, "请选择原件的扫描件"),
        ({"declared_id": "own", "digest": "12"}, "64 位十六进制"),
        ({"declared_id": "00000000-0000-4000-8000-000000000000", "digest": DIGEST}, "刚刚有变化"),
        ({"declared_id": "no number", "digest": DIGEST}, "刚刚有变化"),
    ],
)
def test_what_is_missing_or_of_nobody_is_said_and_nothing_is_noted(here, case, clerk, told, words):
    if told.get("declared_id") == "own":
        told = told | {"declared_id": declared_id(here)}
    refused = send(clerk, case, **told)
    assert refused.status_code in (404, 422) and words in refused.text and "没有登记" in refused.text
    assert verified(here) == (None, None)


def test_only_a_clerk_of_the_unit_confirms_and_only_in_an_open_case(here, case, clerk):
    told = {"declared_id": declared_id(here), "digest": DIGEST}
    refused = send(clerk, "XN-none", **told)
    assert refused.status_code == 403 and "没有本单位可办的这一办件" in refused.text
    assert CANARY not in refused.text
    with closing(here.portal.as_role("steward")) as browser:
        assert send(browser, case, **told).status_code == 403
    assert verified(here) == (None, None)


def test_every_level_that_the_service_tells_has_words():
    levels = get_args(Verification.model_fields["level"].annotation)
    assert len(levels) == 5
    for level in levels:
        for language in ("zh", "en"):
            assert text(f"level.{level}", language) not in ("", f"level.{level}")
