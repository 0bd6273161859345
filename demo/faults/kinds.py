"""The kinds of faults, as data: the list is fixed (issue 5, after the design note on quality).

A kind becomes undetectable only by a decision record.
"""

from dataclasses import dataclass

ROW, CODES, TEXT, EXTRACT, BETWEEN = (
    "row shape",
    "codes and identity",
    "text",
    "extract",
    "between systems",
)
GROUPS = (ROW, CODES, TEXT, EXTRACT, BETWEEN)


@dataclass(frozen=True)
class Kind:
    """One kind of fault.

    Attributes:
        name: by which it is asked for.
        group: of the table.
        title: in the table's words.
        is_detectable: whether data alone can show it.
    """

    name: str
    group: str
    title: str
    is_detectable: bool = True


KINDS = {
    kind.name: kind
    for kind in (
        Kind("missing-key", ROW, "missing key"),
        Kind("duplicate-key-same", ROW, "duplicate key, same content"),
        Kind("duplicate-key-other", ROW, "duplicate key, other content"),
        Kind("null-required", ROW, "null in a required item"),
        Kind("over-long", ROW, "over-long value"),
        Kind("control-character", ROW, "control or NUL character"),
        Kind("wrong-type", ROW, "wrong type"),
        Kind("impossible-date", ROW, "impossible date"),
        Kind("future-date", ROW, "date in the future"),
        Kind("out-of-range", ROW, "number out of range"),
        Kind("nan", ROW, "NaN/Infinity"),
        Kind("negative-amount", ROW, "negative amount"),
        Kind("truncated-decimal", ROW, "truncated decimal"),
        Kind("unknown-code", CODES, "unknown code"),
        Kind("retired-code", CODES, "retired code"),
        Kind("other-code", CODES, "code of another table"),
        Kind("id-checksum", CODES, "wrong ID checksum"),
        Kind("id-birthday", CODES, "birth date against ID"),
        Kind("id-sex", CODES, "sex against ID"),
        Kind("swapped-ids", CODES, "swapped persons' IDs"),
        Kind("person-twice", CODES, "same person twice under two numbers"),
        Kind("number-twice", CODES, "one number for two persons"),
        Kind("lost-zeros", CODES, "lost leading zeros"),
        Kind("full-width", CODES, "full-width digits"),
        Kind("gbk-as-utf8", TEXT, "GBK read as UTF-8"),
        Kind("utf8-as-gbk", TEXT, "UTF-8 read as GBK"),
        Kind("question-mark", TEXT, "生僻字 replaced by ?"),
        Kind("trimmed-padded", TEXT, "trimmed or padded names"),
        Kind("column-shift", TEXT, "column shift in a CSV line"),
        Kind("broken-quoting", TEXT, "broken quoting"),
        Kind("truncated-file", EXTRACT, "truncated file"),
        Kind("empty-extract", EXTRACT, "empty extract"),
        Kind("half-written", EXTRACT, "half-written file"),
        Kind("same-file", EXTRACT, "same file again"),
        Kind("older-file", EXTRACT, "older file after a newer"),
        Kind("missing-day", EXTRACT, "missing day"),
        Kind("wrong-partition", EXTRACT, "wrong partition"),
        Kind("repeated-page", EXTRACT, "partial page / repeated page"),
        Kind("header-changed", EXTRACT, "header changed"),
        Kind("new-column", EXTRACT, "new column"),
        Kind("lost-column", EXTRACT, "lost column"),
        Kind("retyped-column", EXTRACT, "retyped column"),
        Kind("late-delivery", EXTRACT, "late delivery"),
        Kind("clock-skew", EXTRACT, "clock skew"),
        Kind("orphan", BETWEEN, "orphan reference"),
        Kind("parent-deleted", BETWEEN, "parent deleted before child"),
        Kind("sums", BETWEEN, "sums do not reconcile"),
        Kind("contradicting-status", BETWEEN, "contradicting status (enrolled and graduated)"),
        Kind("leaver-active", BETWEEN, "leaver still active"),
        Kind("plausible-value", BETWEEN, "one value plausible but false in a single system", False),
        Kind("same-error-twice", BETWEEN, "two systems wrong in the same way", False),
    )
}
