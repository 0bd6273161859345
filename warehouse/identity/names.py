"""Names as different registers write them: what is folded, what is read alike, what is kept of a name here.

One person's name comes with and without middle dots, in full-width letters, with the family name first or last, in
traditional or variant characters, or with another character of the same sound where a system lacks the right one.
All Chinese variants of a character are read alike, so pinyin covers them without a list of variants.
"""

import hashlib
import re
import unicodedata
from functools import cache

_MIDDLE_DOTS = str.maketrans("", "", "·•・‧∙・．. \u3000")
_WORDS = re.compile(r"[^\W\d_]+")
_PARTS = re.compile(r"[a-z]+|.")
_UNREADABLE = re.compile(r"[?*□■○〇\ufffd\d]")


def fold_name(name: str) -> str:
    """Fold what writers of one name differ in: width, middle dots, blanks, case. For matching only."""
    return unicodedata.normalize("NFKC", name).translate(_MIDDLE_DOTS).casefold()


def sound(name: str) -> str:
    """Return how a name is read, whoever wrote it.

    Pinyin without tones, also where a register wrote the syllable for lack of the character; of a Latin name its words
    in alphabetical order, since registers differ in which comes first. Empty if a character cannot be read: `?`, a
    box, a digit.
    """
    syllables = _syllables()
    read = [syllables.get(char) for char in name]
    if all(read):
        return " ".join(filter(None, read))
    text = _plain(unicodedata.normalize("NFKC", name).casefold())
    if not is_han(text):
        return "" if _UNREADABLE.search(text) else " ".join(sorted(_WORDS.findall(text)))
    parts = _PARTS.findall(text.translate(_MIDDLE_DOTS))
    read = [part if part.isascii() and part.isalpha() else syllables.get(part) for part in parts]
    return " ".join(filter(None, read)) if all(read) else ""


def is_han(name: str) -> bool:
    """Whether a name has Chinese characters."""
    return not _syllables().keys().isdisjoint(name)


def name_digest(*names: str | None) -> str:
    """Return short digests of what a person is called, for comparing without keeping the names here.

    Args:
        names: of one person: today's, a former one; None and empty ones are left out.

    Returns:
        Digests parted by blanks: of each name folded, and of its sound. Empty if nothing was said.
    """
    return " ".join(dict.fromkeys(digest for name in names if name for digest in _digests(name)))


def agree(one: str, other: str) -> bool:
    """Whether two results of `name_digest` were both said and have a name, or its sound, in common."""
    return not set(one.split()).isdisjoint(other.split())


def joined(held: str, said: str) -> str:
    """Return the digests to keep with a link: all of one person's names, or the new ones if nothing is in common."""
    return " ".join(dict.fromkeys((*held.split(), *said.split()))) if agree(held, said) else said or held


def _digests(name: str) -> tuple[str, ...]:
    texts = [fold_name(name)]
    if read := sound(name):
        texts.append(f"sound:{read}")
    return tuple(hashlib.sha256(text.encode()).hexdigest()[:16] for text in texts)


def _plain(text: str) -> str:
    """Return letters without their marks, as passports print them."""
    return "".join(char for char in unicodedata.normalize("NFD", text) if not unicodedata.combining(char))


@cache
def _syllables() -> dict[str, str]:
    """Character → its first reading without tone; whoever compares reads both names by the same table."""
    from pypinyin.pinyin_dict import pinyin_dict  # a third of a second to import

    return {chr(code): _plain(readings.split(",")[0]) for code, readings in pinyin_dict.items()}
