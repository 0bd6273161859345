"""What resources and rules are called: in the campus's words, in English where it has written them so."""

import json
from dataclasses import replace

import catalogs
from expectations.quality.titles import resource_title, rule_title
from tests.service import campus


def _catalog():
    files = campus.files()
    contract = json.loads(files["resources/hr/staff.odcs.yaml"])
    contract["customProperties"].append({"property": "nameEn", "value": "Staff"})
    files["resources/hr/staff.odcs.yaml"] = json.dumps(contract).encode()
    return catalogs.load(files)


def test_a_resource_is_called_as_people_know_it_and_in_english_where_it_has_a_name():
    catalog = _catalog()
    assert [resource_title(catalog, "hr.staff", one) for one in ("zh", "en")] == ["教职工", "Staff"]
    # In Chinese rather than by its code.
    assert resource_title(catalog, "academic.students", "en") == "学生"
    assert resource_title(catalog, "dbt.mart_x", "en") == "Model mart_x"
    assert resource_title(catalog, "hr.gone", "en") == "hr.gone"


def test_a_rule_is_called_by_its_items_name_in_either_language():
    catalog = _catalog()
    staff = catalog.resources["hr.staff"]
    assert rule_title(catalog, "hr.staff", "name.required", "en") == "Name is given"
    assert rule_title(catalog, "hr.staff", "reference-name-unit", "zh").startswith("姓名、单位 ")
    assert rule_title(catalog, "hr.staff", "reference-name-unit", "en").endswith(" has its counterpart")
    items = [
        replace(one, element="", properties={}, name="seen_on") if one.name == "name" else one
        for one in staff.items
    ]
    bare = replace(staff, items=tuple(items))
    catalog = replace(catalog, resources={**catalog.resources, "hr.staff": bare})
    assert rule_title(catalog, "hr.staff", "seen_on.required", "en") == "seen on is given"
