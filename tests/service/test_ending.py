"""What the catalog says will end is told in the answer's headers, to whom it concerns."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest

import catalogs
from catalogs.model import Catalog
from service import ending
from tests.service import campus
from tests.service.conftest import opened
from tests.service.desk import T001, Desk
from tests.support.postgres import PgDatabase


def made_up(**service: str) -> Catalog:
    """Return the small campus whose payroll ends in 2098, and perhaps a service item."""
    files = campus.files()
    payroll = json.loads(files["resources/finance/payroll.odcs.yaml"]) | {"status": "deprecated"}
    payroll["customProperties"] += [
        {"property": "deprecatedOn", "value": "2026-09-01"}, {"property": "validTo", "value": "2098-12-31"},
    ]  # fmt: skip
    students = json.loads(files["resources/academic/students.odcs.yaml"])
    students["customProperties"] += payroll["customProperties"][-2:]  # of a name it is not the only source
    files["resources/finance/payroll.odcs.yaml"] = json.dumps(payroll).encode()
    files["resources/academic/students.odcs.yaml"] = json.dumps(students).encode()
    items = json.loads(files["services/all.yaml"])
    items[0] |= service
    files["services/all.yaml"] = json.dumps(items).encode()
    return catalogs.load(files)


@pytest.fixture(scope="module")
def at_desk(pg_module_database: PgDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with opened(pg_module_database, tmp_path_factory.mktemp("home"), content=made_up()) as found:
        yield found


def test_an_answer_says_since_when_and_until_when_what_it_is_from_is_there(at_desk: Desk):
    headers = at_desk.facts(["XM", "GZ"]).headers
    assert headers["Deprecation"] == f"@{int(datetime(2026, 8, 31, 16, tzinfo=UTC).timestamp())}"
    assert parsedate_to_datetime(headers["Sunset"]) == datetime(2098, 12, 31, 15, 59, 59, tzinfo=UTC)
    claims = at_desk.claims([("GZ", "is_known", None)])
    assert claims.headers["Sunset"] == headers["Sunset"]
    (told,) = [one for one in at_desk.get("/v1/elements").json() if one["code"] == "GZ"]
    assert told["ends_on"] == "2098-12-31"


def test_what_stays_says_nothing_and_neither_does_a_refusal(at_desk: Desk):
    for reply in (at_desk.facts(["XM"]), at_desk.facts(["DH"]), at_desk.facts(["GZ", "DH"])):
        assert "Sunset" not in reply.headers and "Deprecation" not in reply.headers
    (told,) = [one for one in at_desk.get("/v1/elements").json() if one["code"] == "XM"]
    assert told["ends_on"] is None


def test_sets_and_forms_say_it_too(at_desk: Desk):
    case = {"subject": T001, "case_id": at_desk.case(), "actor": {"user_id": "U1", "role": "officer"}}
    body = {"service_item": campus.EMPLOYED, "elements": ["GZ"], "items": [case]}
    assert "Sunset" in at_desk.post("/v1/facts:batch_query", body).headers
    form = at_desk.post(f"/v1/service-items/{campus.EMPLOYED}:prefill", case)
    assert form.status_code == 200 and "Sunset" not in form.headers  # its form has no field for pay


def test_a_service_item_that_ends_first_is_what_a_client_hears_of():
    told = ending.headers(made_up(deprecatedOn="2026-11-01", validTo="2027-02-28"), campus.EMPLOYED, ["GZ"])
    assert parsedate_to_datetime(told["Sunset"]) == datetime(2027, 2, 28, 15, 59, 59, tzinfo=UTC)
    assert ending.headers(made_up(), campus.EMPLOYED, ["XM"]) == {}
