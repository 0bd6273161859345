"""A campus's people as real registers would write them: one more register, with numbers of its own, and its mistakes.

From the truth of the reference campus come four registers without mistakes. A fifth, the library's readers, knows
nearly half of the people under a reader's number, and writes each of them in one of the ways below. Twins and namesakes
born on one day are added among the students: nobody may take them for one person.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from random import Random

READERS = "library.readers"
_READ_BY = 0.45
_TWINS = _NAMESAKES = 0.004  # of the students
_COLUMNS = (
    "number",
    "name",
    "former_name",
    "sex",
    "born_on",
    "phone",
    "id_type",
    "id_no",
    "id_country",
    "old_id_no",
)


@dataclass(frozen=True)
class Row:
    """One row of a register.

    Attributes:
        register: system and table.
        person: whom the row is about in truth.
        kind: how it is written; "as it is" for what has no mistake.
        values: column → value.
    """

    register: str
    person: str
    kind: str
    values: dict[str, str | None]


def registers(truth: Sequence[dict], random: Random, order: str) -> list[Row]:
    """Return the rows of all five registers.

    Args:
        truth: lines of `python -m demo.truth`.
        random: same state, same mistakes.
        order: "fair" or "poor".
    """
    weights = [fair if order == "fair" else poor for _, fair, poor in _KINDS.values()]
    rows = [_written(one) for one in truth]
    rows += _strangers_alike(rows, random)
    by_person = {row.person: (row, one) for row, one in zip(rows, truth, strict=False)}
    people = list(by_person.values())
    cards = [row for row, _ in people if row.values["id_type"] == "1"]
    former: dict[str, str] = {}
    readers: list[Row] = []
    for row, one in people:
        if random.random() > _READ_BY:
            continue
        kind = random.choices(list(_KINDS), weights)[0]
        changes = _KINDS[kind][0](row.values, one, random, cards)
        kind = "as it is" if changes is None else kind
        values = row.values | (changes or {}) | {"number": f"R{len(readers):07d}", "former_name": None}
        if kind == "under a former name":
            former[row.person] = values["name"] or ""
        readers.append(Row(READERS, row.person, kind, values))
    renamed = [
        replace(row, values=row.values | {"former_name": former[row.person]}) if row.person in former else row
        for row in rows
    ]
    return [*renamed, *readers]


def _written(one: dict) -> Row:
    kept = one["documents"][0]
    values = {
        "number": one["number"], "name": one["name"], "former_name": one["former_name"] or None, "sex": one["sex"],
        "born_on": one["born_on"], "phone": one["phone"] or None, "id_type": kept["kind"], "id_no": kept["number"],
        "id_country": kept["country"], "old_id_no": None,
    }  # fmt: skip
    return Row(one["register"], one["person"], "as it is", values)


def _strangers_alike(rows: list[Row], random: Random) -> Iterator[Row]:
    students = [row for row in rows if row.register == "academic.students" and _has_card(row.values)]
    known = {row.values["id_no"] for row in rows}
    for place, row in enumerate(random.sample(students, int(len(students) * (_TWINS + _NAMESAKES)))):
        is_twin = place % 2 == 0
        card = row.values["id_no"] or ""
        for order in range(1, 400):
            # A twin's order number follows; a namesake comes from another county.
            area = card[:6] if is_twin else f"{card[:4]}{order % 20 + 30:02d}"
            number = _checked(f"{area}{card[6:14]}{(int(card[14:17]) + 2 * order) % 1000:03d}")
            if number not in known:
                break
        known.add(number)
        name = row.values["name"] or ""
        changes = {
            "number": f"T{place:06d}",
            "id_no": number,
            "name": name[:-1] + random.choice("安宁远航") if is_twin else name,
            "phone": row.values["phone"] if is_twin else _phone(random),
        }
        if changes["name"] != name or not is_twin:
            kind = "a twin" if is_twin else "a namesake born on the day"
            yield Row(row.register, f"{row.person}'s {kind}", kind, row.values | changes)


Values = dict[str, str | None]
Change = Callable[[Values, dict, Random, list[Row]], Values | None]


def _plain(values: Values, one: dict, random: Random, cards: list[Row]) -> Values | None:
    return None


def _new_phone(values: Values, one: dict, random: Random, cards: list[Row]) -> Values | None:
    return {"phone": _phone(random)}


def _no_phone(values: Values, one: dict, random: Random, cards: list[Row]) -> Values | None:
    return {"phone": None}


def _slip_in_phone(values: Values, one: dict, random: Random, cards: list[Row]) -> Values | None:
    phone = values["phone"]
    if not phone:
        return None
    place = random.randrange(3, 11)
    return {"phone": phone[:place] + str((int(phone[place]) + 1) % 10) + phone[place + 1 :]}


def _homophone(values: Values, one: dict, random: Random, cards: list[Row]) -> Values | None:
    name = values["name"] or ""
    places = [place for place, char in enumerate(name) if place and _same_sound(char)]
    if not places or "·" in name:
        return None
    place = random.choice(places)
    return {"name": name[:place] + random.choice(_same_sound(name[place])) + name[place + 1 :]}


def _unreadable(values: Values, one: dict, random: Random, cards: list[Row]) -> Values | None:
    name = values["name"] or ""
    if name.isascii() or "·" in name:
        return None
    place = random.randrange(1, len(name))
    return {"name": f"{name[:place]}?{name[place + 1 :]}"}


def _syllable(values: Values, one: dict, random: Random, cards: list[Row]) -> Values | None:
    from pypinyin import lazy_pinyin

    name = values["name"] or ""
    if name.isascii() or "·" in name:
        return None
    return {"name": name[:-1] + lazy_pinyin(name[-1])[0]}


def _other_dot(values: Values, one: dict, random: Random, cards: list[Row]) -> Values | None:
    name = values["name"] or ""
    return {"name": name.replace("·", "•")} if "·" in name else None


def _family_last(values: Values, one: dict, random: Random, cards: list[Row]) -> Values | None:
    family, comma, given = (values["name"] or "").partition(", ")
    return {"name": f"{given.title()} {family.title()}"} if comma else None


def _of_15_digits(values: Values, one: dict, random: Random, cards: list[Row]) -> Values | None:
    number = values["id_no"] or ""
    return {"id_no": number[:6] + number[8:17]} if _has_card(values) and number[6:8] == "19" else None


def _former_name(values: Values, one: dict, random: Random, cards: list[Row]) -> Values | None:
    if not _has_card(values) or (values["name"] or "").isascii():
        return None
    return {"name": (values["name"] or "")[:1] + random.choice(("建国", "招娣", "红旗", "卫东", "小妹"))}


def _renewed_and_said(values: Values, one: dict, random: Random, cards: list[Row]) -> Values | None:
    if values["id_type"] != "A":
        return None
    return {"id_no": f"EJ{random.randrange(10**7):07d}", "old_id_no": values["id_no"]}


def _renewed(values: Values, one: dict, random: Random, cards: list[Row]) -> Values | None:
    return {"id_no": f"EK{random.randrange(10**7):07d}"} if values["id_type"] == "A" else None


def _other_document(values: Values, one: dict, random: Random, cards: list[Row]) -> Values | None:
    if len(one["documents"]) > 1:
        other = one["documents"][1]
        return {"id_type": other["kind"], "id_no": other["number"], "id_country": other["country"]}
    return {"id_type": "A", "id_no": f"EL{random.randrange(10**7):07d}", "id_country": "CHN"}


def _both(first: Change) -> Change:
    """Another document, and one mistake more."""

    def change(values: Values, one: dict, random: Random, cards: list[Row]) -> Values | None:
        more = first(values, one, random, cards)
        return None if more is None else (_other_document(values, one, random, cards) or {}) | more

    return change


def _slip_in_birthday(values: Values, one: dict, random: Random, cards: list[Row]) -> Values | None:
    born = date.fromisoformat(values["born_on"] or "")
    return {"born_on": born.replace(day=born.day % 28 + 1).isoformat()}


def _second_card(values: Values, one: dict, random: Random, cards: list[Row]) -> Values | None:
    """A card's number mistyped so that it is valid: an earlier county, say."""
    number = values["id_no"] or ""
    if not _has_card(values):
        return None
    return {"id_no": _checked(f"{number[:4]}{random.randrange(50, 90)}{number[6:17]}")}


def _another_persons_card(values: Values, one: dict, random: Random, cards: list[Row]) -> Values | None:
    other = random.choice(cards).values
    if other["name"] == values["name"]:
        return None
    return {name: other[name] for name in ("id_type", "id_no", "id_country", "born_on", "sex")}


# How a reader is written, and in about how many of 1000 rows where registers are in fair and in poor order. Where it
# cannot be (no passport, no dot), the row is as it is.
_KINDS: dict[str, tuple[Change, float, float]] = {
    "as it is": (_plain, 510, 425),
    "another telephone": (_new_phone, 110, 100),
    "no telephone": (_no_phone, 110, 100),
    "a slip in the telephone": (_slip_in_phone, 40, 40),
    "a character of the same sound": (_homophone, 30, 50),
    "an unreadable character": (_unreadable, 4, 15),
    "pinyin for a character": (_syllable, 5, 10),
    "another middle dot": (_other_dot, 40, 40),
    "family name last": (_family_last, 60, 60),
    "a card of 15 digits": (_of_15_digits, 30, 60),
    "under a former name": (_former_name, 10, 20),
    "a renewed passport, old number named": (_renewed_and_said, 20, 30),
    "a renewed passport": (_renewed, 20, 25),
    "another document": (_other_document, 4, 12),
    "another document and telephone": (_both(_new_phone), 2, 6),
    "another document, no telephone": (_both(_no_phone), 2, 4),
    "another document, a slip in the birthday": (_both(_slip_in_birthday), 1, 4),
    "another document, an unreadable character": (_both(_unreadable), 0.5, 3),
    "another document, a character of the same sound": (_both(_homophone), 0.5, 3),
    "a second card of the same person": (_second_card, 0.5, 3),
    "another person's card": (_another_persons_card, 0.5, 2),
}


def _has_card(values: Values) -> bool:
    return values["id_type"] == "1" and len(values["id_no"] or "") == 18


def _phone(random: Random) -> str:
    return f"19{random.randrange(10**9):09d}"


def _checked(body: str) -> str:
    """Return an 18-digit number with its check character (GB 11643)."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(w * int(d) for w, d in zip(weights, body, strict=True)) % 11]


@cache
def _same_sound(char: str) -> str:
    """Return a few other characters that are read as this one is."""
    from pypinyin import lazy_pinyin

    read = lazy_pinyin(char)
    return "".join(
        other for other in map(chr, range(0x4E00, 0x9FA5)) if other != char and _first(other) == read[0]
    )[:6]


@cache
def _first(char: str) -> str:
    from pypinyin import lazy_pinyin

    return lazy_pinyin(char)[0]
