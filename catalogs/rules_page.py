"""The reference page docs/catalog-rules.md, generated from the rules and key lists that the check uses.

Write it anew with `python -m catalogs.rules_page`.
"""

from pathlib import Path

from catalogs import words
from catalogs.between_rules import BETWEEN_DIMENSIONS, BETWEEN_KEYS, BETWEEN_SEVERITIES
from catalogs.certificates import CERTIFICATE_KEYS, LAYOUT_KEYS, STATED_KEYS
from catalogs.contract_items import ITEM_PROPERTIES, OPTIONS
from catalogs.contracts import CONTRACT_PROPERTIES, INGEST_KEYS, PARTITION_KEYS
from catalogs.decisions import APPROVAL_KEYS, POWER_KEYS
from catalogs.model import SUBJECT_TYPES, UPDATE_CYCLES
from catalogs.model_certificates import ASKED_BY
from catalogs.model_decisions import CHANGES, DECIDERS
from catalogs.model_posts import ROLES
from catalogs.notices import NOTICE_KEYS
from catalogs.quality import ON_FAILURE, RULE_PROPERTIES, SEVERITIES
from catalogs.read_keys import FORMATS
from catalogs.registers import SYSTEM_KINDS
from catalogs.rules import RULES
from catalogs.services import DEMAND_KEYS, FORM_KEYS, ITEM_KEYS, MATERIAL_KEYS, STEP_KEYS, VARIANT_KEYS
from catalogs.source_auth import AUTH_KEYS, SEND_AS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "catalog-rules.md"
_HEADS = {
    "F": "Files",
    "V": "Values",
    "C": "Contracts",
    "R": "Registers",
    "L": "Lists",
    "B": "Rules between systems",
    "S": "Service items and materials",
    "D": "Demands",
    "N": "Notices",
    "O": "Posts",
    "K": "Certificates",
    "P": "Powers",
    "W": "Forms in Word",
    "A": "Approvals",
}
_WORDS = {
    "System kind": SYSTEM_KINDS,
    "auth.type of a system": tuple(AUTH_KEYS),
    "auth.send_as of a system": SEND_AS,
    "status": words.STATUSES,
    "ingest.mode": words.MODES,
    "ingest.onAbsence": words.ABSENCES,
    "read.format": FORMATS,
    "subject.type": SUBJECT_TYPES,
    "logicalType": words.LOGICAL_TYPES,
    "shareType": words.SHARE_TYPES,
    "tier": words.TIERS,
    "updateCycle": UPDATE_CYCLES,
    "dataLevel": words.DATA_LEVELS,
    "piClass": words.PI_CLASSES,
    "guideType": words.GUIDE_TYPES,
    "formatClass": words.FORMAT_CLASSES,
    **{f"formatType of {kind}": types for kind, types in words.FORMAT_TYPES.items()},
    "shareModeClass": words.SHARE_MODE_CLASSES,
    "shareModeType": words.SHARE_MODE_TYPES,
    "qualityGate": words.QUALITY_DIMENSIONS,
    "subjectView": words.SUBJECT_VIEWS,
    "Rule severity": SEVERITIES,
    "onFailure": ON_FAILURE,
    "Severity between systems": BETWEEN_SEVERITIES,
    "Dimension between systems": BETWEEN_DIMENSIONS,
    "Case type": words.CASE_TYPES,
    "onlineDepth": words.DEPTHS,
    "Limit unit": words.LIMIT_UNITS,
    "Material necessity": words.NECESSITIES,
    "Material gap": words.GAPS,
    "Demand state": words.DEMAND_STATES,
    "Goal measure": words.GOAL_MEASURES,
    "Approval change": CHANGES,
    "Approval who": DECIDERS,
    "Role of a post": ROLES,
    "askedBy": ASKED_BY,
}


def render() -> str:
    """Return the page as Markdown."""
    lines = [
        "# Rules of the catalog check",
        "",
        "Generated from `catalogs/rules.py` and the key lists beside it by `python -m catalogs.rules_page`.",
        "",
        "Nothing is run on a catalog with an error; a warning is shown. Each fault names file, line and",
        "rule, what is wrong, what was expected and how to mend it; all faults are told at once.",
    ]
    for letter, head in _HEADS.items():
        lines += ["", f"## {head}", "", "| rule | severity | demands | why | mend |", "|---|---|---|---|---|"]
        for rule in RULES.values():
            if rule.id.startswith(letter):
                cells = (rule.id, rule.severity, rule.demands, rule.why, rule.mend)
                lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    lines += [
        "",
        "## Keys",
        "",
        "The fixed lists; an unknown key is an error (C02 in contracts, V02 elsewhere).",
        "",
    ]
    for place, names in (
        *((f"auth of a system, type {kind}", ("type", *sum(keys, ()))) for kind, keys in AUTH_KEYS.items()),
        ("contract", CONTRACT_PROPERTIES),
        ("item", ITEM_PROPERTIES),
        ("item.logicalTypeOptions", OPTIONS),
        ("quality rule", RULE_PROPERTIES),
        ("ingest", INGEST_KEYS),
        ("ingest.partition", PARTITION_KEYS),
        ("rule between systems", BETWEEN_KEYS),
        ("service item", ITEM_KEYS),
        ("form field", FORM_KEYS),
        ("step", STEP_KEYS),
        ("variant", VARIANT_KEYS),
        ("material", MATERIAL_KEYS),
        ("demand", DEMAND_KEYS),
        ("notice", NOTICE_KEYS),
        ("certificate", CERTIFICATE_KEYS),
        ("certificate.elements", STATED_KEYS),
        ("certificate.layout", LAYOUT_KEYS),
        ("power", POWER_KEYS),
        ("approval", APPROVAL_KEYS),
    ):
        lines.append(f"- {place}: {_listed(names)}")
    lines += ["", "## Closed lists of words", "", "| key | words |", "|---|---|"]
    lines += [f"| {key} | {_listed(known)} |" for key, known in _WORDS.items()]
    lines += [
        "",
        "## Open lists of words",
        "",
        "A campus adds its own under `words` in campus.yaml (V07).",
        "",
    ]
    lines += ["| key | words |", "|---|---|"]
    lines += [f"| {key} | {_listed(known)} |" for key, known in words.OPEN_WORDS.items()]
    return "\n".join(lines) + "\n"


def _listed(known: tuple[str, ...]) -> str:
    return ", ".join(f"`{word}`" for word in known)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
