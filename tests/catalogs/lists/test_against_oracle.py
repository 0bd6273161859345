"""Derived sets against a brute-force oracle that knows the drawn campus only, and laws that hold on any campus."""

from collections import defaultdict
from fractions import Fraction
from itertools import combinations
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalogs.lists.base import join
from catalogs.lists.duties import GAPS, demands, responsibilities
from catalogs.lists.materials import Mend, best_order, openings, spared
from catalogs.lists.volume import high_frequency_of
from tests.catalogs.lists import made
from tests.catalogs.lists.made import (
    ELEMENTS,
    RESOURCES,
    SERVICES,
    campuses,
    catalog_of,
    files_of,
    measured_of,
)

CAMPUSES = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def spared_by_hand(campus: dict[str, Any], late: set[str]) -> set[tuple[str, str]]:
    """(service item, material) that need not be handed in, from the drawn data alone."""
    found = set()
    for service, uses in campus["uses"].items():
        granted = {
            element
            for told in campus["demands"]
            if told["service"] == service and told["state"] == "granted" and told["validTo"] > "2026-11-26"
            for element in told["elements"]
        }
        for code in uses:
            material = campus["materials"][code]
            readable = all(
                element in granted
                and any(
                    (name, element) in campus["sources"]
                    and campus["sources"][name, element] != "none"
                    and name not in campus["draft"]
                    and name not in late
                    for name in RESOURCES
                )
                for element in material["facts"]
            )
            if material["facts"] and readable and not material["original"] and not material["gap"]:
                found.add((service, code))
    return found


@CAMPUSES
@given(campuses())
def test_spared_materials_are_those_that_brute_force_finds(campus):
    catalog = catalog_of(files_of(campus))
    for measured, late in ((None, set()), (measured_of(campus), campus["late"])):
        rows = spared(made.given(catalog, measured)).rows
        assert {(row["item"], row["material"]) for row in rows} == {
            (service, code) for service, uses in campus["uses"].items() for code in uses
        }
        free = {(row["item"], row["material"]) for row in rows if row["outcome"] == "可免提交"}
        assert free == spared_by_hand(campus, late)
        assert all(
            bool(row["blocked"]) != (row["outcome"] == "可免提交")
            for row in rows
            if row["outcome"] != "以电子证明代替"
        )


@CAMPUSES
@given(campuses())
def test_each_fact_that_cannot_be_read_is_told_with_its_own_reason(campus):
    catalog = catalog_of(files_of(campus))
    for row in spared(made.given(catalog, measured_of(campus))).rows:
        told = [text for text in row["blocked"] if ": " in text and not text.startswith("已记缺口")]
        reasons = (
            reason_by_hand(campus, row["item"], one) for one in campus["materials"][row["material"]]["facts"]
        )
        assert [text.partition(": ")[2] for text in told] == [reason for reason in reasons if reason]


def reason_by_hand(campus: dict[str, Any], service: str, element: str) -> str:
    """Why a fact cannot be read for a service item; empty if it can."""
    held = {name for name, code in campus["sources"] if code == element} - campus["draft"]
    shared = {name for name in held if campus["sources"][name, element] != "none"}
    granted = any(
        told["service"] == service and told["state"] == "granted" and element in told["elements"]
        for told in campus["demands"]
        if told["validTo"] > "2026-11-26"
    )
    if not held:
        return "没有权威源"
    if not shared:
        return "权威源不予共享"
    if not granted:
        return "有源, 未授权给本事项"
    return "" if shared - campus["late"] else "数源逾期未更新"


@CAMPUSES
@given(campuses(), st.data())
def test_opening_data_never_brings_a_material_back(campus, data):
    before = spared(made.given(catalog_of(files_of(campus)), measured_of(campus)))
    more = {**campus, "sources": dict(campus["sources"]), "demands": [dict(one) for one in campus["demands"]]}
    kind = data.draw(st.sampled_from(("share", "source", "grant", "in time")))
    if kind == "share" and more["sources"]:
        place = data.draw(st.sampled_from(sorted(more["sources"])))
        more["sources"][place] = "unconditional"
    elif kind == "source":
        place = (data.draw(st.sampled_from(RESOURCES)), data.draw(st.sampled_from(ELEMENTS)))
        more["sources"].setdefault(place, "conditional")
    elif kind == "grant":
        service = data.draw(st.sampled_from(SERVICES))
        more["demands"].append(
            {
                "service": service,
                "elements": list(ELEMENTS),
                "state": "granted",
                "validTo": "2027-12-31",
                "path": "AUTHORIZE_EXISTING",
            }
        )
    elif kind == "in time":
        more["late"] = set()
    after = spared(made.given(catalog_of(files_of(more)), measured_of(more)))
    free = {(row["item"], row["material"]) for row in before.rows if row["outcome"] != "仍需提交"}
    still = {(row["item"], row["material"]) for row in after.rows if row["outcome"] != "仍需提交"}
    assert free <= still


@CAMPUSES
@given(campuses())
def test_each_demanded_element_meets_its_responsibility_rows_or_one_named_gap(campus):
    at = made.given(catalog_of(files_of(campus)))
    duties = [row for row in responsibilities(at).rows if row["resourceName"]]
    by_name = defaultdict(list)
    for duty in duties:
        by_name[f"{duty['resourceName']} · {duty['itemName']}"].append(duty)
    asked = defaultdict(list)
    for row in demands(at).rows:
        asked[row["demandId"], row["element"]].append(row)
    wanted = {
        (f"D-{number}", element)
        for number, told in enumerate(campus["demands"])
        for element in told["elements"]
    }
    assert set(asked) == wanted
    for rows in asked.values():
        if any(row["gap"] for row in rows):
            assert len(rows) == 1 and rows[0]["gap"] in GAPS and not rows[0]["source"]
            continue
        for row in rows:
            (duty,) = by_name[row["source"]]
            assert duty["element"] == row["element"]
            assert (row["demandId"] in duty["demands"]) == (row["state"] == "已授权")
    for duty in duties:
        resting = {
            row["demandId"]
            for rows in asked.values()
            for row in rows
            if row["source"].endswith(duty["itemName"])
        }
        assert set(duty["demands"]) <= resting


@CAMPUSES
@given(campuses())
def test_a_gap_is_named_by_what_is_missing(campus):
    shared = {
        element
        for (name, element), share in campus["sources"].items()
        if share != "none" and name not in campus["draft"]
    }
    held = {element for (name, element) in campus["sources"] if name not in campus["draft"]}
    for row in demands(made.given(catalog_of(files_of(campus)))).rows:
        told = campus["demands"][int(row["demandId"][2:])]
        if row["element"] in shared:
            assert row["gap"] == ("争议" if told["state"] == "disputed" else "")
        elif row["element"] in held:
            assert row["gap"] == "不予共享"
        else:
            assert row["gap"] == ("待归集" if told["path"] == "NEED_COLLECT" else "无源")


VOLUMES = st.dictionaries(st.text("ABCDEF", min_size=1, max_size=3), st.integers(0, 12), max_size=12)
SHARES = st.integers(1, 100).map(lambda percent: Fraction(percent, 100))


@given(VOLUMES, SHARES)
def test_high_frequency_items_are_those_before_which_the_share_is_not_reached(volumes, share):
    total = sum(volumes.values())
    by_definition = {
        code
        for code, cases in volumes.items()
        if cases and sum(other for other in volumes.values() if other > cases) < share * total
    }
    chosen = high_frequency_of(volumes, share)
    assert set(chosen) == by_definition
    assert len(set(chosen)) == len(chosen)
    assert sorted(chosen, key=lambda code: (-volumes[code], code)) == list(chosen)


@given(VOLUMES, SHARES)
def test_high_frequency_items_reach_the_share_and_not_without_their_last_rank(volumes, share):
    total = sum(volumes.values())
    chosen = high_frequency_of(volumes, share)
    if not total:
        assert chosen == ()
        return
    assert sum(volumes[code] for code in chosen) >= share * total
    least = min(volumes[code] for code in chosen)
    assert least > 0
    assert sum(volumes[code] for code in chosen if volumes[code] > least) < share * total
    assert all(code in chosen for code, cases in volumes.items() if cases == least)


MENDS = st.frozensets(st.builds(Mend, st.just("open"), st.sampled_from("ABCDE")), max_size=3)
BLOCKED = st.lists(st.tuples(MENDS, st.integers(0, 20)), max_size=12)


@given(BLOCKED)
def test_each_step_frees_what_it_says_and_all_steps_free_everything(blocked):
    made_so_far: set[Mend] = set()
    for step in best_order(blocked):
        before = freed(blocked, made_so_far)
        made_so_far |= set(step.mends)
        assert freed(blocked, made_so_far) - before == step.gain > 0
        assert step.total == freed(blocked, made_so_far)
    assert freed(blocked, made_so_far) == sum(weight for mends, weight in blocked if mends)


@given(BLOCKED)
def test_the_first_step_frees_most_per_mend_of_all_that_could_be_made(blocked):
    steps = best_order(blocked)
    every = {mend for mends, _ in blocked for mend in mends}
    choices = [
        frozenset(chosen) for size in range(1, len(every) + 1) for chosen in combinations(sorted(every), size)
    ]
    best = max((Fraction(freed(blocked, choice), len(choice)) for choice in choices), default=Fraction(0))
    if not steps:
        assert best == 0
        return
    first = Fraction(steps[0].gain, len(steps[0].mends))
    candidates = {mends for mends, weight in blocked if mends and weight}
    assert first == max(Fraction(freed(blocked, mends), len(mends)) for mends in candidates)
    singles = [freed(blocked, {mend}) for mend in every]
    assert first >= max(singles)


def freed(blocked: list[tuple[frozenset[Mend], int]], made_so_far: set[Mend] | frozenset[Mend]) -> int:
    """Copies freed once these mends are made."""
    return sum(weight for mends, weight in blocked if mends and mends <= made_so_far)


@CAMPUSES
@given(campuses())
def test_openings_account_for_every_copy_that_data_could_spare(campus):
    measured = measured_of(campus)
    at = made.given(catalog_of(files_of(campus)), measured)
    rows = spared(at).rows
    still = [row for row in rows if row["outcome"] == "仍需提交"]
    beyond = sum(
        campus["volumes"][row["item"]] for row in still if not row["facts"] or "须核验原件" in row["blocked"]
    )
    found = openings(at)
    assert found.summary["数据不能免的份数"] == beyond
    by_data = sum(campus["volumes"][row["item"]] for row in still) - beyond
    assert found.summary["列出步骤累计可省"] == by_data, join(row["why"] for row in found.rows)
