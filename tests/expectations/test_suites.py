"""Suites over whole resources, on a real warehouse: what they notice, what they never show."""

import dataclasses
import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from catalogs.model import BetweenRule, Calendar, CalendarDay, Catalog, Metric, Resource, Rule
from expectations import between, gx_run
from expectations.admission import Finding
from expectations.checks import Check
from expectations.gx_run import ALLOWED_TYPES
from expectations.history import History, collapse_below, moved, read_histories, volume_band
from expectations.suites import expected, freshness, run_suites, suite_for
from tests.support import campus
from tests.support.postgres import PgDatabase
from warehouse import releases
from warehouse.connect import connect, engine, url
from warehouse.volume import Week

STAFF = "hr.staff"
NOW = datetime(2026, 10, 20, 1, 0, tzinfo=UTC)
CANARY_NAME, CANARY_ID = "贾语村标本", "310101194912310016"


@pytest.fixture
def warehouse(
    tmp_path: Path, pg_database: PgDatabase, monkeypatch: pytest.MonkeyPatch
) -> Iterator[campus.Warehouse]:
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    monkeypatch.setenv("YICI_HOME", str(tmp_path))
    yield campus.Warehouse(tmp_path, campus.catalog())


def with_resource(catalog: Catalog, **changes) -> Catalog:
    resource = dataclasses.replace(catalog.resources[STAFF], **changes)
    return dataclasses.replace(catalog, resources={STAFF: resource})


def unique(resource: Resource, name: str) -> tuple:
    return tuple(
        dataclasses.replace(item, unique=True) if item.name == name else item for item in resource.items
    )


def metric(
    kind: str, item: str | None, bounds: dict, on_failure: str = "finding", unit: str = "percent"
) -> Metric:
    return Metric(f"{kind}-{item}", "", kind, item, bounds, unit, {}, "error", "completeness", "", on_failure)


def between_rule(population: str, broken: str, **changes) -> BetweenRule:
    rule = BetweenRule("odd", "", STAFF, {STAFF: ("salary",)}, "critical", "consistency", 0.0, population, broken,
                       "expectations/odd.yaml", {"population": 8})  # fmt: skip
    return dataclasses.replace(rule, **changes)


def as_finding(check: Check) -> Finding:
    told = dataclasses.asdict(check)
    del told["counts_rows"]
    return Finding(**told, stage="expectations")


def judged(warehouse: campus.Warehouse, catalog: Catalog, **options) -> dict[str, Check]:
    resource = catalog.resources[STAFF]
    number = warehouse.scalar("SELECT yici.current()")
    checks = run_suites(catalog, [resource], url(), number, **options)
    return {check.rule: check for check in checks}


def test_a_usual_day_passes_every_rule(warehouse):
    for _ in range(2):
        warehouse.land([campus.row(number) for number in range(100)])
        warehouse.release()
    checks = judged(warehouse, warehouse.catalog, histories={STAFF: History((100, 98, 103), NOW)}, at=NOW)
    assert checks and all(check.passed for check in checks.values()), checks
    assert checks["volume"].rows_total == 100
    assert checks["key"].rows_total == 100


def test_rows_that_a_source_no_longer_reports_are_not_counted(warehouse):
    warehouse.land([campus.row(number) for number in range(100)])
    warehouse.release()
    warehouse.land([campus.row(number) for number in range(60)])
    warehouse.release()
    assert len(warehouse.served()) == 100, "leavers stay answerable"
    checks = judged(warehouse, warehouse.catalog, histories={STAFF: History((200,), NOW)}, at=NOW)
    assert checks["volume"].rows_total == 60
    assert not checks["volume"].passed
    assert not checks["collapse"].passed
    assert checks["collapse"].severity == "critical"


def test_history_is_what_earlier_published_releases_found(warehouse):
    resource = warehouse.catalog.resources[STAFF]
    for rows in (90, 100, 100):
        warehouse.land([campus.row(number) for number in range(rows)])
        warehouse.release()
        number = warehouse.scalar("SELECT yici.current()")
        checks = run_suites(warehouse.catalog, [resource], url(), number)
        with connect(autocommit=True) as con:
            releases.add_findings(con, number, [as_finding(check) for check in checks])
    volume = next(check for check in checks if check.rule == "volume")
    assert volume.detail == "100 rows, expected 60 to 150"


def test_a_promised_unique_item_with_repeated_values_is_found_and_counted(warehouse):
    rows = [campus.row(number) for number in range(20)]
    for row in rows[:5]:
        row["id_no"] = CANARY_ID
    warehouse.land(rows)
    warehouse.release()
    catalog = with_resource(warehouse.catalog, items=unique(warehouse.catalog.resources[STAFF], "id_no"))
    check = judged(warehouse, catalog, histories={}, at=NOW)["unique-id_no"]
    assert (check.passed, check.rows_failed, check.rows_total) == (False, 4, 5)


def test_completeness_is_judged_against_the_contracts_share(warehouse):
    rows = [campus.row(number, born_on=None if number < 3 else "1990-01-01") for number in range(20)]
    warehouse.land(rows)
    warehouse.release()
    metrics = (
        metric("nullValues", "born_on", {"mustBeLessThan": 10}, "refuse_extract"),
        metric("missingValues", "sex", {"mustBe": 0}),
    )
    checks = judged(warehouse, with_resource(warehouse.catalog, metrics=metrics), histories={}, at=NOW)
    born = checks["nullValues-born_on"]
    assert (born.passed, born.severity, born.rows_failed, born.rows_total) == (False, "critical", 3, 20)
    assert checks["missingValues-sex"].passed
    assert checks["missingValues-sex"].severity == "warning"


def test_a_rule_that_cannot_run_fails_and_is_critical(warehouse):
    warehouse.land([campus.row(1)])
    warehouse.release()
    query = "SELECT sum(no_such_column) FROM ${object}"
    rule = Rule("sum", "", query, None, (), "warning", "", "", "finding", {"mustBeGreaterThan": 0})
    metrics = (metric("nullValues", "born_on", {"mustBeLessThan": 7}, unit="rows"),)
    for changed, name in ((with_resource(warehouse.catalog, rules=(rule,)), "sum"),
                          (with_resource(warehouse.catalog, metrics=metrics), "contract")):  # fmt: skip
        check = judged(warehouse, changed, histories={}, at=NOW)[name]
        assert (check.passed, check.severity) == (False, "critical")
    renamed = dataclasses.replace(warehouse.catalog.resources[STAFF], name="hr.gone")
    lost = dataclasses.replace(warehouse.catalog, resources={"hr.gone": renamed})
    checks = run_suites(lost, [renamed], url(), 1, histories={}, at=NOW)
    assert any(not check.passed and check.severity == "critical" for check in checks)


def test_a_rule_over_the_whole_resource_runs_in_the_warehouse(warehouse):
    warehouse.land([campus.row(number) for number in range(4)])
    warehouse.release()
    rules = tuple(
        Rule(
            name,
            "",
            "SELECT sum(salary) FROM ${object}",
            None,
            (),
            "error",
            "accuracy",
            "",
            on_failure,
            bounds,
        )
        for name, on_failure, bounds in (
            ("enough", "finding", {"mustBeGreaterThan": 7}),
            ("little", "refuse_extract", {"mustBeLessThan": 7}),
        )
    )
    checks = judged(warehouse, with_resource(warehouse.catalog, rules=rules), histories={}, at=NOW)
    assert checks["enough"].passed
    assert (checks["little"].passed, checks["little"].severity) == (False, "critical")


def test_only_expectation_types_whose_result_is_a_number_are_generated():
    catalog = campus.catalog()
    resource = dataclasses.replace(
        catalog.resources[STAFF],
        items=unique(catalog.resources[STAFF], "id_no"),
        metrics=(
            metric("nullValues", "name", {"mustBe": 0}),
            metric("duplicateValues", "id_no", {"mustBe": 0}),
        ),
    )
    suite = suite_for(catalog, resource, History((10,), NOW), NOW)
    assert {found.expectation_type for found in suite.expectations} == ALLOWED_TYPES


def test_a_suite_reads_its_table_once(warehouse):
    warehouse.land([campus.row(number) for number in range(3)])
    warehouse.release()
    resource = dataclasses.replace(
        warehouse.catalog.resources[STAFF],
        items=unique(warehouse.catalog.resources[STAFF], "id_no"),
        metrics=(metric("nullValues", "name", {"mustBe": 0}),),
    )
    catalog = dataclasses.replace(warehouse.catalog, resources={STAFF: resource})
    pinned = url().update_query_dict({"options": "-c yici.release=1 -c search_path=raw"})
    asked = {(STAFF, resource.table): expected(catalog, resource, History((3, 3), NOW), NOW)}
    told: list[str] = []

    def hear(_con, _cursor, statement: str, *_):
        told.append(statement)

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        checks = gx_run.judge(asked, pinned)
    finally:
        event.remove(Engine, "before_cursor_execute", hear)
    assert len(checks) >= 4 and all(check.passed for check in checks)
    assert sum("count(" in statement and resource.table in statement for statement in told) == 1


def test_no_value_of_a_person_leaves_a_suite(warehouse, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    rows = [campus.row(number, name=CANARY_NAME, id_no=None) for number in range(30)]
    rows += [campus.row(100 + number, name=CANARY_NAME, id_no=CANARY_ID) for number in range(3)]
    warehouse.land(rows)
    warehouse.release()
    resource = warehouse.catalog.resources[STAFF]
    rule = Rule("cast", "", "SELECT max(CAST(name AS INTEGER)) FROM ${object}", None, (), "error", "", "",
                "finding", {"mustBe": 1})  # fmt: skip
    catalog = with_resource(
        warehouse.catalog,
        items=unique(resource, "id_no"),
        metrics=(
            metric("nullValues", "id_no", {"mustBe": 0}),
            metric("duplicateValues", "name", {"mustBe": 0}),
        ),
        rules=(rule,),
    )
    broken = between_rule("SELECT name FROM raw.hr__staff", "CAST(name AS integer) > 0")
    catalog = dataclasses.replace(catalog, between={broken.id: broken})
    checks = judged(warehouse, catalog, histories={}, at=NOW)
    assert sum(not check.passed for check in checks.values()) >= 5
    out, err = capfd.readouterr()
    everything = repr(checks) + out + err + caplog.text
    for value in (CANARY_NAME, CANARY_ID):
        assert value not in everything


def test_a_rule_between_systems_counts_and_allows_its_share(warehouse):
    warehouse.land([campus.row(number) for number in range(10)])
    warehouse.release()
    number = warehouse.scalar("SELECT yici.current()")
    pinned = engine(release=number)
    rule = between_rule(
        "SELECT salary FROM raw.hr__staff WHERE born_on < :day", "salary < 3", allowed_share=0.3
    )
    (check,) = between.judge(warehouse.catalog, [STAFF], pinned, date(2026, 10, 20), [rule])
    assert (check.passed, check.rows_failed, check.rows_total) == (True, 3, 10)
    strict = dataclasses.replace(rule, allowed_share=0.2)
    (check,) = between.judge(warehouse.catalog, [STAFF], pinned, date(2026, 10, 20), [strict])
    assert not check.passed
    pinned.dispose()


def test_a_rule_between_systems_runs_only_where_something_that_it_reads_changed(warehouse):
    warehouse.land([campus.row(1)])
    warehouse.release()
    pinned = engine(release=warehouse.scalar("SELECT yici.current()"))
    rule, day = between_rule("SELECT 1 AS one", "one > 1"), date(2026, 10, 20)
    assert len(between.judge(warehouse.catalog, [STAFF], pinned, day, [rule])) == 1
    assert between.judge(warehouse.catalog, ["other.thing"], pinned, day, [rule]) == []
    pinned.dispose()


def test_a_rule_between_systems_that_cannot_run_fails_and_names_its_file_and_line(warehouse):
    warehouse.land([campus.row(1)])
    warehouse.release()
    pinned = engine(release=warehouse.scalar("SELECT yici.current()"))
    rule = between_rule("SELECT no_such_item FROM raw.hr__staff", "true", severity="info")
    (check,) = between.judge(warehouse.catalog, [STAFF], pinned, date(2026, 10, 20), [rule])
    assert (check.passed, check.severity) == (False, "critical")
    assert check.detail.endswith("expectations/odd.yaml:8")
    pinned.dispose()


@pytest.mark.parametrize(
    ("counts", "announced", "grows", "band"),
    [
        ((), False, False, None),
        ((1000, 990, 1010), False, False, (780, 1320)),
        ((1000, 990, 1010), True, False, (580, 1820)),
        ((1000, 990, 1010), False, True, (780, None)),
        ((3,), False, False, (0, 23)),
    ],
)
def test_the_usual_volume_follows_history_and_calendar(counts, announced, grows, band):
    day = date(2026, 7, 1)
    listed = CalendarDay(day - timedelta(days=5), "教学", True, "毕业离校" if announced else "")
    calendar = Calendar({listed.day: listed})
    assert volume_band(History(counts), calendar, day, grows) == band


WEEK = Week(date(2025, 7, 1), date(2025, 7, 7), date(2025, 5, 17))


@pytest.mark.parametrize(
    ("counts", "shares"),
    [
        ([(date(2025, 6, 30), 1000), (date(2025, 7, 2), 990), (date(2025, 7, 5), 740)], (0.74, 1.0)),
        ([(date(2025, 5, 20), 900), (date(2025, 6, 30), 1000), (date(2025, 7, 1), 1250)], (1.0, 1.25)),
        ([(date(2025, 7, 1), 740), (date(2025, 7, 5), 730)], (1.0, 1.0)),
        ([(date(2025, 5, 1), 1000), (date(2025, 7, 5), 730)], (1.0, 1.0)),
        ([(date(2025, 6, 30), 1000), (date(2025, 7, 8), 730)], (1.0, 1.0)),
        ([], (1.0, 1.0)),
    ],
)
def test_what_a_week_did_is_compared_with_what_was_there_before_it(counts, shares):
    assert moved(counts, WEEK) == shares


def test_what_happened_in_the_same_teaching_week_a_year_ago_may_happen_again():
    history = History((1000,), None, (0.6, 1.25))
    assert volume_band(history, Calendar(), date(2026, 7, 1), False) == (460, 1645)
    assert collapse_below(history) == 460
    assert collapse_below(History((1000,), None, (0.9, 1.0))) == 480


def test_the_history_of_a_year_ago_is_read_by_campus_days(warehouse):
    resource = warehouse.catalog.resources[STAFF]
    for rows, at in ((100, "2025-06-29 20:00+00"), (74, "2025-06-30 17:00+00"), (100, "2026-06-20 01:00+00")):
        warehouse.land([campus.row(number) for number in range(rows)])
        warehouse.release()
        number = warehouse.scalar("SELECT yici.current()")
        checks = run_suites(warehouse.catalog, [resource], url(), number)
        with connect(autocommit=True) as con:
            releases.add_findings(con, number, [as_finding(check) for check in checks])
            con.execute("UPDATE yici.release SET opened_at = %s WHERE id = %s", [at, number])
    with engine().connect() as con:
        # In Shanghai the second was opened on 1 July.
        history = read_histories(con, [STAFF], 4, WEEK, "Asia/Shanghai")[STAFF]
        assert history.row_counts == (100, 74, 100)
        assert history.a_year_ago == (0.74, 1.0)
        assert read_histories(con, [STAFF], 4, WEEK, "UTC")[STAFF].a_year_ago == (1.0, 1.0)
        assert read_histories(con, [STAFF], 4)[STAFF].a_year_ago == (1.0, 1.0)


def test_a_collapse_needs_a_history():
    assert collapse_below(History()) is None
    assert collapse_below(History((1000,))) == 480


def test_age_is_compared_with_the_promise():
    resource = campus.catalog().resources[STAFF]
    young = freshness(resource, History((), NOW - resource.promise + timedelta(minutes=1)), NOW)
    old = freshness(resource, History((), NOW - resource.promise - timedelta(minutes=1)), NOW)
    assert (young.passed, old.passed, freshness(resource, History(), NOW).passed) == (True, False, False)
    assert old.dimension == "timeliness"


def test_volume_of_a_resource_without_a_history_is_only_measured():
    catalog = campus.catalog()
    rules = expected(catalog, catalog.resources[STAFF], History(), NOW)
    volume = next(rule for rule in rules if rule.rule == "volume")
    assert (volume.low, volume.high) == (0, None)
    assert "collapse" not in {rule.rule for rule in rules}
