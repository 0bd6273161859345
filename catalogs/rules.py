"""The rules that a catalog keeps: a table, from which docs/catalog-rules.md is generated."""

from dataclasses import dataclass

ERROR = "error"
WARNING = "warning"


@dataclass(frozen=True)
class RuleText:
    """One rule of the check: what it demands, why, and how a breach is mended."""

    id: str
    severity: str
    demands: str
    why: str
    mend: str


_TABLE = (
    # files
    RuleText(
        "F01",
        ERROR,
        "A file is well-formed YAML or CSV in UTF-8.",
        "What cannot be parsed cannot be checked.",
        "mend the text at the line named",
    ),
    RuleText(
        "F02",
        ERROR,
        "A YAML value means the same under YAML 1.1 and 1.2.",
        "no, on, 01 and 10:30 are words to one parser and booleans or numbers to another.",
        "put the value or key in double quotes",
    ),
    RuleText(
        "F03",
        WARNING,
        "Every string value in YAML is quoted.",
        "An unquoted word is one edit away from changing its type.",
        "put the value in double quotes",
    ),
    RuleText(
        "F04",
        ERROR,
        "A mapping has each key once.",
        "Of two equal keys parsers keep either.",
        "remove one of the two",
    ),
    RuleText(
        "F05",
        ERROR,
        "A required file is there.",
        "Without campus.yaml, systems.yaml, units.csv and a contract there is no catalog.",
        "add the file",
    ),
    RuleText(
        "F06",
        ERROR,
        "A CSV register has the columns of its header, and each row as many cells as the header.",
        "A shifted cell is a wrong code.",
        "mend header or row; quote cells that contain commas",
    ),
    RuleText(
        "F07",
        ERROR,
        "A file of the catalog has a known name and place.",
        "A misspelt name would be silently ignored.",
        "rename or move the file",
    ),
    # values in registers and YAML files
    RuleText(
        "V01",
        ERROR,
        "A required key is present and not empty.",
        "Nothing can stand in for it.",
        "add the key",
    ),
    RuleText(
        "V02",
        ERROR,
        "A key is one that is known at its place.",
        "A misspelt key would be silently ignored.",
        "correct or remove the key",
    ),
    RuleText(
        "V03",
        ERROR,
        "A value is of the type and among the words its key allows.",
        "Generators rely on a closed list.",
        "use one of the values named",
    ),
    RuleText(
        "V04",
        ERROR,
        "Codes, names and keys are unique in their register.",
        "A reference to one of two is a guess.",
        "give one of them another code",
    ),
    RuleText(
        "V05",
        ERROR,
        "Codes and ids are ASCII.",
        "They become file names, table names and addresses.",
        "use A–Z, a–z, 0–9, -, _ and .",
    ),
    RuleText(
        "V06",
        ERROR,
        "A date is written YYYY-MM-DD and a period does not end before it begins.",
        "Validity decides rights.",
        "write the date as 2026-09-01",
    ),
    # contracts
    RuleText(
        "C01",
        ERROR,
        "A contract is valid under the ODCS 3.2.0 JSON Schema.",
        "Others read our contracts with their own tools.",
        "see the ODCS 3.2.0 standard for this key",
    ),
    RuleText(
        "C02",
        ERROR,
        "A custom property is of the fixed list for its place.",
        "A misspelt property would be silently ignored.",
        "correct or remove the property",
    ),
    RuleText(
        "C03",
        ERROR,
        "A contract describes one resource, named as its file: resources/<system>/<table>.odcs.yaml, name"
        ' "<system>.<table>".',
        "The name is the table's and the API's.",
        "make name and place agree",
    ),
    RuleText(
        "C04",
        ERROR,
        "A contract says its status.",
        "ODCS does not demand it; publication needs it.",
        'add status: "active"',
    ),
    RuleText(
        "C05",
        ERROR,
        "A resource has a primary key of required items.",
        "Differences, absence and facts all go by the key.",
        "mark the key's items primaryKey: true and required: true",
    ),
    RuleText(
        "C06",
        ERROR,
        "What a contract refers to exists: system, provider, element, code table, population, service "
        "item, resource, item.",
        "A dangling name is a promise nobody keeps.",
        "correct the name",
    ),
    RuleText(
        "C07",
        ERROR,
        "A code map's targets are codes of the item's code table.",
        "A value mapped to an unknown code would be refused row by row.",
        "map to a code of the table",
    ),
    RuleText(
        "C08",
        ERROR,
        "A row rule is SELECT COUNT(*) FROM ${object} WHERE …, parses as DuckDB SQL, reads only its own "
        "row and names only known items.",
        "Admission takes its WHERE clause and judges each row by it.",
        "rewrite the query",
    ),
    RuleText(
        "C09",
        ERROR,
        "An element has one authoritative item per population (一数一源).",
        "Two sources are a conflict that people must decide, not software.",
        "set authoritative: false on one of them, or give them different populations",
    ),
    RuleText(
        "C10",
        ERROR,
        "An item is authoritative only where the resource's key is the subject's key, or with many or pick.",
        "Otherwise several rows would answer for one subject.",
        "add many: true or pick, or make a derived resource",
    ),
    RuleText(
        "C11",
        ERROR,
        "Ingest names items that exist and fits its mode: watermark and intraday have a watermark, append a "
        "partition or watermark, intraday everyMinutes; keySweep is for watermark and intraday.",
        "A watermark that is not there reads everything, or nothing.",
        "correct the ingest block",
    ),
    RuleText(
        "C12",
        ERROR,
        "The condition of a share type is stated: conditional needs shareCondition or limitations, none "
        "needs noShareBasis.",
        "A closed door needs a legal basis (国令809, 2017 guide).",
        "state condition or basis",
    ),
    RuleText(
        "C13",
        ERROR,
        "A resource states system, resourceCode, shareType, tier, secrecy and updateCycle.",
        "The 2017 guide's core set.",
        "add the property",
    ),
    RuleText(
        "C14",
        ERROR,
        "A secret resource is not in the catalog.",
        "State secrets never land; the catalog may not even describe them.",
        "remove the contract; exclude secret rows of an open resource with ingest.exclude",
    ),
    RuleText(
        "C15",
        ERROR,
        "The subject's keys are items of the resource.",
        "Identity links go by them.",
        "correct the subject block",
    ),
    RuleText(
        "C16",
        ERROR,
        "A relationship goes to another resource's items of the same type.",
        "A reference that cannot match blocks its resource.",
        "correct relationships",
    ),
    RuleText(
        "C17",
        WARNING,
        "A relationship goes to the whole key of its resource.",
        "A reference to part of a key finds several rows.",
        "refer to all items of the key",
    ),
    RuleText(
        "C18",
        ERROR,
        "Authoritative definitions are not of a type that other tools fetch.",
        "datacontract-cli downloads type definition and semantics.",
        "use type taxonomy or businessDefinition",
    ),
    RuleText(
        "C19",
        WARNING,
        "An item's type fits its element's type.",
        "The same quantity has one type campus-wide.",
        "correct logicalType or the element",
    ),
    RuleText(
        "C20",
        ERROR,
        "A resource of a lookup system says what it is asked with: read.params names the source's parameters, each "
        "with an item that is the subject's key or has an element.",
        "It is asked with facts that we hold; nothing else may leave.",
        'add read.params, for example {id_no: "id_no", name: "name"}',
    ),
    RuleText(
        "C21",
        ERROR,
        "Update cycle realtime is only for resources read intraday every 5 minutes or oftener, and for those of "
        "lookup systems.",
        "What is read once a day is not 实时, whatever is declared.",
        "read it intraday, or state the cycle in which it really comes",
    ),
    # registers
    RuleText(
        "R01",
        ERROR,
        "What a register refers to exists: parent and successor unit, code table, population's register.",
        "A dangling code is a gap nobody sees.",
        "correct the code",
    ),
    RuleText(
        "R02",
        ERROR,
        "A population's rule parses as DuckDB SQL and names only items of its register.",
        "Membership is decided by it.",
        "correct the rule",
    ),
    RuleText(
        "R03",
        WARNING,
        "The calendar lists the present year and, from 1 December, the next.",
        "Every limit and freshness promise counts days by it.",
        "add the missing year to calendar.csv",
    ),
    RuleText(
        "R04",
        ERROR,
        "A chain of parents does not return to itself.",
        "Nobody would be responsible.",
        "correct the parent",
    ),
    # service items and materials
    RuleText(
        "S01",
        ERROR,
        "What a service item refers to exists: units, elements, materials, power.",
        "A form field without an element cannot be filled.",
        "correct the code",
    ),
    RuleText(
        "S02",
        ERROR,
        "Every fact a material proves has a source, or the material has a named gap.",
        "Every demand row resolves to one responsibility row or to a named gap (CATALOG §2 A).",
        'make an item authoritative for the element, or set gap: "无源" (or 争议, 不予共享, 待归集)',
    ),
    RuleText(
        "S03",
        ERROR,
        "A predicate is is_known, is_true, not_expired, in:…, eq:…, ge:n or le:n.",
        "Others cannot be judged.",
        "use one of the predicates named",
    ),
    RuleText(
        "S04",
        ERROR,
        "A service item keeps the guide's rules: 即办件 promises 0 days, depth IV means 0 visits, visits "
        "above 0 have a reason.",
        "CATALOG §3.5.",
        "make the fields agree",
    ),
    RuleText(
        "S05",
        ERROR,
        "The steps' units take part in the item, sequence numbers are unique and a flow has a first step.",
        "A case would stop at nobody's desk.",
        "correct the steps",
    ),
    RuleText(
        "S06",
        WARNING,
        "A form field that the applicant may not edit has a source.",
        "It would stay empty and closed.",
        "make an item authoritative for the element, or editable: true",
    ),
    # demands
    RuleText(
        "D01",
        ERROR,
        "What a demand refers to exists: unit, client, elements, service item, materials.",
        "A right to nothing is a mistake.",
        "correct the code",
    ),
    RuleText(
        "D02",
        ERROR,
        "A decided demand is complete: basis, ground, client, validity, who decided and when.",
        "A grant without its paper is not one.",
        "add what is missing",
    ),
    RuleText(
        "D03",
        ERROR,
        "A granted demand asks for nothing that is not shared.",
        "An item of share type none is never granted.",
        "remove the element, or have its share type decided anew",
    ),
    RuleText(
        "D04",
        WARNING,
        "Every element of a granted demand has a source.",
        "Every demand row resolves to one responsibility row or to a named gap.",
        "make an item authoritative for the element, or remove it from the demand",
    ),
    RuleText(
        "D05",
        WARNING,
        "What a granted demand asks for is used by its service item.",
        "As little data as the purpose needs.",
        "remove the element, or add it to form or materials",
    ),
)

RULES: dict[str, RuleText] = {rule.id: rule for rule in _TABLE}
