"""Edits: what they say, that they do what they say, and that nothing else moves."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalogs.changes.content import read_content
from catalogs.changes.edits import ConflictError, Edit, apply, edits_between, merge
from catalogs.changes.paths import Member, PathError, field_of, parts_of
from catalogs.loading import read_files
from catalogs.settings import DEFAULT_CAMPUS
from tests.catalogs.changes.written import Changed, changed_twice, changes, meaning

CONTRACT = """\
# What the library lends.
id: "library-loans"  # never changes
version: "1.0.0"
customProperties:
  - {property: "shareType", value: "conditional"}   # agreed in March
  - {property: "tier", value: "campus"}
schema:
  - name: "loans"
    # one row, one loan
    properties:
      - {name: "book", logicalType: "string",
         customProperties: [{property: "element", value: "SH"}]}
      # when it was due
      - name: "due"
        logicalType: "date"
        required: true   # since 2020
"""
UNITS = 'code,nameZh,parent\nXX,示例大学,\nRS,"人事处",XX\n\nCW,财务处,XX\n'


def one(file: str, text: str) -> dict[str, bytes]:
    return {file: text.encode()}


def test_an_edit_names_the_field_by_names_and_not_by_places():
    old, new = one("resources/a/b.odcs.yaml", CONTRACT), CONTRACT.replace('"SH"', '"TM"')
    assert edits_between(old, one("resources/a/b.odcs.yaml", new)) == (
        Edit(
            "resources/a/b.odcs.yaml",
            "",
            "schema[loans].properties[book].customProperties[element].value",
            "SH",
            "TM",
        ),
    )


def test_comments_and_layout_are_no_change():
    old = one("resources/a/b.odcs.yaml", CONTRACT)
    new = one(
        "resources/a/b.odcs.yaml", CONTRACT.replace("# agreed in March", "").replace("  # never", " # ever")
    )
    assert edits_between(old, new) == ()


def test_a_changed_value_changes_its_own_characters_only():
    files = one("c.yaml", CONTRACT)
    edits = [
        Edit("c.yaml", "", "customProperties[shareType].value", "conditional", "unconditional"),
        Edit("c.yaml", "", "schema[loans].properties[due].required", True, False),
    ]
    expected = CONTRACT.replace('"conditional"', '"unconditional"').replace(
        "required: true", "required: false"
    )
    assert apply(files, edits)["c.yaml"].decode() == expected


def test_what_is_added_stands_in_the_style_of_its_neighbours():
    files = one("c.yaml", CONTRACT)
    edits = [
        Edit("c.yaml", "", "customProperties[secrecy]", None, {"property": "secrecy", "value": "none"}),
        Edit("c.yaml", "", "schema[loans].properties[due].description", None, "on"),
        Edit("c.yaml", "", "schema[loans].properties[book].required", None, True),
        Edit("c.yaml", "", "domain", None, "library"),
    ]
    expected = (
        CONTRACT.replace('"campus"}\n', '"campus"}\n  - {property: "secrecy", value: "none"}\n')
        .replace("# since 2020\n", '# since 2020\n        description: "on"\n')
        .replace('"SH"}]}', '"SH"}], required: true}')
        + 'domain: "library"\n'
    )
    assert apply(files, edits)["c.yaml"].decode() == expected


def test_what_is_removed_leaves_its_neighbours_and_their_comments():
    files = one("c.yaml", CONTRACT)
    edits = [
        Edit(
            "c.yaml",
            "",
            "customProperties[shareType]",
            {"property": "shareType", "value": "conditional"},
            None,
        ),
        Edit("c.yaml", "", "schema[loans].properties[due].required", True, None),
        Edit("c.yaml", "", "schema[loans].properties[book].logicalType", "string", None),
    ]
    expected = (
        CONTRACT.replace('  - {property: "shareType", value: "conditional"}   # agreed in March\n', "")
        .replace("        required: true   # since 2020\n", "")
        .replace(' logicalType: "string",', "")
    )
    assert apply(files, edits)["c.yaml"].decode() == expected


@pytest.mark.parametrize("indent", ["", "  "], ids=["at its key", "below its key"])
def test_a_list_that_is_emptied_says_so_behind_its_key_and_the_rest_stays(indent):
    members = f'{indent}- seq: 1\n{indent}  nameZh: "甲"\n{indent}- {{seq: 2, nameZh: "乙"}}\n'
    text = f"# how\nsteps:\n{members}# the end\nend: 1   # last\n"
    old = one("s.yaml", text)
    edits = edits_between(old, one("s.yaml", "steps: []\nend: 1\n"))
    assert [(edit.field, edit.new) for edit in edits] == [("steps[1]", None), ("steps[2]", None)]
    assert apply(old, edits)["s.yaml"].decode() == "# how\nsteps: []\n# the end\nend: 1   # last\n"


def test_members_that_move_take_their_comments_along():
    old = one(
        "s.yaml",
        'steps:\n  # first\n  - {seq: 1, nameZh: "甲"}\n  # second\n  - {seq: 2, nameZh: "乙"}\nend: 1\n',
    )
    new = one("s.yaml", 'steps: [{seq: 2, nameZh: "乙"}, {seq: 1, nameZh: "丙"}]\nend: 1\n')
    edits = edits_between(old, new)
    assert [edit.field for edit in edits] == ["steps[1].nameZh", "steps[]"]
    assert apply(old, edits)["s.yaml"].decode() == (
        'steps:\n  # second\n  - {seq: 2, nameZh: "乙"}\n  # first\n  - {seq: 1, nameZh: "丙"}\nend: 1\n'
    )


def test_rows_of_a_register_that_do_not_change_stay_as_written():
    edits = [
        Edit("units.csv", "CW", "nameZh", "财务处", "计划财务处"),
        Edit("units.csv", "JW", "", None, {"code": "JW", "nameZh": "教务, 处"}),
    ]
    assert apply(one("units.csv", UNITS), edits)["units.csv"].decode() == (
        'code,nameZh,parent\nXX,示例大学,\nRS,"人事处",XX\nCW,计划财务处,XX\nJW,"教务, 处",\n'
    )


def test_a_column_that_a_register_lacks_is_added_to_it():
    edits = [Edit("units.csv", "RS", "kind", None, "机关")]
    assert apply(one("units.csv", UNITS), edits)["units.csv"].decode() == (
        "code,nameZh,parent,kind\nXX,示例大学,,\nRS,人事处,XX,机关\nCW,财务处,XX,\n"
    )


def test_a_list_file_whose_last_entry_goes_goes_with_it():
    files = one("materials.yaml", '- code: "M"\n  nameZh: "甲"\n')
    assert apply(files, [Edit("materials.yaml", "M", "", {"code": "M", "nameZh": "甲"}, None)]) == {}


def test_the_calendar_keeps_its_order_because_later_rows_replace_earlier_ones():
    old = one("calendar.csv", "day,to,kind\n2026-01-01,2026-01-31,教学\n2026-01-01,,法定节假\n")
    new = one("calendar.csv", "day,to,kind\n2026-01-01,,法定节假\n2026-01-01,2026-01-31,教学\n")
    edits = edits_between(old, new)
    assert [edit.field for edit in edits] == ["[]"]
    assert apply(old, edits) == new


def test_an_edit_whose_place_somebody_changed_is_a_conflict_and_nothing_is_written():
    files = one("c.yaml", CONTRACT)
    edits = [
        Edit("c.yaml", "", "version", "0.9.0", "1.1.0"),
        Edit("c.yaml", "", "domain", None, "library"),
    ]
    with pytest.raises(ConflictError) as told:
        apply(files, edits)
    (conflict,) = told.value.conflicts
    assert (conflict.edit, conflict.found) == (edits[0], "1.0.0")


def test_an_edit_that_is_made_already_is_passed_over():
    files = one("c.yaml", CONTRACT)
    assert apply(files, [Edit("c.yaml", "", "version", "0.9.0", "1.0.0")]) == files


def test_both_sides_of_a_merge_stay_where_they_concern_different_fields():
    base = one("demands/d.yaml", 'demandId: "D"\nelements: ["A", "B"]\nbasis: "x"  # ask\n')
    ours = one("demands/d.yaml", 'demandId: "D"\nelements: ["A", "B", "C"]\nbasis: "x"  # ask\n')
    theirs = one("demands/d.yaml", 'demandId: "D"\nelements: ["B"]\nbasis: "y"\n')
    merged = merge(base, ours, theirs)
    assert not merged.conflicts
    assert (
        merged.files["demands/d.yaml"].decode() == 'demandId: "D"\nelements: ["B", "C"]\nbasis: "y"  # ask\n'
    )


def test_a_conflict_of_a_merge_names_the_place_and_leaves_ours():
    base, ours, theirs = (one("campus.yaml", f'code: "{code}"\n') for code in "ABC")
    merged = merge(base, ours, theirs)
    assert merged.files == ours
    assert [str(conflict) for conflict in merged.conflicts] == [
        "campus.yaml code: somebody else changed it, too"
    ]


def test_a_field_of_an_entry_that_the_other_side_removed_is_a_conflict():
    base = one("units.csv", UNITS)
    ours = one("units.csv", UNITS.replace("CW,财务处,XX\n", ""))
    theirs = one("units.csv", UNITS.replace("CW,财务处,XX", "CW,财务部,XX"))
    assert [conflict.edit.entry for conflict in merge(base, ours, theirs).conflicts] == ["CW"]
    assert [conflict.edit.entry for conflict in merge(base, theirs, ours).conflicts] == ["CW"]


@pytest.mark.parametrize("text", ["a.b[c].d", 'codeMap."a.b"', "steps[]", '"[x]"[" y"].z', 'a[""]', ""])
def test_an_address_reads_as_it_is_written(text):
    assert field_of(parts_of(text)) == text


@pytest.mark.parametrize("text", ["a..b", "a[b", "a.", "a]b", 'a."b'])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(PathError):
        parts_of(text)


@given(
    st.lists(st.one_of(st.text(min_size=1), st.builds(Member, st.one_of(st.none(), st.text()))), max_size=6)
)
def test_every_address_can_be_written_and_read(parts: list[Any]):
    if parts and isinstance(parts[0], str) and not any(isinstance(part, str) and not part for part in parts):
        assert parts_of(field_of(parts)) == tuple(parts)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changes())
def test_edits_make_of_the_old_state_what_the_new_one_means(change: Changed):
    edits = edits_between(change.old, change.new)
    assert meaning(apply(change.old, edits)) == meaning(change.new)
    assert (edits == ()) == (meaning(change.old) == meaning(change.new))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changes())
def test_what_an_entry_says_of_itself_in_comments_stays_while_the_entry_is_only_edited(change: Changed):
    result = apply(change.old, edits_between(change.old, change.new))
    for file, comments in change.lasting_comments().items():
        text = result[file].decode()
        assert [comment for comment in comments if comment not in text] == []


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changed_twice())
def test_merging_is_fair(states):
    base, ours, theirs = states
    assert merge(base, base, theirs).conflicts == ()
    assert meaning(merge(base, base, theirs).files) == meaning(theirs)
    assert meaning(merge(base, ours, base).files) == meaning(ours)
    assert meaning(merge(base, ours, ours).files) == meaning(ours)
    one_way, other_way = merge(base, ours, theirs), merge(base, theirs, ours)
    assert bool(one_way.conflicts) == bool(other_way.conflicts)
    if not one_way.conflicts:
        assert meaning(one_way.files, ordered=False) == meaning(other_way.files, ordered=False)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changed_twice())
def test_a_merge_keeps_every_change_of_both_sides_or_names_it(states):
    base, ours, theirs = states
    merged = merge(base, ours, theirs)
    named = [conflict.edit for conflict in merged.conflicts]
    made = [edit for edit in edits_between(base, theirs) if not any(_within(one, edit) for one in named)]
    assert meaning(apply(merged.files, made)) == meaning(merged.files)
    touched = edits_between(base, theirs)
    assert all(any(_within(one, edit) for edit in touched) for one in edits_between(merged.files, ours))


def _within(one: Edit, other: Edit) -> bool:
    """Whether an edit is of a place that another names, seen at the first key of the address."""
    first, second = parts_of(one.field)[:1], parts_of(other.field)[:1]
    return (one.file, one.entry) == (other.file, other.entry) and (not second or first == second)


def test_a_version_raised_in_every_contract_of_a_campus_changes_one_line_each():
    files = read_files(DEFAULT_CAMPUS)
    contracts = [file for file in files if file.startswith("resources/")]
    edits = [
        Edit(file, "", "version", read_content(file, files[file]).entries[""]["version"], "9.9.9")
        for file in contracts
    ]
    result = apply(files, edits)
    for file in contracts:
        pairs = zip(files[file].splitlines(), result[file].splitlines(), strict=True)
        assert [now for was, now in pairs if was != now] == [b'version: "9.9.9"']
    assert {file for file in files if files[file] != result[file]} == set(contracts)
