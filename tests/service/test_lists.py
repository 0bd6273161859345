"""The derived lists over HTTP: what the campus may read, at the release, with the figures kept beside it."""

import io
import json

import openpyxl
import pytest

from catalogs.lists.all import BUILDERS
from service.guard import XLSX
from tests.service import campus
from tests.service.desk import CANARY, Desk
from warehouse.figures import keep
from warehouse.measured import measure

LISTS = "/v1/catalog/lists"


def read(at: Desk, name: str) -> dict:
    reply = at.get(f"{LISTS}/{name}")
    assert reply.status_code == 200, reply.text
    return reply.json()


@pytest.mark.parametrize("path", [LISTS, f"{LISTS}/responsibilities"])
def test_lists_need_a_token(at_desk: Desk, path):
    refused = at_desk.http.get(path)
    assert (refused.status_code, refused.json()["code"]) == (401, "INVALID_TOKEN")


def test_every_list_is_named_with_its_columns_and_rows(at_desk: Desk):
    told = at_desk.get(LISTS).json()
    assert [one["name"] for one in told["lists"]] == list(BUILDERS)
    for one in told["lists"]:
        found = read(at_desk, one["name"])
        assert len(found["rows"]) == one["row_count"]
        keys = {column["key"] for column in one["columns"]}
        assert {"number", "why"} < keys
        assert all(row.keys() == keys | {"tier"} and row["why"] for row in found["rows"])
        assert all(key == key.lower() for key in keys)


def test_no_list_shows_what_is_for_the_data_office_alone_or_a_persons_value(at_desk: Desk):
    for name in BUILDERS:
        told = read(at_desk, name)
        assert {row["tier"] for row in told["rows"]} <= {"public", "campus"}
        text = json.dumps(told, ensure_ascii=False)
        for hidden in ("特邀人员", "hr.guests", CANARY):
            assert hidden not in text


def test_a_list_is_a_workbook_for_who_asks_for_one(at_desk: Desk):
    path = f"{LISTS}/responsibilities"
    by_parameter = at_desk.get(f"{path}?format=xlsx")
    by_header = at_desk.http.get(path, headers=at_desk.headers() | {"Accept": XLSX})
    assert by_parameter.headers["content-type"] == by_header.headers["content-type"] == XLSX
    assert by_parameter.headers["content-disposition"] == 'attachment; filename="responsibilities.xlsx"'
    assert by_parameter.content == by_header.content
    told = read(at_desk, "responsibilities")
    sheet = openpyxl.load_workbook(io.BytesIO(by_parameter.content))[told["title_zh"]]
    heading, *rows = sheet.iter_rows(values_only=True)
    assert list(heading) == [column["name_zh"] for column in told["columns"]]
    assert [row[-1] for row in rows] == [row["why"] for row in told["rows"]]


def test_json_is_what_is_sent_where_both_are_accepted(at_desk: Desk):
    headers = at_desk.headers() | {"Accept": f"{XLSX};q=0.5, application/json"}
    reply = at_desk.http.get(f"{LISTS}/demands", headers=headers)
    assert reply.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("path", "accept", "status", "code"),
    [
        (f"{LISTS}/nothing", "*/*", 404, "NOT_FOUND"),
        (f"{LISTS}/demands?format=pdf", "*/*", 422, "INVALID_PARAMETER"),
        (f"{LISTS}/demands", "text/csv", 406, "NOT_ACCEPTABLE"),
        ("/v1/elements", XLSX, 406, "NOT_ACCEPTABLE"),
    ],
)
def test_what_is_not_there_or_not_written_is_a_problem(at_desk: Desk, path, accept, status, code):
    reply = at_desk.http.get(path, headers=at_desk.headers() | {"Accept": accept})
    assert (reply.status_code, reply.json()["code"]) == (status, code)


def test_figures_are_those_kept_with_the_release_and_none_is_measured_by_asking(at_desk: Desk, as_owner):
    def load_state() -> tuple[bool, int, set[str]]:
        told = read(at_desk, "promises")
        return told["has_figures"], told["release"], {row["kept"] for row in told["rows"]}

    first = campus.publish(at_desk.owner, at_desk.catalog, {"finance.payroll": []})
    assert load_state() == (False, first, {"未测"})
    measured = measure(at_desk.owner, at_desk.catalog)
    assert measured is not None and measured.release == first
    keep(at_desk.owner, measured)
    has_figures, release, shares = load_state()
    assert (has_figures, release) == (True, first)
    assert "100%" in shares
    second = campus.publish(at_desk.owner, at_desk.catalog, {"finance.payroll": []})
    assert load_state() == (False, second, {"未测"})
