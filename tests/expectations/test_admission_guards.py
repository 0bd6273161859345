"""What admission refuses or tells of every row, beside what its contract says: a small made-up register."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from catalogs.model import Catalog
from catalogs.settings import now
from connectors.base import Scope
from demo import ids
from tests.support import campus
from tests.support.campus import CONTRACT, row
from tests.support.postgres import PgDatabase
from warehouse.connect import connect

BORN = "1980-02-29"
OTHERS = [row(number) for number in range(1, 100)]
_IDENTITY = 'identity: {{number: "id_no", type: "=1", country: "=CHN", name: "name"'
_RULE = """    quality:
      - {{id: "born-before-now", name: "出生在今天之前", type: "sql", severity: "error", mustBe: 0,
         query: "SELECT COUNT(*) FROM ${{object}} WHERE born_on > CURRENT_DATE"}}
"""


@pytest.fixture
def house(
    tmp_path: Path, pg_database: PgDatabase, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Catalog], campus.Warehouse]:
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    monkeypatch.setenv("YICI_HOME", str(tmp_path))
    return lambda content: campus.Warehouse(tmp_path, content)


def _contract(mode: str = "full", extra: str = "", rules: str = "", formats: str = "") -> Catalog:
    text = CONTRACT.replace(_IDENTITY, f'{_IDENTITY}, birthday: "born_on", sex: "sex"') + rules
    text = text.replace(
        'businessName: "姓名", logicalType: "string"', f'businessName: "姓名", logicalType: "string"{formats}'
    )
    return campus.catalog(contract=text.format(mode=mode, absence="keep_as_former", extra=extra))


def _broken(place: campus.Warehouse, *rows: dict) -> list[set[str]]:
    """Release rows among many that are right; returns the rules that each of them breaks, in order of their keys."""
    place.land([*OTHERS, *rows])
    place.release()
    with connect(autocommit=True) as con:
        found = con.execute(
            "SELECT rules FROM yici.quarantine WHERE _to IS NULL ORDER BY key_text"
        ).fetchall()
    return [set(rules) for (rules,) in found]


def _number(sex: str, born: str = BORN) -> str:
    return ids.resident_id("330106", date.fromisoformat(born), 7, sex)


def test_birthday_and_sex_that_a_residents_number_contradicts_are_refused(house):
    man, old = _number("1"), ids.old_resident_id(_number("1"))
    broken = _broken(
        house(_contract()),
        row(101, id_no=man, sex="男", born_on=BORN),
        row(102, id_no=old, sex="男", born_on=BORN, name="同"),
        row(103, id_no=_number("2"), sex="男", born_on=BORN),
        row(104, id_no=_number("1", "1980-03-01"), sex="男", born_on=BORN),
        row(105, id_no=old, sex="女", born_on="1981-02-28", name="同"),
    )
    assert broken == [{"id_no.sex"}, {"id_no.birthday"}, {"id_no.sex", "id_no.birthday"}]


def test_a_key_in_full_width_digits_and_a_text_without_end_are_refused(house):
    broken = _broken(house(_contract()), row(150, staff_no="００９９９"), row(200, name="长" * 4_001))
    assert sorted(map(sorted, broken)) == [["name.length"], ["staff_no.form"]]


def test_a_name_that_its_element_calls_one_has_no_question_mark(house):
    named = ', logicalTypeOptions: {{format: "person_name"}}'
    assert _broken(house(_contract(formats=named)), row(101, name="王?")) == [{"name.format"}]


def test_today_is_the_day_of_the_extract_whenever_it_is_judged(house, monkeypatch: pytest.MonkeyPatch):
    place = house(_contract(rules=_RULE))
    tomorrow = (now() + timedelta(days=2)).date().isoformat()
    place.land([*OTHERS, row(101, born_on=tomorrow)])
    monkeypatch.setenv("YICI_CLOCK_OFFSET_S", str(30 * 86_400))
    place.release()
    assert place.scalar("SELECT rules[1] FROM yici.quarantine") == "born-before-now"
    assert place.scalar("SELECT count(*) FROM yici.quarantine") == 1


def test_changes_that_are_yet_to_come_are_admitted_and_told(house):
    place = house(_contract(mode="watermark", extra=', watermark: "updated_at"'))
    ahead = f"{now() + timedelta(days=3):%Y-%m-%d %H:%M:%S}"
    place.land(
        [*OTHERS, row(101, updated_at=ahead), row(102, updated_at=ahead)], Scope.since(None, ahead), ahead
    )
    place.release()
    told = "SELECT rows_failed FROM yici.finding WHERE rule = 'updated_at.future' AND severity = 'warning'"
    assert place.scalar(told) == 2
    assert "00101" in {values["staff_no"] for values in place.served()}


def test_where_the_order_does_not_decide_between_two_rows_none_of_them_is_picked(house):
    place = house(_contract(extra=', pick: {orderBy: "updated_at DESC"}'))
    later = "2026-02-02 03:04:05"
    decided = [row(103), row(103, name="后", updated_at=later)]
    place.land([*OTHERS, row(101), row(101, name="另一人"), row(102), row(102), *decided])
    place.release()
    served = {values["staff_no"]: values["name"] for values in place.served()}
    assert "00101" not in served
    assert (served["00102"], served["00103"]) == ("试102", "后")
    assert place.scalar("SELECT count(*) FROM yici.quarantine WHERE rules = ARRAY['key.not_picked']") == 4
