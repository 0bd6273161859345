"""What a single row can break: the contract's rules as DuckDB conditions over the typed row.

Every condition is true where the row breaks the rule. Nothing here asks a database; `expectations.admission` does, and
adds what can only be said beside other rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from catalogs.model import Catalog, CodeTable, Item, Resource
from connectors.duck import literal
from connectors.duck import quote as q
from expectations.dates import fixed_today
from expectations.formats import FORMATS, birthday_differs, identity_document, sex_differs
from expectations.texts import ill_formed_number, is_number, longest, together, unreadable
from warehouse.store import SOURCE_SUFFIX

# How far the clock of a source may be ahead of ours.
_AHEAD = "INTERVAL 1 HOUR"


@dataclass(frozen=True)
class RowCheck:
    """A named condition over the typed row that is true where the row breaks it.

    `readable` names the column of a check for unreadable characters: all texts of a row are searched at once.
    """

    rule: str
    broken: str
    dimension: str = "conformity"
    readable: str = ""


def row_checks(resource: Resource, catalog: Catalog) -> list[RowCheck]:
    """Return every condition under which a row of the resource is refused, but for those that need other rows.

    Args:
        resource: the contract.
        catalog: for code tables and time zone.
    """
    checks = []
    for item in resource.items:
        checks += _item_checks(resource, item, catalog)
    checks += _identity_checks(resource)
    for rule in resource.rules:
        if rule.on_failure == "refuse_row":
            where = fixed_today(rule.where or "false", catalog.campus.time_zone)
            checks.append(RowCheck(rule.id, f"coalesce(({where}), false)", rule.dimension))
    return checks


def _identity_checks(resource: Resource) -> list[RowCheck]:
    """What a resident's number says of its bearer, against the items of the same row that say it again."""
    identity = resource.subject.identity if resource.subject else None
    if identity is None:
        return []
    kind = literal(identity.type[1:]) if identity.type.startswith("=") else q(identity.type)
    checks = []
    for name, item, differs in (
        ("birthday", identity.birthday, birthday_differs),
        ("sex", identity.sex, sex_differs),
    ):
        if item:
            broken = f"coalesce({differs(q(identity.number), kind, q(item))}, false)"
            checks.append(RowCheck(f"{identity.number}.{name}", broken, "consistency"))
    return checks


def _item_checks(resource: Resource, item: Item, catalog: Catalog) -> list[RowCheck]:
    name, column = item.name, q(item.name)
    checks = []
    if item.required or item.name in resource.key:
        checks.append(RowCheck(f"{name}.required", f"({_missing(item)})", "completeness"))
    if item.enum:
        values = ", ".join(literal(str(value)) for value in item.enum)
        text = f"CAST({column} AS VARCHAR)"
        checks.append(RowCheck(f"{name}.enum", f"coalesce({text} <> '' AND {text} NOT IN ({values}), false)"))
    if item.is_coded:
        source = q(name + SOURCE_SUFFIX)
        known = f"{column} IS NOT NULL"
        table = catalog.codes.get(item.code_table or "")
        if table is not None and not item.code_map:
            known = f"{column} IN ({', '.join(map(literal, table.rows))})"
            checks += _retired(item, table, catalog.campus.time_zone)
        checks.append(
            RowCheck(
                f"{name}.code", f"({source} IS NOT NULL AND trim({source}) <> '' AND ({known}) IS NOT TRUE)"
            )
        )
        return checks
    if item.logical_type != "string":
        checks.append(RowCheck(f"{name}.type", f"({q('_was_' + name)} AND {column} IS NULL)"))
        for bound, sign in ((item.minimum, "<"), (item.maximum, ">")):
            if bound is not None:
                value = literal(str(bound)) if item.logical_type in ("date", "timestamp") else str(bound)
                kind = item.duck_type
                checks.append(
                    RowCheck(
                        f"{name}.range",
                        f"coalesce({column} {sign} CAST({value} AS {kind}), false)",
                        "accuracy",
                    )
                )
        return checks
    checks.append(
        RowCheck(
            f"{name}.text",
            f"coalesce({unreadable(column)}, false)",
            readable=column,
        )
    )
    if item.min_length is not None:
        checks.append(RowCheck(f"{name}.length", f"coalesce(length({column}) < {item.min_length:d}, false)"))
    if item.max_length is not None:
        checks.append(RowCheck(f"{name}.length", f"coalesce(length({column}) > {item.max_length:d}, false)"))
    if item.max_length is None and item.max_bytes is None:
        most = longest(resource, item)
        # Bytes are counted at no cost, characters are not.
        checks.append(
            RowCheck(
                f"{name}.length",
                f"coalesce(strlen({column}) > {most:d} AND length({column}) > {most:d}, false)",
            )
        )
    if is_number(resource, item):
        checks.append(RowCheck(f"{name}.form", f"coalesce({ill_formed_number(column)}, false)"))
    if item.max_bytes is not None:
        checks.append(RowCheck(f"{name}.bytes", f"coalesce(strlen({column}) > {item.max_bytes:d}, false)"))
    if item.pattern:
        checks.append(
            RowCheck(
                f"{name}.pattern",
                f"coalesce({column} <> '' AND NOT regexp_matches({column}, {literal(item.pattern)}), false)",
            )
        )
    valid = _format(resource, item)
    if valid:
        checks.append(
            RowCheck(f"{name}.format", f"coalesce({column} <> '' AND NOT ({valid}), false)", "accuracy")
        )
    return checks


def any_broken(checks: Sequence[RowCheck]) -> str:
    """Return the condition that a row breaks one of the checks."""
    texts = [check.readable for check in checks if check.readable]
    conditions = [unreadable(together(texts))] if texts else []
    conditions += [check.broken for check in checks if not check.readable]
    return " OR ".join(conditions) or "false"


def noted(resource: Resource, timezone: str) -> list[RowCheck]:
    """Return the rules that admit a row with a finding: those of the contract, and that no change is yet to come.

    A source whose clock is ahead writes rows that are right but for the time of their change.
    """
    checks = [
        RowCheck(rule.id, f"coalesce(({fixed_today(rule.where, timezone)}), false)", rule.dimension)
        for rule in resource.rules
        if rule.on_failure == "finding" and rule.where is not None
    ]
    mark = resource.ingest.watermark
    if mark and resource.item(mark).logical_type in ("date", "timestamp"):
        limit = f"CAST(_taken_at + {_AHEAD} AS {resource.item(mark).duck_type})"
        checks.append(RowCheck(f"{mark}.future", f"coalesce({q(mark)} > {limit}, false)", "accuracy"))
    return checks


def _retired(item: Item, table: CodeTable, timezone: str) -> list[RowCheck]:
    """A code that had been withdrawn when the extract was taken, unless the contract lets records keep theirs."""
    ended: dict[date, list[str]] = {}
    for code, row in table.rows.items():
        if row.valid_to is not None:
            ended.setdefault(row.valid_to, []).append(code)
    if not ended or item.properties.get("retiredCodes") == "keep":
        return []
    day = f"timezone({literal(timezone)}, _taken_at)::DATE"
    late = " OR ".join(
        f"{q(item.name)} IN ({', '.join(map(literal, codes))}) AND {day} > DATE {literal(on.isoformat())}"
        for on, codes in sorted(ended.items())
    )
    return [RowCheck(f"{item.name}.retired", f"coalesce({late}, false)")]


def _missing(item: Item) -> str:
    """Return the condition that the source sent nothing; what it sent and cannot be read breaks other rules."""
    if not item.is_coded and item.logical_type != "string":
        return f"{q('_was_' + item.name)} IS NOT TRUE"
    column = q(item.name + SOURCE_SUFFIX if item.is_coded else item.name)
    return f"{column} IS NULL OR trim({column}) = ''"


def _format(resource: Resource, item: Item) -> str | None:
    if item.format == "identity_document":
        identity = resource.subject.identity if resource.subject else None
        if not identity or identity.number != item.name:
            return None
        kind = identity.type
        return identity_document(q(item.name), literal(kind[1:]) if kind.startswith("=") else q(kind))
    return FORMATS[item.format](q(item.name)) if item.format in FORMATS else None
