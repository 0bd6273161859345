"""A release publishes the catalog that it was judged by, with figures measured at that release."""

import json

from typer.testing import CliRunner

import catalogs
from tests.pipelines.house import House
from tests.service import campus
from yici.cli import app


def test_a_release_publishes_the_catalog_that_it_was_judged_by(house: House):
    done = CliRunner().invoke(app, ["run"])
    assert done.exit_code == 0, done.output
    out = house.folder / "home" / "catalog"
    version = (out / "VERSION").read_text(encoding="utf-8").strip()
    assert version == catalogs.load(house.folder / "campus").version
    for tier in ("public", "campus"):
        assert json.loads((out / tier / "catalog.json").read_text(encoding="utf-8"))["version"] == version
        assert (out / tier / "index.html").is_file()
    told = json.loads((out / "campus" / "lists" / "responsibilities.json").read_text(encoding="utf-8"))
    assert told["release"] == 1
    assert told["rows"]
    assert len(list((out / "public" / "services").glob("*.pdf"))) == len(campus.catalog().services)
    with house.service() as at:
        served = at.get("/v1/catalog/lists/promises").json()
    assert (served["release"], served["has_figures"]) == (1, True)
    assert {row["verdict"] for row in served["rows"] if row["kind"] == "更新周期"} <= {"守诺", "失诺"}


def test_what_nobody_decided_is_not_published(house: House):
    runner = CliRunner()
    house.first_run()
    in_force = catalogs.load(house.folder / "campus").version
    text = (house.folder / "campus" / "campus.yaml").read_text(encoding="utf-8")
    house.write("campus.yaml", (text + '\nnote: "未经决定的改动"\n').encode())
    out = house.folder / "site"
    done = runner.invoke(app, ["catalog", "publish", "--out", str(out), "--tier", "public", "--no-figures"])
    assert done.exit_code == 0, done.output
    assert "not in force" in done.output
    assert (out / "VERSION").read_text(encoding="utf-8").strip() == in_force
