"""The reference page docs/catalog-rules.md, generated from the rules and key lists that the check uses.

Write it anew with `python -m catalogs.rules_page`.
"""

from pathlib import Path

from catalogs.contracts import (
    ABSENCES,
    CONTRACT_PROPERTIES,
    INGEST_KEYS,
    ITEM_PROPERTIES,
    LOGICAL_TYPES,
    MODES,
    PARTITION_KEYS,
    SHARE_TYPES,
    STATUSES,
    SUBJECT_VIEWS,
    TIERS,
)
from catalogs.model import SUBJECT_TYPES, UPDATE_CYCLES
from catalogs.quality import ON_FAILURE, RULE_PROPERTIES, SEVERITIES
from catalogs.read_keys import FORMATS
from catalogs.registers import SYSTEM_KINDS
from catalogs.rules import RULES
from catalogs.services import CASE_TYPES, DEMAND_STATES, DEPTHS, GAPS, NECESSITIES

PAGE = Path(__file__).resolve().parent.parent / "docs" / "catalog-rules.md"
_HEADS = {
    "F": "Files",
    "V": "Values",
    "C": "Contracts",
    "R": "Registers",
    "S": "Service items and materials",
    "D": "Demands",
}
_WORDS = {
    "System kind": SYSTEM_KINDS,
    "status": STATUSES,
    "ingest.mode": MODES,
    "ingest.onAbsence": ABSENCES,
    "read.format": FORMATS,
    "subject.type": SUBJECT_TYPES,
    "logicalType": LOGICAL_TYPES,
    "shareType": SHARE_TYPES,
    "tier": TIERS,
    "updateCycle": UPDATE_CYCLES,
    "subjectView": SUBJECT_VIEWS,
    "Rule severity": SEVERITIES,
    "onFailure": ON_FAILURE,
    "Case type": CASE_TYPES,
    "onlineDepth": DEPTHS,
    "Material necessity": NECESSITIES,
    "Material gap": GAPS,
    "Demand state": DEMAND_STATES,
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
    lines += ["", "## Custom properties", "", "The fixed lists; an unknown property is an error (C02).", ""]
    for place, names in (
        ("contract", CONTRACT_PROPERTIES),
        ("item", ITEM_PROPERTIES),
        ("quality rule", RULE_PROPERTIES),
        ("ingest", INGEST_KEYS),
        ("ingest.partition", PARTITION_KEYS),
    ):
        lines.append(f"- {place}: {_listed(names)}")
    lines += ["", "## Closed lists of words", "", "| key | words |", "|---|---|"]
    lines += [f"| {key} | {_listed(words)} |" for key, words in _WORDS.items()]
    return "\n".join(lines) + "\n"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
