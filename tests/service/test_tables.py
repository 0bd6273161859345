"""The tables as SQLAlchemy sees them are those that the migrations build."""

import pytest
from sqlalchemy import MetaData, create_engine, inspect

from warehouse import tables, tables_service
from warehouse.migrate import upgrade


@pytest.mark.parametrize("module", [tables, tables_service], ids=["yici", "service"])
def test_what_the_code_knows_of_the_tables_is_what_the_migrations_build(module, pg_database, monkeypatch):
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    upgrade()
    known: MetaData = module.metadata
    engine = create_engine(pg_database.sqlalchemy_url)
    try:
        found = inspect(engine)
        built = {
            name: {
                column["name"]: (column["type"].compile(engine.dialect), column["nullable"])
                for column in found.get_columns(name, schema=known.schema)
            }
            for name in found.get_table_names(known.schema)
        }
        keys = {name: found.get_pk_constraint(name, known.schema)["constrained_columns"] for name in built}
    finally:
        engine.dispose()
    declared = {
        table.name: {
            column.name: (column.type.compile(engine.dialect), column.nullable) for column in table.columns
        }
        for table in known.tables.values()
    }
    assert declared.keys() <= built.keys()
    assert {name: built[name] for name in declared} == declared
    assert {name: sorted(keys[name]) for name in declared} == {
        table.name: sorted(column.name for column in table.primary_key) for table in known.tables.values()
    }
