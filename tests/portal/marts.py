"""Marts of a small campus as a release would have built them: every table as its contract says, open as it says."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg
import yaml
from psycopg import sql

from catalogs.dbt_files import HOLDS_NO_PERSON, TEMPLATE

Rows = Sequence[Mapping[str, object]]


def models() -> dict[str, dict]:
    """Return model → its entry in the dbt project, of all marts."""
    found = {}
    for path in sorted(Path(TEMPLATE / "models" / "marts").glob("*.yml")):
        for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", ()):
            found[model["name"]] = model
    return found


def is_open(model: Mapping) -> bool:
    """Whether a model says of itself that it holds no person."""
    return model["config"].get("meta", {}).get(HOLDS_NO_PERSON) is True


def build(con: psycopg.Connection, rows: Mapping[str, Rows]) -> None:
    """Make all marts, with these rows; columns that a row leaves out are null."""
    for name, model in models().items():
        columns = [(one["name"], one["data_type"]) for one in model["columns"]]
        con.execute(
            sql.SQL("CREATE TABLE marts.{} ({})").format(
                sql.Identifier(name),
                sql.SQL(", ").join(
                    sql.SQL("{} {}").format(sql.Identifier(n), sql.SQL(t)) for n, t in columns
                ),
            )
        )
        insert(con, name, rows.get(name, ()))
        if is_open(model):
            con.execute(sql.SQL("GRANT SELECT ON marts.{} TO yici_portal").format(sql.Identifier(name)))
    con.execute("GRANT USAGE ON SCHEMA marts TO yici_portal")


def insert(con: psycopg.Connection, name: str, rows: Rows) -> None:
    """Put rows into a mart; columns that a row leaves out are null."""
    for row in rows:
        con.execute(
            sql.SQL("INSERT INTO marts.{} ({}) VALUES ({})").format(
                sql.Identifier(name),
                sql.SQL(", ").join(map(sql.Identifier, row)),
                sql.SQL(", ").join(sql.Placeholder() * len(row)),
            ),
            list(row.values()),
        )
