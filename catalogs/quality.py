"""The quality rules of a contract: SQL rules (row by row, or over an extract) and ODCS library metrics."""

from typing import Any

from catalogs.faults import Faults
from catalogs.fields import Fields
from catalogs.lined_yaml import LinedDict, line_of, plain
from catalogs.model import Metric, Rule
from catalogs.odcs import read_custom
from catalogs.sql import SqlFault, row_rule

SEVERITIES = ("error", "warning", "info")
REFUSE_ROW = "refuse_row"
ON_FAILURE = (REFUSE_ROW, "finding", "refuse_extract")
RULE_PROPERTIES = ("gbDimension", "onFailure", "waivable")


def read_quality(
    schema: LinedDict, file: str, faults: Faults
) -> tuple[tuple[Rule, ...], tuple[Metric, ...], dict[str, LinedDict]]:
    """Read the rules of a schema object and of its items.

    Returns:
        SQL rules, library metrics, and rule id → the mapping it was read from.
    """
    rules: list[Rule] = []
    metrics: list[Metric] = []
    docs: dict[str, LinedDict] = {}
    told: list[tuple[str | None, LinedDict]] = [(None, doc) for doc in schema.get("quality") or []]
    for item in schema.get("properties") or []:
        told += [(item["name"], doc) for doc in item.get("quality") or []]
    for number, (item_name, doc) in enumerate(told, start=1):
        rule_id = str(doc.get("id") or f"rule-{number}")
        fields = Fields(doc, file, f'rule "{rule_id}"', faults, line_of(doc))
        if rule_id in docs:
            fields.fault("V04", "id", "the id stands twice", expected="each id once")
            continue
        docs[rule_id] = doc
        kind = doc.get("type") or "library"
        if kind == "sql":
            rules.append(_rule(rule_id, fields))
        elif kind == "library":
            metrics.append(_metric(rule_id, fields, item_name))
        elif kind == "custom":
            fields.fault("V03", "type", 'type is "custom"', expected='"sql" or "library"')
    return tuple(rules), tuple(metrics), docs


def _common(fields: Fields) -> dict[str, Any]:
    custom = read_custom(fields.data, RULE_PROPERTIES, fields.file, fields.faults)
    own = Fields(custom, fields.file, fields.place, fields.faults, fields.line)
    severity = fields.text("severity", default="error", among=SEVERITIES)
    refuses = severity == "error" and fields.data.get("type") == "sql"
    return {
        "name": fields.text("name"),
        "severity": severity,
        "dimension": fields.text("dimension"),
        "gb_dimension": own.text("gbDimension"),
        "on_failure": own.text("onFailure", default=REFUSE_ROW if refuses else "finding", among=ON_FAILURE),
        "bounds": {key: plain(value) for key, value in fields.data.items() if key.startswith("must")},
        "waivable": own.flag("waivable", default=True),
    }


def _rule(rule_id: str, fields: Fields) -> Rule:
    common = _common(fields)
    query = str(fields.data["query"])
    where: str | None = None
    columns: tuple[str, ...] = ()
    try:
        condition = row_rule(query)
    except SqlFault as fault:
        fields.fault("C08", "query", str(fault))
    else:
        if condition is not None:
            where, columns = condition.where, condition.columns
            if common["bounds"] != {"mustBe": 0}:
                fields.fault(
                    "C08",
                    "query",
                    "a row rule counts breaking rows",
                    expected="mustBe: 0",
                    mend="write mustBe: 0",
                )
        elif common["on_failure"] == REFUSE_ROW:
            fields.fault("C08", "query", "a rule that refuses rows is not a row rule")
    return Rule(id=rule_id, query=query, where=where, columns=columns, **common)


def _metric(rule_id: str, fields: Fields, item_name: str | None) -> Metric:
    common = _common(fields)
    del common["waivable"]  # a person's word is about a row
    if common["on_failure"] == REFUSE_ROW:
        fields.fault("V03", None, "a library rule refuses rows", expected="finding or refuse_extract")
    metric = str(fields.data["metric"])
    arguments = plain(fields.mapping("arguments"))
    if metric != "rowCount" and item_name is None and not arguments:
        fields.fault(
            "V03", "metric", f'"{metric}" stands at no item', expected="the rule under the item it judges"
        )
    return Metric(
        id=rule_id, metric=metric, item=item_name, unit=fields.text("unit"), arguments=arguments, **common
    )
