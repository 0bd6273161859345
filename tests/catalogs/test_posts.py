"""Posts and their holders: every rule catches its breach; who holds what on which day."""

from dataclasses import replace
from datetime import date

import catalogs
from catalogs.model_posts import Numbered
from catalogs.posts import holdings_of, named, post_title, units_of_post
from tests.catalogs.breaches import ON, Breach, assert_told, cases
from tests.catalogs.small import UNITS, campus

HEADER = "id,person,post,role,validFrom,validTo,deputyOf\n"
OWN = "H-1,1001,post:hr-steward,steward,2026-01-01,2026-12-31,\n"
DEPUTY = "H-2,1002,post:hr-steward,steward,2026-06-01,2026-08-31,H-1\n"
CAMPUS = 'code: "DEMO"\nnameZh: "示例大学"\ntimeZone: "Asia/Shanghai"\n'
UNIT = "HR9,人力,,,机关,,post:hr-head,post:hr-steward,post:hr-desk 内线1,,2000-01-01,\n"


def with_posts(*rows: str) -> dict[str, str]:
    return {"units.csv": UNITS + UNIT, "posts.csv": HEADER + "".join(rows)}


def row(post: str = "post:hr-steward", role: str = "steward", deputy: str = "", **changes: str) -> str:
    told = {"id": "H-9", "person": "1009", "begins": "2026-01-01", "ends": ""} | changes
    return f"{told['id']},{told['person']},{post},{role},{told['begins']},{told['ends']},{deputy}\n"


BREACHES = [
    Breach("O01", with_posts(row("post:nobody")), "posts.csv", "post:nobody", "H-9"),
    Breach("O02", with_posts(row(role="head")), "posts.csv", "does not suit", "H-9"),
    Breach("O02", with_posts(row("post:hr-head", "clerk")), "posts.csv", "does not suit", "H-9"),
    Breach("O02", with_posts(row(role="data_office")), "posts.csv", "does not suit", "H-9"),
    Breach("O03", with_posts(row(deputy="H-7")), "posts.csv", "no holding", "H-9"),
    Breach("O03", with_posts(OWN, row(deputy="H-1")), "posts.csv", "as long", "H-9"),
    Breach(
        "O03",
        with_posts(OWN, row("post:hr-desk", "clerk", "H-1", ends="2026-12-31")),
        "posts.csv",
        "another post",
        "H-9",
    ),
    Breach(
        "O03",
        with_posts(OWN, DEPUTY, row(deputy="H-2", begins="2026-06-01", ends="2026-08-31")),
        "posts.csv",
        "deputy's",
        "H-9",
    ),
    Breach(
        "O04",
        {**with_posts(OWN), "campus.yaml": CAMPUS + 'holderIdType: "student_nr"\n'},
        "campus.yaml",
        "student_nr",
        "holderIdType",
    ),
    Breach("V03", with_posts(row(person="student_no:1001")), "posts.csv", "number alone", "H-9"),
    Breach("V04", with_posts(OWN, row(id="H-1")), "posts.csv", "already", "H-1"),
    Breach("V03", with_posts(row(role="king")), "posts.csv", "king", "H-9"),
    Breach("V06", with_posts(row(ends="2025-01-01")), "posts.csv", "before", "H-9"),
]


@cases(BREACHES)
def test_a_breach_is_told(breach):
    assert_told(breach)


def test_a_campus_may_keep_no_posts_at_all():
    assert catalogs.load(campus()).holdings == ()


def test_a_post_is_held_between_its_days_and_by_its_deputy_while_it_is_held_at_all():
    catalog = catalogs.load(campus(with_posts(OWN, DEPUTY, row("post:hr-desk", "clerk", person="1001"))))

    def held(person: str, day: date) -> set[str]:
        return {one.id for one in holdings_of(catalog, person, day)}

    assert held("1001", ON) == {"H-1", "H-9"}
    assert held("1001", date(2027, 1, 1)) == {"H-9"}
    assert held("1001", date(2025, 12, 31)) == set()
    assert [held("1002", date(2026, month, 1)) for month in (5, 6, 9)] == [set(), {"H-2"}, set()]
    assert held("1003", ON) == set()


def test_an_equal_number_of_another_kind_is_somebody_else_and_holds_nothing():
    catalog = catalogs.load(campus(with_posts(OWN, DEPUTY)))
    for number, ids in {"1001": ["H-1"], "1002": ["H-2"]}.items():
        holder, other = (
            named(catalog, Numbered("staff_no", number)),
            named(catalog, Numbered("student_no", number)),
        )
        july = date(2026, 7, 1)
        assert [one.id for one in holdings_of(catalog, holder, july)] == ids
        assert other != holder and holdings_of(catalog, other, july) == ()
    # nobody's number is written like another's kind and number
    assert named(catalog, Numbered("staff_no", "student_no:1001")) != other
    assert named(catalog, Numbered("staff_no", "student_no:1002")) != other


def test_a_campus_may_name_holders_by_another_kind_of_number():
    catalog = catalogs.load(campus(with_posts(OWN)))
    catalog = replace(catalog, campus=replace(catalog.campus, holder_id_type="person_no"))
    assert holdings_of(catalog, named(catalog, Numbered("person_no", "1001")), ON)
    assert not holdings_of(catalog, named(catalog, Numbered("staff_no", "1001")), ON)


def test_a_post_belongs_to_the_units_that_name_it():
    catalog = catalogs.load(campus(with_posts()))
    assert units_of_post(catalog, "post:hr-desk") == {"HR9"}
    assert units_of_post(catalog, "post:nobody") == frozenset()


def test_a_post_is_called_by_its_unit_and_its_place_there():
    catalog = catalogs.load(campus(with_posts()))
    assert post_title(catalog, "post:hr-steward", "zh") == "人力数据专员"
    assert post_title(catalog, "post:hr-desk", "zh") == "人力联系人"
    assert post_title(catalog, "post:hr-head", "en") == "人力, head"


def test_a_post_that_only_contracts_name_is_called_by_the_provider_and_what_it_answers_for():
    catalog = catalogs.load(campus())
    own = replace(catalog.resources["hr.staff"], steward="post:own-data", business_name="教职工")
    named = {**own.properties, "nameEn": "Staff"}
    catalog = replace(catalog, resources={**catalog.resources, own.name: own})
    unit = catalog.units["RS"]
    assert post_title(catalog, "post:own-data", "zh") == f"{unit.name_zh}数据专员（教职工）"
    two = [replace(own, properties=named), replace(own, name="hr.titles")]
    catalog = replace(catalog, resources={**catalog.resources, **{one.name: one for one in two}})
    assert post_title(catalog, "post:own-data", "zh") == f"{unit.name_zh}数据专员（教职工等 2 项资源）"
    assert post_title(catalog, "post:own-data", "en").endswith(", data steward (Staff and 1 more)")
    assert post_title(catalog, "post:nobody", "zh") == "nobody"
    assert post_title(catalog, "张三", "zh") == "张三"
