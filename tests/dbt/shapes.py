"""Small catalogs in JSON (which is YAML), and rows in `raw` as a release would show them."""

import json
from collections.abc import Mapping, Sequence

import psycopg
from psycopg import sql

import catalogs
from catalogs.dbt_files import stored_resources
from catalogs.model import Catalog
from tests.support.campus import FILES

RELEASE = 7


def contract(name: str, items: Mapping[str, str], **custom) -> bytes:
    """Return a contract whose first item is the key; `items` maps names to logical types."""
    system, _, short = name.partition(".")
    properties = {
        "system": system,
        "resourceCode": f"3070201/{sum(map(ord, name)):06d}",
        "tier": "campus",
        "secrecy": "none",
        "shareType": "unconditional",
        "updateCycle": "daily",
        "ingest": {"mode": "full", "onAbsence": "end"},
    } | custom
    return json.dumps(
        {
            "apiVersion": "v3.2.0",
            "kind": "DataContract",
            "id": name.replace(".", "-"),
            "name": name,
            "version": "1.0.0",
            "status": "active",
            "description": {"purpose": "试验"},
            "team": {"name": "试", "members": [{"username": "post:steward", "role": "steward"}]},
            "customProperties": [{"property": key, "value": value} for key, value in properties.items()],
            "schema": [
                {
                    "name": short,
                    "physicalName": short,
                    "physicalType": "table",
                    "businessName": f"试验 {{{{ {short} }}}}",
                    "description": "一行 = 一个 'it'",
                    "properties": [
                        {
                            "name": item,
                            "physicalName": item,
                            "businessName": item,
                            "logicalType": logical_type,
                            **(
                                {"required": True, "primaryKey": True, "primaryKeyPosition": 1}
                                if not number
                                else {}
                            ),
                        }
                        for number, (item, logical_type) in enumerate(items.items())
                    ],
                }
            ],
        },
        ensure_ascii=False,
    ).encode()


def small_catalog(resources: Mapping[str, Mapping[str, str]], **files: bytes) -> Catalog:
    """Return a catalog of these resources, all of the system hr."""
    found = {name: text.encode() for name, text in FILES.items()} | files
    for name, items in resources.items():
        found[f"resources/hr/{name.split('.')[1]}.odcs.yaml"] = contract(name, items)
    return catalogs.load(found)


def show(
    con: psycopg.Connection, catalog: Catalog, rows: Mapping[str, Sequence[Mapping]] | None = None
) -> None:
    """Make `raw.<resource>` of every resource, with these rows, and the release that is pinned."""
    con.execute("CREATE SCHEMA IF NOT EXISTS raw")
    con.execute("CREATE SCHEMA IF NOT EXISTS yici")
    con.execute("CREATE TABLE IF NOT EXISTS yici.release (id integer, opened_at timestamptz)")
    con.execute("DELETE FROM yici.release")
    con.execute("INSERT INTO yici.release VALUES (%s, '2026-10-20 01:00+00')", [RELEASE])
    con.execute("CREATE TABLE IF NOT EXISTS raw.links (subject_id bigint, type text, id_type text, key text)")
    con.execute("CREATE SCHEMA IF NOT EXISTS service")
    con.execute(
        """CREATE TABLE IF NOT EXISTS service.record (transaction_id uuid, logtime timestamptz, client_id text,
               purpose text, action text, outcome text, rule text, elements text[])"""
    )
    con.execute("CREATE TABLE IF NOT EXISTS service.prefill_outcome (transaction_id uuid, outcome text)")
    for resource in stored_resources(catalog):
        columns = [(item.name, item.pg_type) for item in resource.items]
        columns += [
            ("_extract", "bigint"),
            ("_state", "text"),
            ("_last_extract", "bigint"),
            ("_from", "integer"),
        ]
        con.execute(
            sql.SQL("CREATE TABLE IF NOT EXISTS raw.{} ({})").format(
                sql.Identifier(resource.table),
                sql.SQL(", ").join(
                    sql.SQL("{} {}").format(sql.Identifier(n), sql.SQL(t)) for n, t in columns
                ),
            )
        )
        for row in (rows or {}).get(resource.name, ()):
            values = {"_extract": 1, "_state": "reported", "_from": RELEASE} | row
            con.execute(
                sql.SQL("INSERT INTO raw.{} ({}) VALUES ({})").format(
                    sql.Identifier(resource.table),
                    sql.SQL(", ").join(map(sql.Identifier, values)),
                    sql.SQL(", ").join(sql.Placeholder() * len(values)),
                ),
                list(values.values()),
            )
