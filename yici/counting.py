"""How many of something, as people say it: `1 change`, `2 changes`."""


def counted(number: int, one: str, several: str = "") -> str:
    """Return a number and its word.

    Args:
        number: how many.
        one: the word for one.
        several: the word for any other number; by default with an s.
    """
    return f"{number:,} {one if number == 1 else several or one + 's'}"
