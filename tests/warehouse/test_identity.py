"""Who is who: what links by itself, what waits for a human, what a decision does, and that each can be taken back."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.duck import session
from tests.support import campus
from tests.support.campus import row
from tests.warehouse.test_rebuild import again, contents, elsewhere, publish
from warehouse import releases
from warehouse.connect import connect
from warehouse.identity import probable
from warehouse.identity.claims import CLAIM_KEYS, KNOWN, batches
from warehouse.identity.decisions import (
    DIFFERENT,
    SAME,
    By,
    IdentityError,
    apart,
    decide_merge,
    decide_review,
    decide_split,
    decide_undo,
)
from warehouse.identity.keys import resident_id_18
from warehouse.identity.names import agree, name_digest, sound
from warehouse.identity.queue import path, reviews, said
from warehouse.identity.resolve import Claim, Resolution, resolve
from warehouse.identity.staging import fill

__all__ = ["elsewhere"]

CARD, OTHER_CARD = "11010519491231002X", "110105198002290021"
CLERK = By("post:hr-steward", "clerk", "looked at the file")
_COLUMNS = ("phone", "former_name", "doc_type", "old_no")
_ITEMS = """
      - {name: "phone", physicalName: "sj", businessName: "手机", logicalType: "string"}
      - {name: "former_name", physicalName: "cym", businessName: "曾用名", logicalType: "string"}
      - {name: "doc_type", physicalName: "zjlx", businessName: "证件类型", logicalType: "string"}
      - {name: "old_no", physicalName: "jzjhm", businessName: "原证件号", logicalType: "string"}
"""
_IDENTITY = (
    'type: "doc_type", country: "=CHN", name: "name", formerNumber: "old_no", formerName: "former_name",'
    ' birthday: "born_on", sex: "sex", phone: "phone"'
)


def person(number: int, **changes: str | None) -> dict[str, str | None]:
    """One row; birthday and sex are those of the resident card, if it names one."""
    values = row(number, doc_type="1", **dict.fromkeys(("phone", "former_name", "old_no"))) | changes
    if values["doc_type"] == "1" and values["id_no"]:
        card = resident_id_18(values["id_no"])
        values |= {"born_on": f"{card[6:10]}-{card[10:12]}-{card[12:14]}", "sex": "女男"[int(card[16]) % 2]}
    return values


@pytest.fixture
def house(warehouse, monkeypatch) -> campus.Warehouse:
    """A register that says of its people all that identity can compare."""
    monkeypatch.setattr(campus, "COLUMNS", campus.COLUMNS + _COLUMNS)
    contract = campus.CONTRACT.format(mode="full", absence="keep_as_former", extra="")
    contract = contract.replace('type: "=1", country: "=CHN", name: "name"', _IDENTITY) + _ITEMS.lstrip("\n")
    return warehouse(campus.catalog(contract=contract))


def released(house: campus.Warehouse, *people: dict) -> None:
    house.land([*people, *(person(n, born_on=f"19{n}-01-01") for n in range(50, 70))])
    assert house.release().outcome == "applied"


def subject(house: campus.Warehouse, key: str, release: int | None = None) -> int | None:
    """Whose a key is at a release; None: the current one."""
    with connect(autocommit=True) as con:
        number = release if release is not None else releases.current(con)
    with connect(release=number) as con:
        found = con.execute("SELECT subject_id FROM clear.links WHERE key = %s", [key]).fetchone()
    return found and found[0]


def open_reviews() -> list:
    with connect(autocommit=True) as con:
        return reviews(con)


def find(house: campus.Warehouse, everything: bool = False) -> probable.Search | None:
    with connect(autocommit=True) as con:
        return probable.find(con, house.catalog, everything)


# --- names ---


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("张䶮", "张yan"),
        ("張三", "张三"),
        ("陈喆", "陈哲"),
        ("艾尔肯·玉素甫", "艾尔肯•玉素甫"),
        ("NGUYEN, MINH DUC", "Minh Duc Nguyen"),
        ("ＮＧＵＹＥＮ MINH DUC", "nguyen minh duc"),
    ],
)
def test_writings_of_one_name_agree(one, other):
    assert agree(name_digest(one), name_digest(other))


@pytest.mark.parametrize(
    ("one", "other"), [("张三", "李三"), ("王?", "王□"), ("王?", "王五"), ("张三", ""), ("", "")]
)
def test_other_names_and_unreadable_ones_do_not_agree(one, other):
    assert not agree(name_digest(one), name_digest(other))


def test_an_unreadable_character_has_no_sound():
    assert (sound("王?"), sound("王五")) == ("", "wang wu")


def test_a_former_name_agrees_with_the_name_of_an_earlier_register():
    assert agree(name_digest("李新", "王旧"), name_digest("王旧"))


# --- the certain rule ---

_keys = st.sampled_from(
    [("staff_no", str(n)) for n in range(5)] + [("student_no", str(n)) for n in range(4)]
    + [("doc:1:CHN", str(n)) for n in range(5)]
)  # fmt: skip
_names = st.sampled_from(["", "a", "b", "a b"])
_claims = st.lists(
    st.builds(
        Claim, st.just("hr.staff"), st.lists(_keys, min_size=1, max_size=3, unique=True).map(tuple), _names
    ),
    min_size=1,
    max_size=12,
)  # fmt: skip
_known = st.dictionaries(_keys, st.tuples(st.integers(1, 4), _names), max_size=8)
_apart = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)).filter(lambda p: p[0] < p[1]), max_size=2)


def whole(known: dict, subjects: set[int]) -> dict:
    return {key: held for key, held in known.items() if held[0] in subjects}


def partition(known: dict, found: Resolution) -> tuple[set, set]:
    """Which keys belong together afterwards, and which pairs wait: without the numbers of minted subjects."""
    owner = {key: subject for key, (subject, _) in known.items()} | {k: v[0] for k, v in found.links.items()}
    groups: dict[int, set] = {}
    for key, holder in owner.items():
        groups.setdefault(holder, set()).add(key)
    merged = {gone: kept for kept, gone, _ in found.merges}

    def now(one: int) -> frozenset:
        while one in merged:
            one = merged[one]
        return frozenset(groups.get(one, ()))

    waits = {frozenset((now(a), now(b))) for a, b, _, _ in found.reviews}
    return {frozenset(group) for group in groups.values()}, {pair for pair in waits if len(pair) == 2}


@settings(deadline=None, max_examples=50)
@given(_claims, _known, _apart, st.integers(1, 4))
def test_deciding_in_batches_decides_the_same(claims, known, apart, size):
    touched = {known[key][0] for claim in claims for key in claim.keys if key in known}
    known = whole(known, touched)
    at_once = resolve(claims, known, itertools.count(100).__next__, apart)
    rows = [
        (n, place, claim.resource, *key, claim.name_digest if place == 0 else "")
        for n, claim in enumerate(claims)
        for place, key in enumerate(claim.keys)
    ]
    with session(extensions=()) as duck:
        fill(duck, "claim_key", CLAIM_KEYS, iter(rows))
        fill(duck, "known", KNOWN, iter((*key, *held) for key, held in known.items()))
        ids, in_parts = itertools.count(100), Resolution()
        for batch in batches(duck, size):
            part = resolve(batch.claims, batch.known, ids.__next__, apart)
            in_parts.minted += part.minted
            in_parts.links |= part.links
            in_parts.merges += part.merges
            in_parts.reviews |= part.reviews
    assert len(in_parts.minted) == len(at_once.minted)
    assert partition(known, in_parts) == partition(known, at_once)


@settings(deadline=None)
@given(_claims, _known, st.integers(1, 3), st.integers(2, 4))
def test_no_row_brings_together_whom_a_human_told_apart(claims, known, one, other):
    pair = (min(one, other), max(one, other))
    known = known | {("staff_no", "x"): (pair[0], ""), ("staff_no", "y"): (pair[1], "")}
    if pair[0] == pair[1]:
        return
    found = resolve(claims, known, itertools.count(100).__next__, [pair])
    merged = {gone: kept for kept, gone, _ in found.merges}

    def root(subject: int) -> int:
        while subject in merged:
            subject = merged[subject]
        return subject

    assert root(pair[0]) != root(pair[1])


def test_a_number_of_15_digits_is_the_one_of_18(house):
    released(house, person(1, id_no="110105491231002", name="张三"), person(2, id_no=CARD, name="张三"))
    assert subject(house, "00001") == subject(house, "00002")


def test_a_renewed_passport_that_a_row_names_links_both_numbers(house):
    released(house, person(1, id_no="E10000001", doc_type="A", name="Minh Duc Nguyen"))
    released(
        house,
        person(1, id_no="E10000001", doc_type="A", name="Minh Duc Nguyen"),
        person(2, id_no="E20000002", doc_type="A", old_no="E10000001", name="NGUYEN, MINH DUC"),
    )
    assert subject(house, "00001") == subject(house, "00002") == subject(house, "E20000002")


def test_one_document_with_a_character_written_otherwise_is_one_person(house):
    released(house, person(1, id_no=CARD, name="张䶮"), person(2, id_no=CARD, name="张yan"))
    assert subject(house, "00001") == subject(house, "00002")
    assert open_reviews() == []


def test_a_renamed_person_is_known_by_the_former_name(house):
    released(house, person(1, id_no=CARD, name="王旧"))
    released(
        house, person(1, id_no=CARD, name="王旧"), person(2, id_no=CARD, name="李新", former_name="王旧")
    )
    assert subject(house, "00001") == subject(house, "00002")


# --- decisions ---


def two_names_one_card(house: campus.Warehouse) -> tuple[dict, dict]:
    people = person(1, id_no=CARD, name="甲"), person(2, id_no=CARD, name="乙")
    released(house, *people)
    return people


def test_a_decision_counts_from_the_next_release_and_earlier_ones_answer_as_then(house):
    people = two_names_one_card(house)
    (one,) = open_reviews()
    with connect(autocommit=True) as con:
        decide_review(con, one.id, SAME, CLERK)
    assert subject(house, "00001") != subject(house, "00002")
    released(house, *people)
    assert subject(house, "00001") == subject(house, "00002")
    assert subject(house, "00001", release=1) != subject(house, "00002", release=1)
    assert open_reviews() == []
    assert house.scalar("SELECT closed_release FROM yici.identity_review WHERE id = %s", one.id) == 2


def test_a_merge_is_undone_link_by_link_and_stays_undone(house):
    people = two_names_one_card(house)
    with connect(autocommit=True) as con:
        a, b = subject(house, "00001"), subject(house, "00002")
        decide_merge(con, a, b, CLERK)
        released(house, *people)
        (event,) = [e for e in path(con, b).events if e.event == "merge"]
        decide_undo(con, event.id, CLERK)
        with pytest.raises(IdentityError, match="waits for the next release"):
            decide_undo(con, event.id, CLERK)
        released(house, *people)
        assert (subject(house, "00001"), subject(house, "00002"), subject(house, CARD)) == (a, b, a)
        assert apart(con, "person") == [(a, b)]
        # A row that now names both with agreeing names would have merged them.
        released(house, people[0], people[1] | {"name": "甲"})
        assert (subject(house, "00001"), subject(house, "00002")) == (a, b)
        with pytest.raises(IdentityError, match="undid it"):
            decide_undo(con, event.id, CLERK)


def test_whom_a_human_told_apart_nobody_is_asked_about_again(house):
    people = two_names_one_card(house)
    (one,) = open_reviews()
    with connect(autocommit=True) as con:
        decide_review(con, one.id, DIFFERENT, CLERK)
    released(house, people[0] | {"salary": "7"}, people[1] | {"salary": "8"})
    assert open_reviews() == []
    find(house, everything=True)
    released(house, people[0] | {"salary": "9"}, people[1])
    assert open_reviews() == []


def test_a_verdict_that_is_taken_back_is_asked_again(house):
    people = two_names_one_card(house)
    (one,) = open_reviews()
    with connect(autocommit=True) as con:
        decide_review(con, one.id, DIFFERENT, CLERK)
        released(house, *people)
        (event,) = path(con, one.subject_a).events
        decide_undo(con, event.id, CLERK)
        released(house, *people)
        assert [r.subjects for r in open_reviews()] == [one.subjects]
        assert apart(con, "person") == []


def test_a_split_moves_the_named_keys_and_can_be_undone(house):
    people = person(1, id_no=CARD, name="张三"), person(2, id_no=CARD, name="张三")
    released(house, *people)
    both = subject(house, "00001")
    with connect(autocommit=True) as con:
        (link,) = [link for link in path(con, both).links if link.key == "00002"]
        with pytest.raises(IdentityError, match="not all"):
            decide_split(con, both, [one.id for one in path(con, both).links], CLERK)
        decide_split(con, both, [link.id], CLERK)
        released(house, *people)
        other = subject(house, "00002")
        assert (subject(house, "00001"), subject(house, CARD)) == (both, both)
        assert other != both
        released(house, people[0], people[1] | {"salary": "5"})  # its row still names the card of the other
        assert subject(house, "00002") == other
        (event,) = [e for e in path(con, both).events if e.event == "split"]
        decide_undo(con, event.id, CLERK)
        released(house, *people)
        assert subject(house, "00002") == both


def test_an_abandoned_candidate_lets_the_decision_wait(house):
    two_names_one_card(house)
    (one,) = open_reviews()
    before = house.digest()
    with connect(autocommit=True) as con:
        decide_review(con, one.id, SAME, CLERK)
    from warehouse import identity

    with house.candidate() as opened:
        identity.update(opened.con, opened.id, house.catalog)
    assert house.digest() == before
    (again,) = open_reviews()
    assert again.waiting is not None
    released(house, person(1, id_no=CARD, name="甲"), person(2, id_no=CARD, name="乙"))
    assert subject(house, "00001") == subject(house, "00002")


def test_a_decision_names_who_and_why_and_is_never_altered(house):
    two_names_one_card(house)
    (one,) = open_reviews()
    import psycopg

    with connect(autocommit=True) as con:
        with pytest.raises(IdentityError, match="why"):
            decide_review(con, one.id, SAME, By("post:hr-steward", "clerk", " "))
        decide_review(con, one.id, SAME, CLERK)
        with pytest.raises(IdentityError, match="waits for the next release"):
            decide_review(con, one.id, DIFFERENT, CLERK)
        with pytest.raises(psycopg.errors.RaiseException, match="keeps its rows"):
            con.execute("UPDATE yici.identity_decision SET reason = 'other'")


def test_who_sees_what_registers_say_is_recorded_and_nobody_else_sees_it(house):
    two_names_one_card(house)
    (one,) = open_reviews()
    assert "甲" not in repr(one)
    assert CARD not in repr(one)
    with connect(autocommit=True) as con:
        told = said(con, house.catalog, one.subjects, By("post:hr-steward", "clerk"), one.id)
        assert {each.values["name"] for each in told} == {"甲", "乙"}
        seen = con.execute("SELECT review, subjects, post, account FROM yici.identity_sight").fetchall()
    assert seen == [(one.id, list(one.subjects), "post:hr-steward", "clerk")]


def test_a_rebuilt_warehouse_has_the_decisions_and_what_came_of_them(house, elsewhere):
    people = two_names_one_card(house)
    (one,) = open_reviews()
    with connect(autocommit=True) as con:
        decide_review(con, one.id, SAME, CLERK)
        said(con, house.catalog, one.subjects, CLERK, one.id)
    released(house, *people)
    with connect(autocommit=True) as con:
        (event,) = [e for e in path(con, one.subject_a).events if e.event == "merge"]
        decide_undo(con, event.id, CLERK)
    house.land([*people, *(person(n, born_on=f"19{n}-01-01") for n in range(50, 70))])
    publish(house)
    before = contents()
    elsewhere()
    done = again(house)
    assert done.differences == []
    assert contents() == before
    with connect(autocommit=True) as con:
        assert apart(con, "person") == [one.subjects]


# --- probable pairs ---


def test_two_documents_of_one_person_are_found_and_wait_for_a_human(house):
    passport = {"id_no": "E10000001", "doc_type": "A"}
    known = {"name": "欧阳䶮", "born_on": "1980-02-29", "phone": "13800000001", "sex": "女"}
    released(house, person(1, id_no=OTHER_CARD, **known))
    assert find(house).pairs == 0
    released(house, person(1, id_no=OTHER_CARD, **known), person(3, **known, **passport))
    done = find(house)
    assert (done.new, done.pairs) == (1, 1)
    assert open_reviews() == []
    released(house, person(1, id_no=OTHER_CARD, **known), person(3, **known, **passport))
    (one,) = open_reviews()
    assert one.evidence == {
        "name": "same", "birthday": "same", "sex": "same", "phone": "same", "number": "other documents",
    }  # fmt: skip
    assert subject(house, "00001") != subject(house, "00003")
    assert find(house).new == 0


def test_namesakes_born_on_one_day_with_a_card_each_are_nobodys_question(house):
    name = {"name": "王伟", "born_on": "1980-02-29"}
    released(house, person(1, id_no=OTHER_CARD, **name), person(3, id_no="31010119800229004X", **name))
    assert find(house).pairs == 0


def test_twins_with_one_telephone_are_nobodys_question(house):
    home = {"born_on": "1980-02-29", "phone": "13800000001"}
    released(
        house,
        person(1, name="陈思", id_no="11010519800229003X", **home),
        person(3, name="陈墨", id_no="110105198002290056", **home),
    )
    assert find(house).pairs == 0


def test_a_wrong_character_and_one_telephone_are_asked_about(house):
    known = {"born_on": "1980-02-29", "phone": "13800000001"}
    released(
        house,
        person(1, name="欧阳䶮", id_no=OTHER_CARD, **known),
        person(3, name="欧阳?", id_no="E10000001", doc_type="A", **known),
    )
    assert find(house).pairs == 1


def test_a_pair_that_a_correction_explains_is_not_asked_about(house):
    known = {"name": "欧阳䶮", "born_on": "1980-02-29", "phone": "13800000001", "sex": "女"}
    by_passport = person(3, id_no="E10000001", doc_type="A", **known)
    released(house, person(1, id_no=OTHER_CARD, **known), by_passport)
    assert find(house).pairs == 1
    with house.candidate() as opened:  # an abandoned candidate enters it, and takes it back
        from warehouse import identity

        assert identity.update(opened.con, opened.id, house.catalog)["reviews"] == 1
    assert open_reviews() == []
    with connect(autocommit=True) as con:
        con.execute("UPDATE yici.identity_search SET release = 0")  # as if nobody had searched yet
        con.execute("UPDATE store.hr__staff SET name = '别人', phone = NULL WHERE staff_no = '00003'")
        assert probable.find(con, house.catalog).pairs == 0
    released(house, person(1, id_no=OTHER_CARD, **known), by_passport | {"name": "别人", "phone": None})
    assert open_reviews() == []


def test_a_pair_of_the_certain_rule_gets_its_evidence_too(house):
    people = two_names_one_card(house)
    find(house)
    released(house, *people)
    (one,) = open_reviews()
    assert one.reason == "same doc:1:CHN, names do not agree"
    assert one.evidence["number"] == "same"
    assert one.evidence["name"] == "differs"
