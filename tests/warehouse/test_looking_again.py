"""Waiting rows after a change of contract: judged again in the next release, without a new extract."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from catalogs.model import Catalog
from connectors.base import Scope
from connectors.landing import Landing
from expectations.quarantine.again import basis
from tests.support import campus
from tests.support.campus import row
from warehouse.connect import connect

Opened = Callable[[Catalog], campus.Warehouse]
PEOPLE = [row(n) for n in range(1, 91)]
CODES = '{"男": "1", "女": "2"}'
WATERMARK = ', watermark: "updated_at"'


def changed(*changes: tuple[str, str], **how: str) -> Catalog:
    """The small campus with texts of its contract replaced."""
    contract = campus.CONTRACT.format(**{"mode": "full", "absence": "keep_as_former", "extra": ""} | how)
    for old, new in changes:
        assert old in contract, old
        contract = contract.replace(old, new)
    return campus.catalog(contract=contract)


def more_codes(**how: str) -> Catalog:
    return changed((CODES, '{"男": "1", "女": "2", "M": "1"}'), **how)


def waiting() -> dict[str, list[str]]:
    """Key → broken rules of what waits now."""
    with connect(autocommit=True) as con:
        return dict(con.execute("SELECT key_text, rules FROM yici.quarantine WHERE _to IS NULL").fetchall())


def settled() -> list[tuple[str, str]]:
    with connect(autocommit=True) as con:
        return con.execute(
            "SELECT key_text, settled FROM yici.quarantine WHERE _to IS NOT NULL ORDER BY _to, key_text"
        ).fetchall()


def served(house: campus.Warehouse) -> dict[str, dict[str, Any]]:
    return {person["staff_no"]: person for person in house.served()}


def test_rows_that_now_keep_their_contract_are_admitted_as_rows_of_their_own_extract(warehouse: Opened):
    house = warehouse(changed())
    first = house.land([*PEOPLE, row(99, sex="M", salary="12.30", name="名\n字")])
    house.release()
    assert waiting() == {"00099": ["sex.code"]}
    house.catalog = more_codes()
    done = house.release()
    assert (done.outcome, done.rows_in, done.inserted, done.ended) == ("applied", 0, 1, 0)
    person = served(house)["00099"]
    assert (person["sex"], person["sex__src"], str(person["salary"]), person["name"]) == (
        "1", "M", "12.30", "名\n字",
    )  # fmt: skip
    assert (person["_extract"], person["_state"], person["_from"]) == (first, "reported", 2)
    assert (waiting(), settled()) == ({}, [("00099", "admitted")])
    assert "00099" not in {person["staff_no"] for person in house.served(release=1)}


def test_rows_that_still_break_it_get_their_rules_anew(warehouse: Opened):
    house = warehouse(changed())
    house.land([*PEOPLE, row(97, sex="M", salary="-1"), row(98, sex="?"), row(99, sex="M", name=None)])
    house.release()
    house.catalog = changed((CODES, '{"男": "1", "女": "2", "M": "1"}'), ("minimum: 0", "minimum: 3"))
    done = house.release()
    assert waiting() == {"00097": ["salary.range"], "00098": ["sex.code"], "00099": ["name.required"]}
    assert (done.outcome, done.inserted) == ("applied", 0)
    detail = house.scalar("SELECT detail FROM yici.finding WHERE rule = 'looked_again'")
    assert detail.startswith("judged again: 0 admitted,") and detail.endswith("3 still wait")


def test_without_a_change_nothing_is_looked_at(warehouse: Opened):
    house = warehouse(changed())
    house.land([*PEOPLE, row(99, sex="M")])
    house.release()
    house.catalog = changed(('businessName: "性别"', 'businessName: "生理性别"'))
    assert house.release().outcome == "nothing"
    assert house.scalar("SELECT count(*) FROM yici.finding WHERE rule = 'looked_again'") == 0


@pytest.mark.parametrize(
    ("changes", "is_other"),
    [
        ([("minimum: 0}", "minimum: 1}")], True),
        ([(CODES, '{"男": "1", "女": "9"}')], True),
        ([('businessName: "姓名", logicalType: "string", required: true',
           'businessName: "姓名", logicalType: "string"')], True),
        ([('businessName: "姓名"', 'businessName: "名"'), ('value: "逐项申请"', 'value: "另议"')], False),
    ],
)  # fmt: skip
def test_what_judging_depends_on_is_told_from_what_it_does_not(changes: list, is_other: bool):
    old, new = changed(), changed(*changes)
    was, now = (basis(content, content.resources["hr.staff"]) for content in (old, new))
    assert (was != now) is is_other


def test_a_changed_type_reads_what_could_not_be_read(warehouse: Opened):
    house = warehouse(changed())
    house.land([*PEOPLE, row(99, salary="1.2345")])
    house.release()
    assert waiting() == {"00099": ["salary.type"]}
    house.catalog = changed(("multipleOf: 0.01", "multipleOf: 0.0001"))
    house.release()
    assert (waiting(), str(served(house)["00099"]["salary"])) == ({}, "1.2345")


def test_a_row_whose_key_was_admitted_with_newer_content_stays_out(warehouse: Opened):
    how = {"mode": "append", "absence": "keep", "extra": ', partition: {by: "day", from: "born_on"}'}
    house = warehouse(changed(**how))
    house.land(
        [*(row(n, born_on="2026-01-01") for n in range(1, 41)), row(99, sex="M", born_on="2026-01-01")],
        Scope.of_partition("2026-01-01"),
    )
    house.release()
    house.land([row(99, salary="7", born_on="2026-01-02")], Scope.of_partition("2026-01-02"))
    house.release()
    assert waiting() == {"00099": ["sex.code"]}
    house.catalog = more_codes(**how)
    house.release()
    assert (waiting(), settled()) == ({}, [("00099", "superseded")])
    assert str(served(house)["00099"]["salary"]) == "7.00"


def test_the_last_good_version_gives_way_to_the_row_that_was_refused_meanwhile(warehouse: Opened):
    house = warehouse(changed(mode="watermark", extra=WATERMARK))
    house.land(PEOPLE, Scope.since(None, "1"), "1")
    house.release()
    house.land([row(5, sex="M", salary="99")], Scope.since("1", "2"), "2")
    house.release()
    assert served(house)["00005"]["_state"] == "refused"
    house.catalog = more_codes(mode="watermark", extra=WATERMARK)
    done = house.release()
    assert (done.inserted, done.ended) == (1, 1)
    assert (served(house)["00005"]["_state"], str(served(house)["00005"]["salary"])) == ("reported", "99.00")


def test_two_waiting_rows_with_one_key_still_refuse_each_other(warehouse: Opened):
    house = warehouse(changed())
    house.land([*PEOPLE, row(99, sex="M"), row(99, sex="M", salary="8")])
    house.release()
    house.catalog = more_codes()
    house.release()
    assert waiting() == {"00099": ["key.unique"]}
    assert "00099" not in served(house)


def test_a_key_that_a_complete_reading_holds_already_is_not_taken_by_a_waiting_row(warehouse: Opened):
    contract = changed(
        ('businessName: "工号", logicalType: "string"', 'businessName: "工号", logicalType: "integer"')
    )
    house = warehouse(contract)
    house.land([*PEOPLE, row(1) | {"staff_no": "1x", "salary": "9"}])
    house.release()
    assert waiting() == {"": ["staff_no.type"]}
    codes = {f"{n:05d}": str(n) for n in range(1, 91)} | {"1x": "1"}
    told = ", ".join(f'"{src}": "{std}"' for src, std in codes.items())
    house.catalog = changed(
        (
            'businessName: "工号", logicalType: "string", required: true, primaryKey: true, primaryKeyPosition: 1',
            'businessName: "工号", logicalType: "string", required: true, primaryKey: true, primaryKeyPosition: 1,'
            f' customProperties: [{{property: "codeMap", value: {{{told}}}}}]',
        )
    )
    house.land([*PEOPLE, row(1) | {"staff_no": "1x", "salary": "9"}])
    house.release()
    assert sorted(rule for rules in waiting().values() for rule in rules) == ["key.unique"]


def test_an_abandoned_look_leaves_no_trace(warehouse: Opened):
    house = warehouse(changed())
    house.land([*PEOPLE, row(98, sex="?"), row(99, sex="M")])
    house.release()
    before = house.digest()
    house.catalog = changed((CODES, '{"男": "1", "女": "2", "M": "1"}'), ("minimum: 0", "minimum: 3"))
    with house.candidate() as opened:
        assert house.admit(opened).inserted == 1
        assert waiting() == {"00098": ["sex.code"]}
    assert (waiting(), settled()) == ({"00098": ["sex.code"], "00099": ["sex.code"]}, [])
    assert house.digest() == before
    house.release()
    assert waiting() == {"00098": ["sex.code"]}


_FAULTS = {
    "sex": st.sampled_from(["男", "女", "M", "F", "?", None]),
    "salary": st.sampled_from(["1.50", "0", "-1", "7.777", "x", None]),
    "name": st.sampled_from(["试", "", None, "很长很长的名字"]),
}
_ROWS = st.lists(st.fixed_dictionaries(_FAULTS), min_size=1, max_size=12)
_CONTRACTS = st.tuples(
    st.sampled_from([CODES, '{"男": "1", "女": "2", "M": "1"}', '{"男": "1", "F": "2"}']),
    st.sampled_from(["minimum: 0}", "minimum: -5}", "minimum: 1}"]),
    st.sampled_from(["", ", logicalTypeOptions: {maxLength: 4}"]),
    st.sampled_from(["", ", required: true"]),
)


# Without shrinking: an example takes seconds.
@settings(
    max_examples=int(os.environ.get("YICI_EXAMPLES", "3")),
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    rows=_ROWS,
    contracts=st.lists(_CONTRACTS, min_size=2, max_size=3),
    mode=st.sampled_from(["full", "watermark"]),
)
def test_whatever_a_contract_becomes_each_row_is_admitted_or_waits_as_if_judged_for_the_first_time(
    warehouse: Opened, tmp_path: Path, rows: list[dict], contracts: list[tuple], mode: str
):
    """The law of conservation; and for what was refused until now, looking again is judging for the first time."""

    def content(told: tuple) -> Catalog:
        codes, minimum, length, required = told
        name = 'businessName: "姓名", logicalType: "string"'
        return changed(
            (CODES, codes),
            ("minimum: 0}", minimum),
            (f"{name}, required: true", f"{name}{required}{length}"),
            mode=mode,
            extra=WATERMARK if mode == "watermark" else "",
        )

    # So many good ones that no share of bad ones refuses the extract.
    people = [row(n, **faults) for n, faults in enumerate(rows, 1)] + [
        row(n, sex="男") for n in range(100, 400)
    ]
    house = warehouse(content(contracts[0]))

    def land() -> None:
        house.empty()
        house.landing = Landing(tempfile.mkdtemp(dir=tmp_path))
        house.land(people, Scope.full() if mode == "full" else Scope.since(None, "1"), "1")
        house.release()

    land()
    admitted_before = served(house).keys()
    for told in contracts[1:]:
        admitted_before = served(house).keys()
        house.catalog = content(told)
        house.release()
        assert served(house).keys() | waiting().keys() == {person["staff_no"] for person in people}
        assert served(house).keys() & waiting().keys() == set()
    shown, held = served(house), waiting()
    land()
    anew = served(house)
    assert held == {key: rules for key, rules in waiting().items() if key not in admitted_before}
    for key in shown.keys() - admitted_before:
        assert [shown[key][name] for name in campus.COLUMNS] == [anew[key][name] for name in campus.COLUMNS]
