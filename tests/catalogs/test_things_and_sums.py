"""Relations between things and persons, and what tasks may be told in sums: every rule catches its breach."""

from tests.catalogs.breaches import Breach, assert_told, cases
from tests.catalogs.small import DEMAND, SERVICE, demand, service_item

_CAMPUS = {"code": "DEMO", "nameZh": "示例大学", "timeZone": "Asia/Shanghai"}
_RELATION = {
    "relation": "leads",
    "nameZh": "主持",
    "resource": "hr.staff",
    "from": {"item": "staff_no", "idType": "staff_no"},
    "to": {"item": "staff_no", "idType": "staff_no"},
}


def with_relation(**changes: object) -> dict:
    return {"campus.yaml": _CAMPUS | {"relations": [_RELATION | changes]}}


KEPT = {"basis": "监察法", "until": "2027-01-01"}
BY_TWO = {"state": "granted", "by": ["post:hr-steward", "post:data-office"], "on": "2026-09-10"}
BREACHES = [
    Breach("R09", with_relation(resource="hr.nothing"), "campus.yaml", "unknown, or not stored", "relations"),
    Breach(
        "R09",
        with_relation(to={"item": "boss", "idType": "staff_no"}),
        "campus.yaml",
        'no item "boss"',
        "relations",
    ),
    Breach(
        "R09",
        with_relation(**{"from": {"item": "staff_no", "idType": "badge"}}),
        "campus.yaml",
        '"badge"',
        "relations",
    ),
    Breach("R09", with_relation(then="leads"), "campus.yaml", "does not end at a person", "relations"),
    Breach(
        "S27", {SERVICE: service_item(relations=["leads"])}, SERVICE, 'unknown relation "leads"', "relations"
    ),
    Breach(
        "S27",
        with_relation() | {SERVICE: service_item(relations=["leads"])},
        SERVICE,
        "does not begin at a thing",
        "relations",
    ),
    Breach("D12", {DEMAND: demand(populations=["nobody"])}, DEMAND, 'unknown population "nobody"'),
    Breach(
        "D12",
        {DEMAND: demand(aggregates={"tables": [{"by": ["XM"]}]})},
        DEMAND,
        "no code table",
        "aggregates",
    ),
    Breach("D13", {DEMAND: demand(rows=["XM"])}, DEMAND, "not a task", "rows"),
    Breach(
        "D14",
        {DEMAND: demand(confidential=KEPT, decision=BY_TWO)},
        DEMAND,
        "not a task with rows",
        "confidential",
    ),
]


@cases(BREACHES)
def test_a_breach_is_told_where_it_stands(breach: Breach):
    assert_told(breach)
