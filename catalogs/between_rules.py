"""Rules between systems, as the campus writes them: `expectations/<id>.yaml`, one rule a file, read and checked.

They are content, since they name the campus's own resources: another university has its own. What they ask is run by
`expectations.between`; here it is decided only that they are well formed, name what exists, and read nothing but the
resources that they say they need, so that a release knows when to ask them.
"""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from catalogs.faults import Faults, did_you_mean
from catalogs.fields import Fields
from catalogs.lined_yaml import LinedDict, read_yaml
from catalogs.model import BetweenRule, Catalog, table_name

FOLDER = "expectations/"
BETWEEN_KEYS = (
    "id", "name", "resource", "needs", "severity", "dimension", "allowedShare", "population", "broken",
)  # fmt: skip
BETWEEN_SEVERITIES = ("critical", "warning", "info")
BETWEEN_DIMENSIONS = (
    "conformity", "completeness", "accuracy", "consistency", "timeliness", "accessibility",
)  # fmt: skip
_DIALECT = "postgres"
# What `expectations.between` binds; a colon before any other word is a slip.
BETWEEN_NAMES = ("day", "service_items", "post_holders")


def read_between_rule(content: bytes, file: str, faults: Faults) -> BetweenRule | None:
    """Read one rule between systems; None if there is too little of it to be one (the faults say why).

    Args:
        content: the file's bytes.
        file: `expectations/<id>.yaml`.
        faults: where faults are told.
    """
    doc = read_yaml(content, file, faults)
    if doc is None:
        return None
    if not isinstance(doc, LinedDict):
        faults.add("B01", file, 1, "not a mapping", expected="one rule between systems")
        return None
    rule_id = PurePosixPath(file).stem
    fields = Fields(doc, file, f'rule "{rule_id}"', faults)
    fields.only(BETWEEN_KEYS)
    if fields.code("id") not in ("", rule_id):
        fields.fault("B01", "id", f'id is "{doc["id"]}"', expected=f'"{rule_id}", as the file is named')
    told = {key: fields.text(key, required=True) for key in ("name", "resource", "population", "broken")}
    needs = fields.inner("needs", required=True)
    read = {name: needs.words(name) for name in needs.data} if needs else {}
    severity = fields.text("severity", required=True, among=BETWEEN_SEVERITIES)
    dimension = fields.text("dimension", required=True, among=BETWEEN_DIMENSIONS)
    if not (all(told.values()) and read and severity and dimension):
        return None
    return BetweenRule(
        id=rule_id,
        name=told["name"],
        resource=told["resource"],
        needs=read,
        severity=severity,
        dimension=dimension,
        allowed_share=fields.share("allowedShare", 0.0),
        population=told["population"],
        broken=told["broken"],
        file=file,
        lines=dict(doc.lines),
    )


def question(rule: BetweenRule) -> str:
    """Return the rule as one query: how many rows there are, and how many break it."""
    return (
        f"SELECT count(*), count(*) FILTER (WHERE ({rule.broken}) IS TRUE)"
        f" FROM ({rule.population}) AS population"
    )


def tell_between_faults(catalog: Catalog, faults: Faults) -> None:
    """Tell what a rule names that does not exist, and SQL that cannot be asked."""
    for rule in catalog.between.values():
        _tell_names(rule, catalog, faults)
        _tell_sql(rule, faults)


def _tell_names(rule: BetweenRule, catalog: Catalog, faults: Faults) -> None:
    def tell(key: str, what: str, **texts: str) -> None:
        faults.add("B02", rule.file, rule.lines[key], f'rule "{rule.id}": {what}', **texts)

    if rule.resource not in rule.needs:
        tell("resource", f'resource "{rule.resource}" is none of those it needs', mend="add it under needs")
    for name, items in rule.needs.items():
        resource = catalog.resources.get(name)
        if resource is None:
            tell("needs", f'no resource "{name}"', mend=did_you_mean(name, catalog.resources))
            continue
        if catalog.is_asked(name):
            tell("needs", f"{name} is only asked about one person at a time", mend="leave the rule out")
        for item in items:
            if not resource.has_item(item):
                known = [known.name for known in resource.items]
                tell("needs", f'{name} has no item "{item}"', mend=did_you_mean(item, known))


def _tell_sql(rule: BetweenRule, faults: Faults) -> None:
    for key, text, wrapped in (
        ("population", rule.population, rule.population),
        ("broken", rule.broken, f"SELECT {rule.broken}"),
    ):
        line = rule.lines[key]
        try:
            trees = [tree for tree in sqlglot.parse(wrapped, read=_DIALECT) if tree is not None]
        except SqlglotError as error:
            what, below = _first_fault(error)
            # A text in a block begins on the line after its key.
            line += below - 1 + ("\n" in text)
            faults.add("B03", rule.file, line, f'rule "{rule.id}", {key}: {what}')
            continue
        for what in _wrong(rule, key, trees):
            faults.add("B03", rule.file, line, f'rule "{rule.id}", {key}: {what}')


def _first_fault(error: SqlglotError) -> tuple[str, int]:
    """What the parser says, without the text that it quotes, and on which line of the SQL."""
    if isinstance(error, ParseError) and error.errors:
        first = error.errors[0]
        near = f' near "{first["highlight"]}"' if first.get("highlight") else ""
        return f"{first['description'].rstrip('.')}{near}", first.get("line") or 1
    return str(error).splitlines()[0], 1


def _wrong(rule: BetweenRule, key: str, trees: list[exp.Expression]) -> Iterator[str]:
    if len(trees) != 1 or not isinstance(trees[0], exp.Query):
        yield "not one SELECT" if key == "population" else "not one condition"
        return
    tree = trees[0]
    known = {table_name(name) for name in rule.needs}
    own = {cte.alias for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if table.db == "raw" and table.name in known:
            continue
        if not table.db and table.name in own:
            continue
        yield f'reads "{table.sql(_DIALECT)}", which is no table of a resource that it needs'
    for name in tree.find_all(exp.Placeholder):
        if name.name not in BETWEEN_NAMES:
            given = ", ".join(f":{one}" for one in BETWEEN_NAMES)
            yield f'":{name.name}" is nothing that a rule is given; known are {given}'


def files_of(files: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of every rule between systems among a catalog's files."""
    for path, content in files.items():
        if path.startswith(FOLDER):
            yield path, content
