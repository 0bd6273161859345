"""How a landed value becomes a typed one: DuckDB expressions that never round, guess or replace.

Each expression is NULL where the value cannot be read as the contract's type, and admission refuses a row in which
a value was there and its typed form is not. Plain casts are not used on text: they would turn "1.5" into 2.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from catalogs.model import CodeTable, Item
from connectors.duck import literal

DATE_FORMATS = ("%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日")
_FAST_DIGITS = 18
_TRUE = ("1", "t", "true", "y", "yes", "是")
_FALSE = ("0", "f", "false", "n", "no", "否")
_DATE_TEXT = (
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}|[0-9]{8}|[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}"
    r"|[0-9]{4}\.[0-9]{1,2}\.[0-9]{1,2}|[0-9]{4}年[0-9]{1,2}月[0-9]{1,2}日"
)


def source_text(column: str, landed: str) -> str:
    """Return the landed value as text; a whole number that was kept as a binary fraction has no point in it."""
    if landed == "VARCHAR":
        return column
    text = f"CAST({column} AS VARCHAR)"
    return f"regexp_replace({text}, '\\.0$', '')" if landed == "DOUBLE" else text


def typed(item: Item, column: str, landed: str, codes: Mapping[str, CodeTable], timezone: str) -> str:
    """Return the expression that types one landed column as its item says.

    Args:
        item: the contract's item.
        column: the landed column, quoted.
        landed: its DuckDB type.
        codes: the campus's code tables.
        timezone: IANA name in which times without a zone are meant.
    """
    if item.is_coded:
        return _coded(item, f"trim({source_text(column, landed)})")
    kinds = {
        "string": _string,
        "integer": _integer,
        "number": _number,
        "boolean": _boolean,
        "date": _date,
        "timestamp": _timestamp,
    }
    return kinds[item.logical_type](item, column, landed, timezone)


def _coded(item: Item, text: str) -> str:
    if not item.code_map:
        return f"nullif({text}, '')"
    whens = " ".join(f"WHEN {literal(src)} THEN {literal(std)}" for src, std in item.code_map.items())
    return f"CASE {text} {whens} END"


def _string(item: Item, column: str, landed: str, timezone: str) -> str:
    return source_text(column, landed)


def _integer(item: Item, column: str, landed: str, timezone: str) -> str:
    if landed in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"):
        return f"CAST({column} AS BIGINT)"
    text = f"trim({source_text(column, landed)})"
    whole = f"TRY_CAST(split_part({text}, '.', 1) AS BIGINT)"
    return f"CASE WHEN regexp_full_match({text}, '[+-]?[0-9]+(\\.0+)?') THEN {whole} END"


def _number(item: Item, column: str, landed: str, timezone: str) -> str:
    if landed in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT") or _scale_of(landed) <= item.scale:
        return f"TRY_CAST({column} AS {item.duck_type})"
    text = f"trim({source_text(column, landed)})"
    digits = rf"[+-]?[0-9]+(\.[0-9]{{0,{item.scale}}}0*)?" if item.scale else r"[+-]?[0-9]+(\.0*)?"
    number = f"TRY_CAST({text} AS {item.duck_type})"
    if item.scale < _FAST_DIGITS:
        # A million texts become DECIMAL(38) in 13 s and DECIMAL(18) in 0.05 s (DuckDB 1.5.5): only what is too long
        # for the narrow one goes the slow way.
        narrow = f"TRY_CAST({text} AS DECIMAL({_FAST_DIGITS},{item.scale}))"
        number = f"coalesce(CAST({narrow} AS {item.duck_type}), {number})"
    return f"CASE WHEN regexp_full_match({text}, {literal(digits)}) THEN {number} END"


def _scale_of(landed: str) -> float:
    if not landed.startswith("DECIMAL("):
        return float("inf")
    return int(landed.removeprefix("DECIMAL(").removesuffix(")").split(",")[1])


def _boolean(item: Item, column: str, landed: str, timezone: str) -> str:
    if landed == "BOOLEAN":
        return column
    text = f"lower(trim({source_text(column, landed)}))"
    true = ", ".join(map(literal, _TRUE))
    false = ", ".join(map(literal, _FALSE))
    return f"CASE WHEN {text} IN ({true}) THEN true WHEN {text} IN ({false}) THEN false END"


def _date(item: Item, column: str, landed: str, timezone: str) -> str:
    if landed == "DATE":
        return f"CASE WHEN isfinite({column}) THEN {column} END"
    if landed == "TIMESTAMP":
        is_day = f"isfinite({column}) AND {column} = date_trunc('day', {column})"
        return f"CASE WHEN {is_day} THEN CAST({column} AS DATE) END"
    text = f"trim({source_text(column, landed)})"
    day = f"regexp_replace({text}, '[T ]00:00:00(\\.0+)?$', '')"
    formats = ", ".join(map(literal, DATE_FORMATS))
    return (
        f"CASE WHEN regexp_full_match({day}, {literal(_DATE_TEXT)})"
        f" THEN CAST(try_strptime({day}, [{formats}]) AS DATE) END"
    )


def _timestamp(item: Item, column: str, landed: str, timezone: str) -> str:
    zone = literal(timezone)
    if landed == "TIMESTAMP WITH TIME ZONE":
        return f"CASE WHEN isfinite({column}) THEN {column} END"
    if landed == "TIMESTAMP":
        return (
            f"CASE {_settled(column, timezone)} WHEN isfinite({column}) THEN timezone({zone}, {column}) END"
        )
    if landed.startswith("TIMESTAMP") or landed == "DATE":
        return f"CASE WHEN isfinite({column}) THEN timezone({zone}, CAST({column} AS TIMESTAMP)) END"
    text = f"trim({source_text(column, landed)})"
    zoned = r".*[0-9]([zZ]|[+-][0-9]{2}(:?[0-9]{2})?)$"
    return (
        f"CASE WHEN regexp_full_match({text}, {literal('[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}[ T].*' + zoned[2:])})"
        f" THEN TRY_CAST({text} AS TIMESTAMPTZ)"
        f" WHEN regexp_full_match({text}, '[0-9]{{4}}[-/][0-9]{{1,2}}[-/][0-9]{{1,2}}.*')"
        f" THEN timezone({zone}, TRY_CAST(replace({text}, '/', '-') AS TIMESTAMP)) END"
    )


def _settled(column: str, timezone: str) -> str:
    """Return the WHEN for local times in which the zone's offset is known to be one number: seven times as fast."""
    known = settled_offset(timezone)
    if known is None:
        return ""
    since, offset = known
    moved = f"make_timestamptz(epoch_us({column}) - {offset // timedelta(microseconds=1)})"
    return f"WHEN {column} >= TIMESTAMP '{since:%Y-%m-%d}' AND {column} < TIMESTAMP '{_FAR:%Y-%m-%d}' THEN {moved}"


_FAR = datetime(2100, 1, 1, tzinfo=UTC)
_WEEK = timedelta(days=7)


@cache
def settled_offset(timezone: str) -> tuple[datetime, timedelta] | None:
    """Return from when on, and until 2100, local times of a zone have one offset to UTC; None if they have not.

    No change of clocks has ever been taken back within a week, so a look at every week misses none.
    """
    zone = ZoneInfo(timezone)
    at, offset = _FAR, _FAR.astimezone(zone).utcoffset()
    while at.year > 1900 and at.astimezone(zone).utcoffset() == offset:
        at -= _WEEK
    since = at + 2 * _WEEK
    return None if since > datetime.now(UTC) or offset is None else (since, offset)
