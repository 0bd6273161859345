"""What is generated for the machine says what the reference campus's files say, read here by nothing of ours.

A copy of what is generated would only show that it changed. So the contracts, registers and demands are read as plain
YAML and CSV, and each thing made of them is compared with that.
"""

import csv
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

import catalogs
from catalogs.dbt_files import assemble
from catalogs.model import Catalog
from catalogs.settings import DEFAULT_CAMPUS
from expectations.gx_run import DISTINCT, FILLED, ROW_COUNT
from expectations.history import History
from expectations.suites import expected
from pipelines.assets import landing_key, spec, stored
from pipelines.definitions import load
from pipelines.landing import landing_assets
from tests.pipelines.house import House
from tests.support import migrated
from tests.support.postgres import PgDatabase
from tests.support.reference import reference_campus
from warehouse.connect import connect
from warehouse.views import create_views

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# Update cycle → how old a resource may be in Dagster: the cycle, and at most a day for a late delivery.
OLDEST = {
    "realtime": timedelta(minutes=10), "daily": 30 * HOUR, "weekly": 8 * DAY, "monthly": 32 * DAY,
    "quarterly": 93 * DAY, "halfyear": 185 * DAY, "termly": 185 * DAY, "yearly": 367 * DAY, "schoolyear": 367 * DAY,
    "irregular": 367 * DAY,
}  # fmt: skip
READS_CHANGES = ("append", "watermark", "intraday")


@pytest.fixture(scope="module")
def campus() -> Catalog:
    return reference_campus()


def plain(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def custom(holder: Mapping[str, Any]) -> dict[str, Any]:
    return {one["property"]: one["value"] for one in holder.get("customProperties") or []}


def systems() -> dict[str, dict[str, Any]]:
    return {one["system"]: one for one in plain(DEFAULT_CAMPUS / "systems.yaml")}


def contracts(
    with_looked_up: bool = False,
) -> Iterator[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]]:
    """Yield name, whole, custom properties and table of every contract; what is only looked up has no table."""
    known = systems()
    for path in sorted((DEFAULT_CAMPUS / "resources").rglob("*.odcs.yaml")):
        doc = plain(path)
        told = custom(doc)
        if with_looked_up or known[told["system"]]["kind"] != "lookup":
            yield doc["name"], doc, told, doc["schema"][0]


def provider(told: Mapping[str, Any]) -> str:
    return told.get("provider") or systems()[told["system"]]["provider"]


def test_every_contract_is_a_source_of_dbt_with_its_items_and_their_names(campus, tmp_path):
    project = assemble(campus, tmp_path)
    [raw, _] = plain(project / "models/generated/sources.yml")["sources"]
    found = {
        table["name"]: (
            table["config"]["meta"],
            [(column["name"], column["description"]) for column in table["columns"]],
        )
        for table in raw["tables"]
        if table["name"] != "links"
    }
    assert found == {
        name.replace(".", "__"): (
            {"resource": name, "provider": provider(told)},
            [(item["name"], item["businessName"]) for item in schema["properties"]],
        )
        for name, _, told, schema in contracts()
    }
    staged = {path.stem for path in (project / "models/staging").rglob("stg_*.sql")}
    assert {f"stg_{name}" for name in found} <= staged


def test_every_table_and_column_of_the_store_says_what_the_contract_calls_it(
    campus, pg_database: PgDatabase, monkeypatch
):
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    migrated.begin()
    with connect(autocommit=True) as con:
        create_views(con, campus)
        found = con.execute(
            """SELECT c.relname, coalesce(a.attname, ''), coalesce(col_description(c.oid, a.attnum), '')
               FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
               WHERE c.relnamespace = 'store'::regnamespace AND c.relkind = 'r' AND a.attname !~ '^_'
               UNION ALL SELECT relname, '', coalesce(obj_description(oid, 'pg_class'), '') FROM pg_class
               WHERE relnamespace = 'store'::regnamespace AND relkind = 'r'"""
        ).fetchall()
    told = {(table, column): text for table, column, text in found}
    for name, _, own, schema in contracts():
        table = name.replace(".", "__")
        about = told.pop((table, ""))
        assert about.startswith(schema["businessName"]) and provider(own) in about, name
        for item in schema["properties"]:
            assert told.pop((table, item["name"])).startswith(item["businessName"]), (name, item["name"])
    # What is left are the sources' own codes beside the standard ones.
    assert all(column.endswith("__src") and "原代码" in text for (_, column), text in told.items())


def test_new_words_of_a_contract_reach_the_table_that_is_there(campus, pg_database: PgDatabase, monkeypatch):
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    migrated.begin()
    place = "resources/hr/staff.odcs.yaml"
    [old] = {one["businessName"] for name, _, _, one in contracts() if name == "hr.staff"}
    renamed = campus.files[place].replace(
        f'businessName: "{old}"'.encode(), 'businessName: "在册人员"'.encode()
    )
    with connect(autocommit=True) as con:
        for files in (campus.files, campus.files | {place: renamed}):
            create_views(con, catalogs.load(files))
        (text,) = con.execute("SELECT obj_description('store.hr__staff'::regclass, 'pg_class')").fetchone()
    assert text.startswith("在册人员")


def test_every_resource_has_its_unit_as_owner_and_its_cycle_as_deadline_in_dagster(campus):
    landed = {
        key: one for asset in landing_assets(campus).values() for key, one in asset.specs_by_key.items()
    }
    kept = {
        r.name: spec(r, landing_key(r.name), []) for derived in (False, True) for r in stored(campus, derived)
    }
    for name, _, told, _ in contracts():
        one = kept.pop(name)
        own = [one] if told["system"] == "derived" else [one, landed.pop(landing_key(name))]
        for asset in own:
            assert list(asset.owners) == [f"team:{provider(told)}"], name
            assert asset.freshness_policy.fail_window.to_timedelta() == OLDEST[told["updateCycle"]], name
    assert (kept, landed) == ({}, {})


def test_every_asset_of_a_campus_has_an_owner(house: House):
    about = plain(house.folder / "campus/campus.yaml") | {"dataOffice": "XX"}
    house.write("campus.yaml", yaml.safe_dump(about, allow_unicode=True).encode())
    graph = load().resolve_asset_graph()
    owners = {key: graph.get(key).owners for key in graph.materializable_asset_keys}
    assert [key for key, own in owners.items() if not own] == []
    assert owners[dg.AssetKey("release")] == ["team:XX"]


def test_every_contract_has_a_suite_of_what_it_asks_of_the_whole(campus):
    at = datetime(2026, 10, 20, tzinfo=UTC)
    for name, _, told, schema in contracts():
        found = expected(campus, campus.resources[name], History(), at)
        keys = [item["name"] for item in schema["properties"] if item.get("primaryKey")]
        unique = {item["name"] for item in schema["properties"] if item.get("unique")} - (
            {*keys} if len(keys) == 1 else set()
        )
        if len(keys) == 1 and told["ingest"]["mode"] not in READS_CHANGES:
            unique |= {*keys}
        rules = [(None, rule) for rule in schema.get("quality") or []]
        rules += [(item["name"], rule) for item in schema["properties"] for rule in item.get("quality") or []]
        metrics = {
            (rule["id"], column)
            for column, rule in rules
            if rule.get("metric")
            and not (rule["metric"] == "rowCount" and custom(rule).get("onFailure") == "refuse_extract")
        }
        assert ROW_COUNT in {one.type for one in found}, name
        assert unique <= {one.column for one in found if one.type == DISTINCT}, name
        assert metrics <= {(one.rule, one.column) for one in found}, name
        assert {one.type for one in found} <= {ROW_COUNT, DISTINCT, FILLED}, name


def test_every_granted_element_is_a_right_of_its_client_under_the_mask_of_item_or_element(campus):
    with (DEFAULT_CAMPUS / "elements.csv").open(encoding="utf-8", newline="") as file:
        masks = {row["code"]: row["mask"] for row in csv.DictReader(file)}
    items, shared = {}, set()
    for name, doc, told, schema in contracts(with_looked_up=True):
        for item in schema["properties"]:
            own = told | custom(item)
            items[name, item["name"]] = custom(item) | {"shareType": own["shareType"]}
            is_source = doc["status"] in ("active", "deprecated") and own.get("authoritative")
            if is_source and own["shareType"] != "none":
                shared.add(own.get("element"))
    demands = {}
    for path in sorted((DEFAULT_CAMPUS / "demands").glob("*.yaml")):
        told = plain(path)
        demands |= {one["demandId"]: one for one in (told if isinstance(told, list) else [told])}
    granted = {
        (number, one["client"], element)
        for number, one in demands.items()
        if one.get("decision", {}).get("state") == "granted" and one.get("client")
        for element in one["elements"]
        if element in shared
    }
    assert {(one.demand_id, one.client, one.element) for one in campus.grants()} == granted
    for one in campus.grants():
        item = items[one.resource, one.item]
        assert (item["element"], item["shareType"] != "none") == (one.element, True)
        is_plain = one.element in (demands[one.demand_id].get("unmasked") or [])
        assert one.mask == ("" if is_plain else item.get("mask", masks[one.element])), one
