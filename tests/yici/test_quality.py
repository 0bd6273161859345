"""`yici quality` as a data office types it, on a small warehouse."""

import json

import pytest

from expectations.quality import draws
from expectations.quality.terms import terms
from tests.expectations.quality.conftest import CAMPUS_YAML, UNITS, office, people
from tests.service.conftest import service_url
from tests.support import campus
from tests.yici.commands import yici
from warehouse.connect import connect

__all__ = ["office"]

QUALITY = '{reviewers: ["post:cw-steward"], sampleLeast: 1, sampleMost: 1}'


@pytest.fixture
def at(pg_database, office, tmp_path, monkeypatch):
    """A released warehouse whose campus folder the command reads; three rows break a rule."""
    service_url(pg_database)  # commands ask for the service's role on a server of one's own
    opened = office(QUALITY)
    folder = tmp_path / "campus"
    files = campus.FILES | {
        "campus.yaml": CAMPUS_YAML.format(quality=QUALITY),
        "units.csv": UNITS,
        "resources/hr/staff.odcs.yaml": campus.CONTRACT.format(
            mode="full", absence="keep_as_former", extra=""
        ),
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.setenv("YICI_CAMPUS", str(folder))
    opened.publish(people(wrong=3))
    return opened


def test_the_campus_is_on_one_screen(at):
    told = yici("quality")
    assert "人事处" in told and "97.0 ✓" in told and "性别 代码有效" in told
    assert "Open tickets: 1, overdue: 0" in told
    assert "1 resources inside their promise, 0 late" in told
    assert len(told.splitlines()) < 40


def test_a_resource_shows_every_rule_as_it_stands(at):
    told = yici("quality", "--resource", "hr.staff")
    assert "post:hr-steward" in told and "3.00" in told
    assert "hr.staff" in yici("quality", "--unit", "RS")
    assert "hr.staff" in yici("quality", "--system", "hr")
    assert 'did you mean "hr.staff"' in yici("quality", "--resource", "hr.stuff", exit_code=2)


def test_machines_get_the_same_as_json(at):
    told = json.loads(yici("quality", "--unit", "RS", "--json"))
    by = {(one["scope"], one["dimension"]): one["score"] for one in told["scores"]}
    assert by["unit", "conformity"] == pytest.approx(97)
    assert [one["rule"] for one in told["tickets"]] == ["sex.code"]
    assert json.loads(yici("quality", "tickets", "--json"))[0]["post"] == "post:hr-steward"


def test_the_formula_is_told_with_the_campuss_numbers(at):
    assert "近 30 天" in yici("quality", "--formula")
    assert "30 days" in yici("quality", "--formula", "--lang", "en")


def test_a_report_of_a_person_goes_from_telling_to_the_answer(at):
    told = yici("quality", "tell", "complaint", "职务不对", "--reference", "TS-9", "--resource", "hr.staff")
    assert "Ticket 2 is with post:hr-steward" in told
    yici(
        "quality",
        "ticket",
        "2",
        "--comment",
        "核对中",
        "--hand-to",
        "post:hr-director",
        "--by",
        "post:hr-steward",
    )
    shown = yici("quality", "ticket", "2", "--answer", "已更正", "--by", "post:hr-director")
    assert "closed" in shown and "answered" in shown and "TS-9" in shown
    refused = yici("quality", "ticket", "1", "--answer", "已更正", "--by", "post:hr-director", exit_code=2)
    assert "closes itself" in refused


def test_reports_are_written_where_one_asks_for_them(at, tmp_path):
    out = tmp_path / "out"
    assert "6 files" in yici("quality", "report", "--out", str(out))
    assert len(list(out.iterdir())) == 6
    assert "expected a week" in yici("quality", "report", "--week", "48", exit_code=2)


def test_a_row_is_drawn_reviewed_and_published(at, tmp_path):
    assert "Nothing drawn" in yici("quality", "sample", "--draw")
    at.publish(people(wrong=3))
    assert "Draw 1: 1 row." in yici("quality", "sample", "--draw")
    assert "post:cw-steward" in yici("quality", "sample")
    shown = yici("quality", "sample", "--reviewer", "post:cw-steward")
    with connect(autocommit=True) as con:
        (row,) = draws.to_review(con)
    assert f"gh = {row.key_text}" in shown and "人事系统" in shown
    assert "follows from its seed" in yici("quality", "sample", "--verify", "1")
    assert "Sample 1: right." in yici("quality", "verdict", "1", "right", "--by", "post:cw-steward")
    yici("quality", "sample", "--publish", "--out", str(tmp_path / "public"))
    assert len(list((tmp_path / "public").iterdir())) == 2
    assert terms(at.catalog).sample_most == 1


def test_a_month_is_frozen_objected_to_and_decided(at):
    with connect(autocommit=True) as con:
        con.execute(
            """INSERT INTO yici.score SELECT d::date, 'unit', 'RS', 'total', 90, 90, 1, 500, 1
               FROM generate_series(date '2026-01-01', date '2026-01-31', '1 day') d"""
        )
    assert "90.0" in yici("quality", "freeze", "2026-01")
    told = yici(
        "quality",
        "objection",
        "--month",
        "2026-01",
        "--unit",
        "RS",
        "--reason",
        "停机",
        "--by",
        "post:hr-director",
    )
    assert "Objection 1 is recorded" in told
    yici("quality", "objection", "--decide", "1", "--accept", "--opinion", "属实", "--by", "post:xx-director")
    shown = yici("quality", "freeze", "2026-01")
    assert "90.0 ×" in shown and "accepted by post:xx-director: 属实" in shown
    assert "is not over" in yici("quality", "freeze", "2999-01", exit_code=2)


def test_notices_are_counted(at):
    assert "0 sent" in yici("quality", "notices", "--send")
