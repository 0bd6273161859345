"""Where two features meet: what each does alone is told elsewhere."""

from collections.abc import Callable

import pytest

from catalogs.model import Catalog
from connectors.base import Scope
from tests.support import campus
from tests.support.campus import row
from tests.warehouse.test_reading_modes import BY_DAY, WATERMARK, Place, at, people
from warehouse import releases, versions
from warehouse.connect import connect

FILES = ', partition: {by: "day", from: "filename"}'
SWEPT = WATERMARK + ", keySweep: {everyDays: 7}"


@pytest.fixture
def place(tmp_path, warehouse: Callable[[Catalog], campus.Warehouse], monkeypatch) -> Callable[..., Place]:
    """Return a function that opens a source and its warehouse; arguments are those of `campus.catalog`."""
    return lambda **how: Place(tmp_path, warehouse(campus.catalog(**how)), monkeypatch)


def waiting() -> dict[str, list[str]]:
    """Key → broken rules of what waits now."""
    with connect(autocommit=True) as con:
        return dict(con.execute("SELECT key_text, rules FROM yici.quarantine WHERE _to IS NULL").fetchall())


def test_a_sweep_settles_no_row_whose_key_nobody_can_read(place):
    here = place(mode="watermark", extra=SWEPT)
    here.put(*people(30))
    here.execute("INSERT INTO staff SELECT NULL, xm, zjhm, xb, csrq, gz, gxsj FROM staff WHERE gh = '00001'")
    here.read_and_release()
    assert waiting() == {"": ["staff_no.required"]}
    here.days_pass(7)
    here.read_and_release()
    assert waiting() == {"": ["staff_no.required"]}


def test_of_two_rows_without_a_key_a_later_one_does_not_settle_the_earlier(place):
    here = place(mode="watermark", extra=WATERMARK)
    here.put(*people(30))
    one = "INSERT INTO staff SELECT NULL, xm, zjhm, xb, csrq, gz, '2026-01-{}' FROM staff WHERE gh = '00001'"
    here.execute(one.format("02 06:00:00"))  # beyond the overlap, when the next window is read
    here.read_and_release()
    here.execute(one.format("04 08:00:00"))
    here.read_and_release()
    assert here.house.scalar("SELECT count(*) FROM yici.quarantine WHERE _to IS NULL") == 2


@pytest.mark.parametrize("between", [True, False])
def test_days_that_are_judged_together_come_to_what_they_come_to_one_by_one(place, between):
    here = place(mode="append", absence="keep", extra=FILES)
    for day, salary in (("2026-01-01", "1"), ("2026-01-03", "3"), ("2026-01-02", "2")):
        here.house.land([row(1, salary=salary), row(int(salary) + 10)], Scope.of_partition(day))
        if between:
            here.house.release()
    here.house.release()
    assert (str(here.served()[1]["salary"]), set(here.served())) == ("3.00", {1, 11, 12, 13})
    assert waiting() == {}


def test_how_many_rows_a_day_may_have_is_asked_of_each_day(place):
    metric = (
        '{id: "volume", type: "library", metric: "rowCount", mustBeBetween: [2, 10], severity: "error", '
        + ('customProperties: [{property: "onFailure", value: "refuse_extract"}]}')
    )
    contract = campus.CONTRACT.format(mode="append", absence="keep", extra=FILES)
    here = place(contract=f"{contract}    quality:\n      - {metric}\n")
    here.house.land([row(n) for n in range(1, 7)], Scope.of_partition("2026-01-01"))
    here.house.land([row(n) for n in range(11, 17)], Scope.of_partition("2026-01-02"))
    here.house.land([row(21)], Scope.of_partition("2026-01-03"))
    assert here.house.release().outcome == "applied"
    assert set(here.served()) == {*range(1, 7), *range(11, 17)}
    assert here.states() == ["published", "published", "refused"]


def test_what_a_newer_file_holds_right_waits_no_longer(place):
    here = place(mode="append", absence="keep", extra=FILES)
    here.house.land([row(n) for n in range(1, 41)] + [row(99, sex="?")], Scope.of_partition("2026-01-02"))
    here.house.release()
    assert waiting() == {"00099": ["sex.code"]}
    here.house.land([row(99)], Scope.of_partition("2026-01-01"))
    here.house.release()
    assert waiting() == {"00099": ["sex.code"]}  # of a day before, so it corrects nothing
    here.house.land([row(99, salary="7")], Scope.of_partition("2026-01-03"))
    here.house.release()
    assert (waiting(), str(here.served()[99]["salary"])) == ({}, "7.00")


@pytest.mark.parametrize("many", [0, 100_000])
def test_a_row_that_two_days_hold_alike_belongs_to_the_newer(place, many, monkeypatch):
    monkeypatch.setattr(versions, "_MANY", many)  # large tables, and small ones
    here = place(mode="append", absence="keep", extra=FILES)
    here.house.land([row(1), row(2)], Scope.of_partition("2026-01-01"))
    here.house.release()
    here.house.land([row(2)], Scope.of_partition("2026-01-01"))
    here.house.land([row(1), row(3)], Scope.of_partition("2026-01-02"))
    here.house.release()
    here.house.land([row(2), row(4)], Scope.of_partition("2026-01-01"))
    here.house.release()
    assert set(here.served()) == {1, 2, 3, 4}


def test_a_row_that_moved_to_another_day_between_two_readings_is_served_from_there(place):
    here = place(mode="append", absence="keep", extra=BY_DAY)
    here.put(row(1, born_on="2026-01-01"), row(2, born_on="2026-01-01"))
    here.read()
    here.put(row(1, born_on="2026-01-02"), row(3, born_on="2026-01-01"))
    here.read()
    here.house.release()
    assert (str(here.served()[1]["born_on"]), waiting()) == ("2026-01-02", {})


def test_another_watermark_begins_at_the_beginning(place):
    extra = ', watermark: "{}", overlap_s: 3600'
    here = place(mode="watermark", extra=extra.format("born_on"))
    here.put(*(at(n, "02 08:00:00", born_on="2026-01-20") for n in range(1, 31)))
    here.read_and_release()
    here.put(at(1, "03 08:00:00", born_on="2026-01-10", salary="9"))  # the old watermark misses that
    here.read_and_release()
    assert str(here.served()[1]["salary"]) == "1.50"
    here.house.catalog = campus.catalog(mode="watermark", extra=extra.format("updated_at"))
    here.read_and_release()
    assert str(here.served()[1]["salary"]) == "9.00"


def test_what_is_no_longer_kept_back_is_read_whatever_its_watermark(place):
    here = place(mode="watermark", extra=WATERMARK + ", exclude: \"xb = '密'\"")
    here.put(*people(30), at(31, "01 08:00:00", sex="密"))
    here.read_and_release()
    assert 31 not in here.served()
    here.house.catalog = campus.catalog(mode="watermark", extra=WATERMARK + ", exclude: \"xb = '男密'\"")
    here.put(at(31, "01 08:00:00", sex="女"))
    here.read_and_release()
    assert 31 in here.served()


WIDER = ("multipleOf: 0.01", "multipleOf: 0.0001")


def reshaped(*changes: tuple[str, str], **how: str) -> Catalog:
    contract = campus.CONTRACT.format(**{"mode": "full", "absence": "end", "extra": ""} | how)
    for old, new in changes:
        assert old in contract, old
        contract = contract.replace(old, new)
    return campus.catalog(contract=contract)


def test_a_retyped_item_blanks_nothing_before_the_source_was_read_anew(place):
    here = place(absence="end")
    here.put(*people(30))
    here.read_and_release()
    here.house.catalog = reshaped(WIDER)
    with here.house.candidate():
        assert len(here.served()) == 30  # the service reads on while the candidate is open
    here.house.release()  # nothing was read: the source is down
    assert len(here.served()) == 30
    here.put(at(1, "05 08:00:00", salary="1.2345"))
    here.read_and_release()
    assert (len(here.served()), str(here.served()[1]["salary"])) == (30, "1.2345")
    assert str(here.house.served(1)[0]["salary"]).startswith("1.5")


@pytest.mark.parametrize("absence", ["end", "keep_as_former"])
def test_absence_and_refusal_mean_the_same_across_a_change_of_shape(place, absence):
    here = place(absence=absence)
    here.put(*people(30))
    here.read_and_release()
    here.delete(30)
    here.read_and_release()
    here.house.catalog = reshaped(WIDER, absence=absence)
    here.delete(29)
    here.put(at(28, "05 08:00:00", sex="?"))
    here.read_and_release()
    states = {number: values["_state"] for number, values in here.served().items() if number > 26}
    former = {29: "former", 30: "former"} if absence == "keep_as_former" else {}
    assert states == {27: "reported", 28: "refused"} | former
    with connect(autocommit=True) as con:
        releases.roll_back(con, 2)
    here.house.catalog = campus.catalog(absence=absence)
    assert len(here.served()) == (30 if former else 29)


def test_a_refused_reading_in_a_new_shape_leaves_what_was_served(place):
    here = place(absence="end")
    here.put(*people(30))
    here.read_and_release()
    here.house.catalog = reshaped(WIDER)
    here.put(*(at(number, "05 08:00:00", sex="?") for number in range(1, 11)))
    assert here.read_and_release().outcome == "refused"
    assert len(here.served()) == 30
    assert here.house.scalar("SELECT count(*) FROM store.hr__staff__v2") == 0


def test_days_that_are_not_read_again_are_carried_into_a_new_shape(place):
    here = place(mode="append", absence="keep", extra=FILES)
    here.house.land([row(1, salary="1.50"), row(2)], Scope.of_partition("2026-01-01"))
    here.house.release()
    here.house.catalog = reshaped(WIDER, mode="append", absence="keep", extra=FILES)
    here.house.land([row(3), row(2, salary="2.7501")], Scope.of_partition("2026-01-02"))
    here.house.release()
    assert [str(values["salary"]) for values in here.served().values()] == ["1.5000", "2.7501", "3.5000"]
    assert here.house.scalar("SELECT count(*) FROM store.hr__staff WHERE _to IS NULL") == 0


def test_a_new_key_takes_the_place_of_the_old_with_the_next_reading(place):
    here = place(absence="end")
    here.put(*people(30))
    here.read_and_release()
    key = ("required: true, primaryKey: true, primaryKeyPosition: 1}", "required: true}")
    other = (
        'businessName: "证件号", logicalType: "string"}',
        'businessName: "证件号", logicalType: "string", required: true, primaryKey: true, primaryKeyPosition: 1}',
    )
    here.house.catalog = reshaped(key, other)
    here.house.release()
    assert len(here.served()) == 30
    here.put(*(at(n, "05 08:00:00", id_no=f"X{n}") for n in range(1, 31)))
    here.read_and_release()
    assert len(here.house.served()) == 30
    assert len(here.house.served(1)) == 30


@pytest.mark.parametrize("many", [0, 100_000])
def test_what_was_deleted_while_a_resource_came_to_be_cut_into_days_is_gone(place, many, monkeypatch):
    monkeypatch.setattr(versions, "_MANY", many)  # large tables, and small ones
    here = place(mode="full", absence="end")
    here.put(*(row(n, born_on=f"2026-01-0{1 + n % 2}") for n in range(1, 31)))
    here.read_and_release()
    here.house.catalog = campus.catalog(mode="append", absence="end", extra=BY_DAY)
    here.delete(4)
    here.read_and_release()
    assert set(here.served()) == set(range(1, 31)) - {4}
    here.delete(5)
    here.read_and_release()
    assert set(here.served()) == set(range(1, 31)) - {4, 5}
