"""The statements that the service writes from a catalog: names and texts are quoted, keys are parameters, made once."""

import pytest
from psycopg import sql

from service.reading import Wish, literal, plan, quoted
from tests.service import campus

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
    wish = Wish(source.resource, source.key_item, source.id_type, source.item, source.pick)
    made = plan(catalog, (wish,))
    assert plan(campus.catalog(), (wish,)) is made
    assert "staff_no" in made.id_types
    assert all(f"${number}::text[]" in made.statement for number in range(1, len(made.id_types) + 1))
