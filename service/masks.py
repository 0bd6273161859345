"""Masks: how much of a value a grant shows.

`keep:a,b` keeps a first and b last characters; `last:n`; `year`; `hide`.
"""


def apply(mask: str, value: str) -> str:
    """Return the masked text; an unknown mask hides everything, which catalog check would have named.

    A value too short to hide anything of is hidden whole.
    """
    kind, _, argument = mask.partition(":")
    if kind == "keep":
        first, last = (int(part) for part in argument.split(","))
        if len(value) <= first + last:
            return "*" * len(value)
        return value[:first] + "*" * (len(value) - first - last) + value[len(value) - last :]
    if kind == "last":
        count = int(argument)
        return "*" * len(value) if len(value) <= count else "*" * (len(value) - count) + value[-count:]
    if kind == "year":
        return value[:4]
    return "*" * len(value)
