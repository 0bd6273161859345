"""The keys under `read`: which format of file, or kind of source, knows which, and what they may hold.

A key that its format does not know is a fault like a misspelt one: what a contract says about reading is done
or refused, and never passed over. docs/own-campus.md says what each is for; a test holds the two together.
"""

from collections.abc import Callable

from catalogs.fields import Fields

FORMATS = ("csv", "fixed", "xlsx", "xls", "dbf", "jsonl", "parquet")
NO_QUOTE = "none"
WIDTH_UNITS = ("bytes", "characters")
_SUFFIXES = {"txt": "csv", "tsv": "csv"}
_SHEETS = ("xlsx", "xls")
_TEXTS = ("csv", "fixed", "dbf", "jsonl")
_UNTYPED = ("csv", "fixed", *_SHEETS, "dbf", "jsonl")

# Key → the formats of files and the kinds of sources that know it.
READ_KEYS: dict[str, tuple[str, ...]] = {
    "format": FORMATS,
    "done": FORMATS,
    "encoding": _TEXTS,
    "delimiter": ("csv",),
    "quote": ("csv",),
    "skip": ("csv", "fixed"),
    "header": ("csv", *_SHEETS),
    "headerRow": ("csv", *_SHEETS),
    "headerRows": _SHEETS,
    "columns": ("csv", "fixed", *_SHEETS),
    "widths": ("fixed",),
    "widthsIn": ("fixed",),
    "nulls": _UNTYPED,
    "trim": _UNTYPED,
    "path": ("rest", "lookup"),
    "rows": ("rest", "lookup"),
    "paging": ("rest",),
    "since": ("rest",),
    "params": ("lookup",),
    "accept": ("lookup",),
    "evidence": ("lookup",),
    "perMinute": ("lookup",),
    "perDay": ("lookup",),
    "ttl_s": ("lookup",),
}


def file_format(read_format: str, physical_name: str) -> str:
    """Return the format of a file: the declared one, else what its name ends with (`.txt` and `.tsv` are CSV)."""
    suffix = physical_name.partition("#")[0].rpartition(".")[2].casefold()
    return read_format or _SUFFIXES.get(suffix, suffix)


def tell_read_faults(read: Fields, kind: str, physical_name: str, items: int) -> None:
    """Tell keys that are not known where they stand, and values that cannot be meant.

    Args:
        read: the `read` mapping of a contract.
        kind: of its system; one that is only known at run time (`env:NAME`), or not at all, allows every key.
        physical_name: file name, table or path.
        items: how many items the contract has.
    """
    reader = file_format(read.text("format"), physical_name) if kind == "files" else kind
    is_open = not kind or kind.startswith("env:")
    read.only([key for key, readers in READ_KEYS.items() if is_open or reader in readers])
    read.text("format", among=FORMATS)
    for key in ("done", "path", "rows", "since", "evidence"):
        read.text(key)
    for key in ("paging", "params", "accept"):
        read.mapping(key)
    for key in ("perMinute", "perDay"):
        if read.whole(key, 1) == 0:
            read.fault("V03", key, f'"{key}" is 0', expected="a whole number ≥ 1")
    read.whole("ttl_s")
    read.words("nulls")
    read.flag("trim")
    _expect(
        read, "encoding", read.text("encoding"), _is_encoding, "the name of a text encoding, such as gb18030"
    )
    _expect(read, "delimiter", read.text("delimiter"), _is_character, "one character")
    quote = read.text("quote")
    if quote != NO_QUOTE:
        _expect(read, "quote", quote, _is_character, f'one character, or "{NO_QUOTE}"')
    read.whole("skip")
    _tell_header_faults(read, reader)
    if reader == "fixed":
        _tell_width_faults(read, items)


def _tell_header_faults(read: Fields, reader: str) -> None:
    has_header = read.flag("header", True) and reader != "fixed"
    columns = read.words("columns")
    first = read.whole("headerRow", 1) or 0
    count = read.whole("headerRows", 1) or 0
    if not 1 <= count <= first:
        read.fault("V03", "headerRow", "the header's rows do not fit", expected="headerRow ≥ headerRows ≥ 1")
    if columns and has_header:
        read.fault(
            "V03", "columns", '"columns" names what the header row names', expected="columns, or a header row"
        )
    for key in ("headerRow", "headerRows"):
        if key in read.data and not has_header:
            read.fault("V03", key, f'"{key}" without a header', expected="header: true")


def _tell_width_faults(read: Fields, items: int) -> None:
    read.text("widthsIn", among=WIDTH_UNITS)
    widths = read.data.get("widths")
    columns = len(read.words("columns")) or items
    if not isinstance(widths, list) or not all(type(width) is int and width > 0 for width in widths):
        read.fault(
            "V03",
            "widths" if widths is not None else None,
            '"widths" is not a list of widths',
            expected="a list like [12, 20, 8]",
            mend="write the width of each column in digits",
        )
    elif len(widths) != columns:
        read.fault(
            "V03", "widths", f"{len(widths)} widths for {columns} columns", expected="one width per column"
        )


def _expect(read: Fields, key: str, text: str, is_good: Callable[[str], bool], expected: str) -> None:
    if text and not is_good(text):
        read.fault("V03", key, f'"{key}" is "{text}"', expected=expected)


def _is_character(text: str) -> bool:
    return len(text) == 1


def _is_encoding(name: str) -> bool:
    try:
        # Not codecs.lookup: that knows "hex" and "zip" as well, which are no encodings of text.
        "".encode(name)
    except LookupError:
        return False
    return True
