"""What a service system reads of the catalog: what the campus may see, and what it is granted itself."""

import pytest

from tests.service import campus
from tests.service.desk import CANARY, Desk

READS = (
    "/v1/elements",
    "/v1/resources",
    "/v1/service-items",
    f"/v1/service-items/{campus.EMPLOYED}",
    f"/v1/service-items/{campus.EMPLOYED}/requirements",
    "/v1/code-lists/staff_status",
    "/v1/sources/health",
    "/v1/catalog.jsonld",
)


@pytest.mark.parametrize("path", READS)
def test_every_read_needs_a_token_and_shows_nothing_of_the_data_office(at_desk: Desk, path):
    refused = at_desk.http.get(path)
    assert (refused.status_code, refused.json()["code"]) == (401, "INVALID_TOKEN")
    reply = at_desk.get(path)
    assert reply.status_code == 200
    assert "hr.guests" not in reply.text
    assert CANARY not in reply.text
    assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/v1/service-items/S-NOWHERE", "/v1/code-lists/nothing", "/v1/nothing"])
def test_what_is_not_there_is_a_problem(at_desk: Desk, path):
    reply = at_desk.get(path)
    assert (reply.status_code, reply.json()["code"]) == (404, "NOT_FOUND")
    assert reply.headers["content-type"] == "application/problem+json"


def test_the_resources_are_a_dcat_catalog_in_json_ld(at_desk: Desk):
    headers = at_desk.headers() | {"Accept": "application/ld+json"}
    reply = at_desk.http.get("/v1/catalog.jsonld", headers=headers)
    assert reply.headers["content-type"] == "application/ld+json"
    told = reply.json()["@graph"]
    datasets = [one for one in told if "dcat:Dataset" in str(one.get("@type"))]
    assert len(datasets) == len(at_desk.get("/v1/resources").json())
    assert at_desk.http.get("/v1/elements", headers=headers).status_code == 406


def test_elements_say_for_which_purposes_they_are_granted_today(at_desk: Desk):
    ours = {one["code"]: one for one in at_desk.get("/v1/elements").json()}
    theirs = {one["code"]: one for one in at_desk.get("/v1/elements", campus.PORTAL).json()}
    assert ours["XM"]["granted_for"] == [campus.EMPLOYED, campus.TRANSFER]
    assert ours["DH"]["granted_for"] == []
    assert (ours["XM"]["has_source"], ours["WU"]["has_source"]) == (True, False)
    assert theirs["GH"]["granted_for"] == [campus.EMPLOYED]
    assert theirs["XM"]["granted_for"] == []  # that demand ended in 2020
    assert theirs["XH"]["granted_for"] == []  # that one was refused


def test_resources_name_their_provider_and_how_they_are_shared(at_desk: Desk):
    found = {one["name"]: one for one in at_desk.get("/v1/resources").json()}
    assert set(found) == {
        "hr.staff", "academic.students", "finance.payroll", "gov.household", "gov.identity",
    }  # fmt: skip
    payroll = found["finance.payroll"]
    assert (payroll["provider"], payroll["share_type"], payroll["update_cycle"]) == (
        "CW",
        "conditional",
        "monthly",
    )


def test_requirements_say_what_the_caller_would_be_spared(at_desk: Desk):
    path = f"/v1/service-items/{campus.EMPLOYED}/requirements"
    ours = {one["material"]: one for one in at_desk.get(path).json()}
    assert (ours["M-STATUS"]["outcome"], ours["M-SEAL"]["outcome"]) == ("satisfied", "certificate")
    assert ours["M-STATUS"]["proves"] == [{"element": "ZT", "predicate": "in:在职", "sources": ["hr.staff"]}]
    assert ours["M-PHONE"]["blocked"] == ["DH:not_granted"]
    theirs = {one["material"]: one for one in at_desk.get(path, campus.PORTAL).json()}
    assert theirs["M-STATUS"]["blocked"] == ["ZT:not_granted"]


def test_a_service_item_shows_its_form(at_desk: Desk):
    found = at_desk.get(f"/v1/service-items/{campus.EMPLOYED}").json()
    assert [(one["field"], one["element"]) for one in found["form"]] == [
        ("xm", "XM"),
        ("gh", "GH"),
        ("zjh", "SFZJH"),
        ("dh", "DH"),
        ("yt", None),
    ]


def test_a_code_list_shows_its_codes(at_desk: Desk):
    found = at_desk.get("/v1/code-lists/staff_status").json()
    assert [(one["code"], one["name_zh"]) for one in found["codes"]] == [("11", "在职"), ("21", "离职")]


def test_the_health_of_sources_says_what_was_confirmed_and_what_never_came(at_desk: Desk, as_owner):
    def states() -> dict[str, str]:
        systems = at_desk.get("/v1/sources/health").json()["systems"]
        return {one["resource"]: one["state"] for system in systems for one in system["resources"]}

    assert states() == {
        "hr.staff": "ok",
        "academic.students": "ok",
        "finance.payroll": "ok",
        "gov.household": "on_request",
        "gov.identity": "on_request",
    }
    campus.publish(at_desk.owner, at_desk.catalog, {"hr.staff": []}, outcomes={"hr.staff": "refused"})
    assert states()["hr.staff"] == "refused"
