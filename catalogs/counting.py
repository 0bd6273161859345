"""How many of something, as people say and write it: `1 change`, `2 changes`, `1,200 changes`."""

from string import Formatter
from typing import Any


def counted(number: int, one: str, several: str = "") -> str:
    """Return a number and its word.

    Args:
        number: how many.
        one: the word for one.
        several: the word for any other number; by default with an s.
    """
    return f"{number:,} {one if number == 1 else several or one + 's'}"


class _Filling(Formatter):
    """Python's formatting, but for words that follow a number, and for numbers, which have their thousands apart."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if "|" in format_spec:
            one, several = format_spec.split("|")
            return one if str(value) == "1" else several
        if isinstance(value, int) and not format_spec:
            return f"{value:,}"
        return str(super().format_field(value, format_spec))


_FILLING = _Filling()


def filled(text: str, *parts: object, **values: object) -> str:
    """Return a text with what it names filled in.

    `{n}` has its thousands apart if it is a number; `{n!s}` is a number that names something (a version, a year) and
    stands as it is; `{n:row is|rows are}` is the one where n is one, else the other.

    Raises:
        KeyError, IndexError: the text names what is not given.
    """
    return _FILLING.format(text, *parts, **values)
