"""The statements that the service writes from a catalog: names and texts are quoted, keys are parameters, made once,
and no more is read than may be told."""

import asyncio
import itertools
import random
from collections.abc import Iterator, Mapping, Sequence

import asyncpg
import psycopg
import pytest
from psycopg import sql

from catalogs.model import Pick
from service import store_keys
from service.reading import Plan, Read, Wish, literal, plan, quoted, read
from service.telling import row_order
from service.transactions import pinned
from tests.service import campus, desk
from tests.service.conftest import opened, service_url
from tests.service.desk import Desk
from warehouse.connect import pg_params
from warehouse.key_ring import ring

ODD = [
    "plain",
    "order",
    "Mixed Case",
    'a " mark',
    "'; DROP TABLE kept; --",
    "back\\slash",
    "100 %",
    ":name $1",
    "姓名",
]
MONTHS = ["2026-08", "2026-09", "2026-1a", "2026-1B", "2026-10 ", "二月", "é", "e2", "E2", "-1", "😀", "～"]
PICKS = [
    Pick(order, rule)
    for order, rule in itertools.product(
        ("month desc", "month", "amount desc", "amount", "amount DESC, month", " amount , month desc"),
        ("", "amount > 1", "amount IS NULL OR month < 'E'", "amount < 0"),
    )
]


@pytest.mark.parametrize("name", ODD)
def test_postgresql_takes_any_name_and_text_for_what_it_is(pg_database, name):
    own = sql.Identifier(name)
    with pg_database.connect() as con:
        con.execute(sql.SQL("CREATE TABLE {} ({} text)").format(own, own))
        con.execute(sql.SQL("INSERT INTO {} VALUES ({})").format(own, sql.Literal(name)))
        text = f"SELECT {quoted(name)} FROM {quoted(name)} WHERE {quoted(name)} = {literal(name)}"
        assert con.execute(text.encode()).fetchall() == [(name,)]


def test_a_statement_is_made_once_per_catalog_and_items_and_takes_keys_as_parameters():
    catalog = campus.catalog()
    source = next(one for one in catalog.sources_of("XM") if one.resource == "hr.staff")
    wish = Wish(source.resource, source.item, source.pick)
    made = plan(catalog, (wish,))
    assert plan(campus.catalog(), (wish,)) is made
    assert "staff_no" in made.id_types
    assert all(f"${number}::text[]" in made.statement for number in range(1, len(made.id_types) + 1))


def test_a_register_that_is_also_asked_for_values_is_read_once():
    made = plan(campus.catalog(), (Wish("hr.staff", "name", None), Wish("hr.staff", "unit", None)))
    assert made.statement.count('raw."hr__staff"') == 1


@pytest.fixture(scope="module")
def paid(pg_module_database, tmp_path_factory) -> Iterator[Desk]:
    """A service whose payroll has many rows a person, in no order, with amounts that are alike or missing."""
    chosen = random.Random(6)
    rows = [
        {
            "staff_no": number,
            "month": month,
            "amount": chosen.choice([None, "1.00", "2.50", "10.00", "10.00"]),
        }
        for number in ("T001", "T003")
        for month in chosen.sample(MONTHS, len(MONTHS))
    ]
    home = tmp_path_factory.mktemp("home")
    with opened(pg_module_database, home, rows=desk.ROWS | {"finance.payroll": rows}) as found:
        yield found


async def _read(database, chosen: Sequence[Plan], keys: Mapping[str, Sequence[str]]) -> list[Read]:
    settings = dict(ring().session())
    async with (
        asyncpg.create_pool(service_url(database), min_size=1, max_size=1, server_settings=settings) as pool,
        pinned(pool, 2) as con,
    ):
        return [(await read(con, one, [keys]))[0] for one in chosen]


@pytest.mark.parametrize("numbers", [("T001",), ("T003", "T001"), ("T999",)])
def test_the_row_that_a_pick_leaves_is_the_one_that_all_rows_give(paid: Desk, pg_module_database, numbers):
    name, keys = "finance.payroll", {"staff_no": numbers}
    plans = [
        plan(paid.catalog, (Wish(name, "month", pick, (), many), Wish(name, "amount", pick, (), many)))
        for pick in PICKS
        for many in (True, False)
    ]
    told = asyncio.run(_read(pg_module_database, plans, keys))
    for pick, (of_all, _), (of_pick, _) in zip(PICKS, told[::2], told[1::2], strict=True):
        everything, left = of_all[name], of_pick[name]
        assert len(everything) == (0 if numbers == ("T999",) else len(MONTHS) * len(numbers))
        assert len(left) <= len(numbers) and all(row.passes(pick) for row in left)
        passing = [row for row in everything if row.passes(pick)]
        assert row_order(left, pick.order_by)[:1] == row_order(passing, pick.order_by)[:1], pick


def test_who_is_what_stands_in_all_rows_of_a_register_whatever_a_pick_leaves(paid: Desk, pg_module_database):
    wish = Wish("hr.staff", "unit", Pick("unit", "status = '21'"))
    ((rows, registered),) = asyncio.run(
        _read(pg_module_database, [plan(paid.catalog, (wish,))], {"staff_no": ["T001", "T002"]})
    )
    assert [row.key for row in rows["hr.staff"]] == ["T002"]
    assert [(one.key, one.current, one.former) for one in registered] == [
        ("T001", ("staff",), ()),
        ("T002", (), ("staff",)),
    ]


@pytest.mark.parametrize("arguments", [store_keys.readers, store_keys.jobs])
def test_a_look_up_is_not_planned_anew_for_every_question(
    paid: Desk, pg_module_database, as_owner, monkeypatch, arguments
):
    monkeypatch.setenv("YICI_SERVICE_DATABASE_URL", service_url(pg_module_database))
    chosen = plan(paid.catalog, (Wish("finance.payroll", "amount", Pick("month desc")),))

    async def planned() -> list[tuple[int, int]]:
        async with (
            asyncpg.create_pool(**arguments(pg_params("service")), min_size=1, max_size=1) as pool,
            pinned(pool, 2) as con,
        ):
            for number in ("T001", "T002", "T003"):
                await read(con, chosen, [{"staff_no": [number]}])
            found = await con.fetch(
                "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement = $1",
                chosen.statement,
            )
            return [tuple(one) for one in found]

    assert asyncio.run(planned()) == [(3, 0)]


def test_a_sealed_value_that_is_not_told_is_not_opened(paid: Desk):
    fact = paid.fact("GZ")
    newest = max(MONTHS)
    paid.owner.execute(
        "UPDATE store.finance__payroll SET amount = set_byte(amount, 8, get_byte(amount, 8) # 1) WHERE month <> %s",
        [newest],
    )
    with pytest.raises(psycopg.errors.DataCorrupted), paid.owner.transaction():
        paid.owner.execute("SELECT set_config('yici.release', '2', true)")
        paid.owner.execute("SELECT sum(amount) FROM raw.finance__payroll")
    assert paid.fact("GZ")["value"] == fact["value"]
