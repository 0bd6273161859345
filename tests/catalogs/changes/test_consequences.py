"""What a change means, told from two whole catalogs."""

import catalogs
from catalogs.changes.consequences import Consequences, ItemChange
from catalogs.changes.telling import as_data, as_text
from tests.catalogs import small
from tests.catalogs.changes.governed import campus, demand, filed, prepared
from tests.catalogs.small import item, props


def told(changes, base=None) -> Consequences:
    found = prepared(changes, base)
    assert found.told is not None, found.hindrances
    return found.told


def staff(change) -> dict:
    """Return the staff's contract with its items changed in place."""
    contract = small.staff()
    change(contract["schema"][0]["properties"])
    return contract


def masked(mask: str) -> dict:
    def change(items):
        kept = [one for one in items[4]["customProperties"] if one["property"] != "mask"]
        items[4]["customProperties"] = kept + props(mask=mask)

    return staff(change)


def without_id_no() -> dict:
    """Return the changes by which nobody holds document numbers any more; the material says so."""
    register = [one | ({"gap": "无源"} if one["code"] == "M-ID" else {}) for one in small.materials()]
    return {small.STAFF: staff(lambda items: items.pop(4)), "materials.yaml": register}


def test_a_new_demand_allows_its_elements_from_each_source():
    found = told({"demands/d-002.yaml": filed(client="portal")})
    new = {(one.new.client, one.new.element, one.new.resource) for one in found.grants if one.new}
    assert new == {("portal", "XM", "hr.staff"), ("portal", "XM", "academic.students")}
    assert found.allows_more and not found.breaks
    assert (found.clients, found.service_items) == (("portal",), ("RS-001",))
    assert {"RS", "JW"} <= set(found.units)


def test_the_same_right_by_another_demand_is_no_change():
    assert told({"demands/d-002.yaml": filed()}).grants == ()


def test_a_shorter_term_takes_back_and_a_longer_one_allows():
    (shorter, *_), (longer, *_) = (
        told({small.DEMAND: demand(validTo=day)}).grants for day in ("2026-12-31", "2030-12-31")
    )
    assert (shorter.widens, longer.widens) == (False, True)


def test_masks_are_compared_by_what_they_show():
    for mask, loosened in (("keep:6,6", True), ("keep:1,1", False), ("last:2", False), ("keep:0,8", True)):
        (change,) = told({small.STAFF: masked(mask)}).grants
        assert (change.mask_loosened, change.mask_tightened) == (loosened, not loosened)


def test_an_item_that_goes_takes_its_facts_and_who_relied_on_them():
    found = told(without_id_no())
    (lost,) = (one for one in found.sources if one.lost)
    assert (lost.element, lost.is_without) == ("SFZH", True)
    assert dict(found.demands) == {"D-001": ("SFZH",)}
    assert found.materials_back == (("RS-001", "M-ID"),)
    assert found.fields_lost == (("RS-001", "sfzh"),)
    assert found.items == (ItemChange("hr.staff", "id_no", ""),)
    assert found.duties_lost == (("RS", "hr.staff", "id_no"),)
    assert found.breaks and [one.by for one in found.contracts] == ["major"]


def test_what_takes_away_and_what_gives_back_are_each_others_opposite():
    found = told({small.STAFF: small.staff(), "materials.yaml": small.materials()}, campus(without_id_no()))
    assert found.materials_spared == (("RS-001", "M-ID"),)
    assert found.duties_gained == (("RS", "hr.staff", "id_no"),)
    assert not found.breaks


def test_an_item_of_the_same_column_or_element_is_a_renamed_one():
    found = told({small.STAFF: staff(lambda items: items[1].update(name="full_name"))})
    assert [(one.kind, one.old, one.new) for one in found.items] == [("renamed", "name", "full_name")]
    assert [one.by for one in found.contracts] == ["major"]


def test_a_wider_tier_is_more_and_a_narrower_one_less():
    narrower = told({small.STAFF: small.staff(tier="office")})
    assert ("hr.staff.name", "public", "office") in narrower.closed and not narrower.allows_more
    wider = told({small.STAFF: small.staff()}, campus({small.STAFF: small.staff(tier="office")}))
    assert ("hr.staff.name", "office", "public") in wider.opened and wider.allows_more


def test_entries_that_come_and_go_are_named_by_kind():
    found = told(
        {"demands/d-002.yaml": filed(), small.STAFF: staff(lambda items: items.append(item("email")))}
    )
    assert found.entries == {"demands": (("D-002",), ())}
    assert [(one.kind, one.new) for one in found.items] == [("new", "email")]


def test_it_is_told_in_both_languages_and_as_data():
    found = prepared(without_id_no() | {"demands/d-002.yaml": filed(client="portal")})
    assert found.told is not None
    catalog = catalogs.load(campus())
    chinese, english = (as_text(found.told, found.edits, catalog, lang) for lang in ("zh", "en"))
    assert (
        "portal 办理 RS-001 可取 XM 姓名" in chinese
        and "再无数源" in chinese
        and "主版本 1.0.0 → 2.0.0" in chinese
    )
    assert "portal for RS-001: XM name" in english and "nobody is its source any more" in english
    data = as_data(found.told)
    assert data["materialsBack"] == [{"serviceItem": "RS-001", "material": "M-ID"}]
    assert data["contracts"] == [{"resource": "hr.staff", "class": "major", "from": "1.0.0", "to": "2.0.0"}]


def test_a_power_concerns_the_unit_that_exercises_it():
    found = told({"powers.yaml": [{"power": "P-1", "nameZh": "在职证明", "kind": "审批", "unit": "RS"}]})
    assert found.units == ("RS",)
