"""What no text of a source may hold, whatever its contract says: DuckDB expressions that are true where it does.

Control characters and U+FFFD show that somebody could not read a character. Mojibake shows that somebody read it
wrongly: of the bytes of two Chinese characters in UTF-8, a reader that expects GBK makes three that are hardly ever
neighbours in Chinese (never, in 47,000 idioms and a million characters of our own texts). Full-width digits in a
number, a question mark or a gap in a name, and a text of thousands of characters where a contract declares no length
are accidents, too.
"""

from collections.abc import Iterable, Sequence

from catalogs.model import LONGEST_TEXT, Item, Resource
from connectors.duck import literal

# Where a contract declares no length: characters of a number or code, of a person's name, of anything else.
LONGEST_NUMBER, LONGEST_NAME = 64, 100
PERSON_NAME = "person_name"
_CONTROL = r"[\x00-\x08\x0B\x0C\x0E-\x1F\x7F\x{FFFD}]"
_ILL_FORMED = r"[\x{FF01}-\x{FF5E}\x{3000}]|^[\s\x{A0}]|[\s\x{A0}]$"
_CHINESE = r"[\x{3400}-\x{9FFF}\x{20000}-\x{3FFFF}]"
_BLANKS = " \t\u00a0\u3000"


def _characters(leads: Iterable[int], trails: Iterable[int]) -> str:
    """Return a class of the characters whose GBK code has one of these bytes first and one of those second."""
    trails = list(trails)
    codes = sorted({ord(bytes([lead, trail]).decode("gb18030")) for lead in leads for trail in trails})
    ranges: list[tuple[int, int]] = []
    for code in codes:
        if ranges and code == ranges[-1][1] + 1:
            ranges[-1] = ranges[-1][0], code
        else:
            ranges.append((code, code))
    parts = (rf"\x{{{low:X}}}" + (rf"-\x{{{high:X}}}" if high > low else "") for low, high in ranges)
    return f"[{''.join(parts)}]"


# UTF-8 writes U+4000 to U+9FFF as a byte E4 to E9 and two of 80 to BF: two such characters are three pairs of bytes.
# No pair of GBK begins with 80: where a character does, the reader saw an error and left U+FFFD.
_FIRST, _LATER, _LEAD = range(0xE4, 0xEA), range(0x80, 0xC0), range(0x81, 0xC0)
_MOJIBAKE = _characters(_FIRST, _LATER) + _characters(_LEAD, _FIRST) + _characters(_LEAD, _LATER)
UNREADABLE = f"{_CONTROL}|{_MOJIBAKE}"


def unreadable(text: str) -> str:
    """True where a text holds what somebody could not read, or read in another encoding than it was written in."""
    return f"regexp_matches({text}, {literal(UNREADABLE)})"


def together(columns: Sequence[str]) -> str:
    """Return several texts as one, in which nothing of one stands beside anything of another."""
    return f"concat_ws(chr(10), {', '.join(columns)})"


def is_number(resource: Resource, item: Item) -> bool:
    """Whether a text is a number or a code by which something is found: part of the key, of a link, of an identity."""
    subject = resource.subject
    named = set(resource.key)
    if subject is not None:
        named |= {subject.key, *(link.item for link in subject.links)}
        if subject.identity is not None:
            named.add(subject.identity.number)
    return item.name in named


def ill_formed_number(text: str) -> str:
    """True where a number is written in full-width characters, or with blanks around it."""
    return f"regexp_matches({text}, {literal(_ILL_FORMED)})"


def person_name(text: str) -> str:
    """True for a name without what accidents leave in one.

    A question mark or a geta stands for a rare character (生僻字) that a system could not write; blanks come from
    fields of a fixed width and from forms that spread two characters over three.
    """
    wrong = rf"[?？*＊〓□]|\s\s|\x{{3000}}|{_CHINESE}[ \x{{A0}}]+{_CHINESE}"
    return f"({text} = trim({text}, {literal(_BLANKS)}) AND NOT regexp_matches({text}, {literal(wrong)}))"


def longest(resource: Resource, item: Item) -> int:
    """Return how many characters a text may have whose contract declares no length."""
    if is_number(resource, item):
        return LONGEST_NUMBER
    return LONGEST_NAME if item.format == PERSON_NAME else LONGEST_TEXT
