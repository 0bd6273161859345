"""The way of a resource: what stands at each stop, for whom it is told, and the picture of it."""

from itertools import pairwise
from xml.etree import ElementTree

import pytest

import catalogs
from catalogs.dbt_reads import Reads
from catalogs.exports.lineage_svg import draw
from catalogs.exports.site import Content, Site
from catalogs.views import catalog_json
from tests.catalogs.exports.support import INNER_WORDS, layered_campus
from tests.catalogs.small import STAFF, SYSTEMS, campus, contract, item, key_item, staff

SVG = "{http://www.w3.org/2000/svg}"
DERIVED = "resources/derived/standing.odcs.yaml"


def ways(catalog, reader="office"):
    """Return resource → stop's code → stop, as readers of a tier are shown them."""
    site = Site(Content(catalog, reader, catalog_json(catalog, reader), [], (), {}))
    pages = [page for page in site._resource_pages() if page.template == "resource.html.j2"]
    return {page.told["one"]["name"]: {one.code: one for one in page.told["lineage"]} for page in pages}


def with_derived():
    """Return a campus in which a derived resource copies an item of the staff register."""
    derived = contract(
        "derived.standing", [key_item("k"), item("sex", custom={"derivedFrom": "hr.staff.sex"})]
    )
    warehouse = {"system": "derived", "nameZh": "派生", "provider": "RS", "kind": "warehouse"}
    return catalogs.load(campus({DERIVED: derived, "systems.yaml": [*SYSTEMS, warehouse]}))


def names(stop):
    return [one.name for one in stop.names]


def test_a_way_leads_from_the_source_s_table_to_the_service_items_and_programs_that_ask():
    way = ways(catalogs.load(campus()))["hr.staff"]
    assert list(way)[:5] == ["source", "landing", "admission", "quarantine", "store"]
    (source,) = way["source"].names
    assert (source.name, source.note, source.code) == ("人事系统", "人事处", "t_staff")
    assert "每日" in way["source"].zh and "daily" in way["source"].en
    assert "工号" in names(way["facts"]) and len(way["facts"].names) == 6
    (use,) = way["users"].names
    assert (use.name.partition(": ")[0], use.page, use.note) == ("人事处", "services/RS-001.html", "hall")
    assert [way[code].after for code in ("facts", "users", "quarantine")] == ["store", "facts", "admission"]


def test_a_derived_resource_names_what_it_is_made_of_and_is_named_there():
    found = ways(with_derived())
    assert [one.page for one in found["derived.standing"]["source"].names] == ["resources/hr.staff.html"]
    assert [one.page for one in found["hr.staff"]["derived"].names] == ["resources/derived.standing.html"]
    assert "derived" not in found["academic.students"]


def test_a_model_is_told_only_where_this_campus_can_fill_it():
    needed = [item(name) for name in ("establishment", "status", "joined_on", "unit")]
    rich = staff()
    rich["schema"][0]["properties"] += needed
    poor, filled = Reads(catalogs.load(campus())), Reads(catalogs.load(campus({STAFF: rich})))
    assert "dim_staff" not in {one.name for one in poor.readers("hr.staff")}
    found = {one.name: one for one in filled.readers("hr.staff")}
    assert found["dim_staff"].title == "教职工" and not found["dim_staff"].is_mart
    assert found["mart_quality__row_counts"].is_mart
    assert "dim_staff" not in {one.name for one in filled.readers("academic.students")}


def test_the_public_is_told_neither_the_system_nor_its_table_nor_who_asks():
    found = ways(layered_campus(), "public")
    told = str(found)
    assert [word for word in INNER_WORDS if word in told] == []
    assert "mart_" not in told and "hall" not in told
    assert "教务系统" in str(ways(layered_campus(), "campus"))


@pytest.mark.parametrize(("language", "title"), [("zh", "来源"), ("en", "Source")])
def test_the_picture_says_each_stop_in_words_and_stays_as_wide_as_a_telephone(language, title):
    way = ways(with_derived())["hr.staff"]
    drawn = ElementTree.fromstring(draw(tuple(way.values()), "<教职工> & 其他", language))
    texts = [one.text for one in drawn.iter(f"{SVG}text")]
    assert title in texts and set(names(way["derived"])) <= set(texts)
    assert drawn.find(f"{SVG}title").text == "<教职工> & 其他"
    assert all(one.told(language) in drawn.find(f"{SVG}desc").text for one in way.values())
    assert drawn.get("role") == "img" and int(drawn.get("width")) <= 360
    frames = [one for one in drawn.iter(f"{SVG}rect") if one.get("rx")]
    assert len(frames) == len(way)
    ends = [(float(one.get("y")), float(one.get("y")) + float(one.get("height"))) for one in frames]
    assert all(before[1] < after[0] for before, after in pairwise(ends))
