"""A rule refuses a row, admits it with a finding or stops the extract; one that cannot be run never passes silently."""

from collections.abc import Callable

import pytest

from catalogs.faults import CatalogError
from catalogs.model import Catalog
from tests.support import campus
from tests.support.campus import row
from tests.warehouse.test_looking_again import PEOPLE, changed, served, waiting
from warehouse.connect import connect

Opened = Callable[[Catalog], campus.Warehouse]
LAST = 'businessName: "更新时间", logicalType: "timestamp"}\n'


def with_rule(
    condition: str, on_failure: str = "", severity: str = "error", bound: str = "mustBe: 0"
) -> Catalog:
    """The small campus with one more SQL rule; a condition that is a whole query stays one."""
    query = (
        condition if condition.startswith("SELECT") else f"SELECT COUNT(*) FROM ${{object}} WHERE {condition}"
    )
    custom = f', customProperties: [{{property: "onFailure", value: "{on_failure}"}}]' if on_failure else ""
    rule = f'{{id: "own-rule", name: "自定", type: "sql", severity: "{severity}", {bound}, query: "{query}"{custom}}}'
    return changed((LAST, f"{LAST}    quality:\n      - {rule}\n"))


def findings(rule: str) -> list[tuple]:
    with connect(autocommit=True) as con:
        return con.execute(
            "SELECT severity, passed, rows_failed FROM yici.finding WHERE rule = %s ORDER BY id", [rule]
        ).fetchall()


# What a broken rule does.


def test_a_rule_of_severity_error_refuses_the_row_and_nothing_else(warehouse: Opened):
    house = warehouse(with_rule("salary > 99"))
    house.land([*PEOPLE, row(99, salary="100")])
    assert house.release().quarantined == 1
    assert (waiting(), findings("own-rule")) == ({"00099": ["own-rule"]}, [("warning", False, 1)])


@pytest.mark.parametrize(("severity", "found"), [("warning", "warning"), ("info", "info")])
def test_a_milder_rule_admits_the_row_with_a_finding(warehouse: Opened, severity: str, found: str):
    house = warehouse(with_rule("salary > 99", severity=severity))
    house.land([*PEOPLE, row(99, salary="100")])
    assert house.release().quarantined == 0
    assert (served(house)["00099"]["_state"], findings("own-rule")) == ("reported", [(found, False, 1)])


def test_a_bound_on_the_whole_extract_stops_it_and_the_last_good_state_stays(warehouse: Opened):
    metric = (
        '    quality:\n      - {id: "enough", type: "library", metric: "rowCount", mustBeGreaterThan: 50, '
        'severity: "error", customProperties: [{property: "onFailure", value: "refuse_extract"}]}\n'
    )
    house = warehouse(changed((LAST, LAST + metric)))
    house.land(PEOPLE)
    house.release()
    house.land(PEOPLE[:40])
    done = house.release()
    assert (done.outcome, "enough" in [one.rule for one in done.findings if one.severity == "critical"]) == (
        "refused", True,
    )  # fmt: skip
    assert [person["_state"] for person in house.served()] == ["reported"] * 90


@pytest.mark.parametrize(("share", "outcome"), [("0.02", "refused"), ("0.04", "applied")])
def test_the_campus_says_from_which_refused_share_on_an_extract_is_stopped(
    warehouse: Opened, share: str, outcome: str
):
    import catalogs

    files = {name: text.encode() for name, text in campus.FILES.items()}
    files["campus.yaml"] += f"thresholds: {{refused_share: {share}}}\n".encode()
    contract = campus.CONTRACT.format(mode="full", absence="end", extra="")
    house = warehouse(catalogs.load(files | {"resources/hr/staff.odcs.yaml": contract.encode()}))
    house.land([*PEOPLE, row(97, sex="?"), row(98, sex="?"), row(99, sex="?")])
    done = house.release()
    assert (done.outcome, len(waiting())) == (outcome, 3 if outcome == "applied" else 0)
    if outcome == "refused":
        assert "3 of 93 rows break the contract, more than 2%" in done.reason


def test_a_length_in_bytes_counts_bytes_where_the_guides_length_is_declared(warehouse: Opened):
    name = 'businessName: "姓名", logicalType: "string", required: true'
    house = warehouse(changed((name, f'{name}, customProperties: [{{property: "length", value: 9}}]')))
    house.land([*PEOPLE, row(97, name="欧阳修"), row(98, name="欧阳修之"), row(99, name="ninechars")])
    house.release()
    assert waiting() == {"00098": ["name.bytes"]}


# Rules that cannot be run.


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("salary >", "does not parse"),
        ("nowhere = 1", "nowhere"),
        ("salary > (SELECT max(salary) FROM other)", "reads other rows"),
    ],
)
def test_a_rule_that_is_wrong_in_itself_stops_the_catalog_and_names_contract_and_line(
    condition: str, said: str
):
    with pytest.raises(CatalogError) as caught:
        with_rule(condition)
    lines = campus.CONTRACT.format(mode="full", absence="end", extra="").splitlines()
    place = f"resources/hr/staff.odcs.yaml:{len(lines) + 2}"
    assert place in str(caught.value) and said in str(caught.value) and "own-rule" in str(caught.value)


@pytest.mark.parametrize("severity", ["error", "warning"])
def test_a_rule_that_fails_over_some_row_stops_its_resource_and_says_where_it_stands(
    warehouse: Opened, severity: str
):
    house = warehouse(changed())
    house.land(PEOPLE)
    house.release()
    house.catalog = with_rule("CAST(name AS INTEGER) > 3", severity=severity)
    house.land([*PEOPLE, row(99, name="鸑鷟")])
    done = house.release()
    lines = campus.CONTRACT.format(mode="full", absence="end", extra="").splitlines()
    assert done.outcome == "refused"
    assert "rule own-rule cannot be run" in done.reason
    assert f"resources/hr/staff.odcs.yaml:{len(lines) + 2}" in done.reason
    assert "鸑鷟" not in done.reason
    assert findings("own-rule") == [("critical", False, 0)]
    assert len(house.served()) == 90
    house.catalog = changed()
    house.land([*PEOPLE, row(99)])
    assert house.release().inserted == 1


def test_a_pattern_that_the_engine_does_not_know_is_no_pattern_that_everything_keeps(warehouse: Opened):
    name = 'businessName: "证件号", logicalType: "string"'
    try:
        content = changed((name, f'{name}, logicalTypeOptions: {{pattern: "^(?=1).*$"}}'))
    except CatalogError as fault:
        assert "pattern" in str(fault)
        return
    house = warehouse(content)
    house.land([row(n, id_no="2") for n in range(1, 91)])
    done = house.release()
    assert (done.outcome, "rule id_no.pattern cannot be run" in done.reason) == ("refused", True)


def test_a_rule_that_cannot_be_run_over_what_waits_lets_none_of_it_in(warehouse: Opened):
    house = warehouse(changed())
    house.land([*PEOPLE, row(99, sex="?")])
    house.release()
    house.catalog = with_rule("CAST(name AS INTEGER) > 3")
    done = house.release()
    assert (done.outcome, "cannot be run" in done.reason) == ("refused", True)
    assert (waiting(), len(house.served())) == ({"00099": ["sex.code"]}, 90)
    house.catalog = changed()
    assert house.release().outcome == "nothing"
