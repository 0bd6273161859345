"""The reference page says what the check does."""

import re
from pathlib import Path

import catalogs
from catalogs import rules_page
from catalogs.rules import RULES
from tests.catalogs import (
    test_between_rules,
    test_certificates,
    test_decisions,
    test_faults,
    test_flows,
    test_guides,
    test_posts,
    test_registers,
    test_resources,
    test_rights,
    test_things_and_sums,
    test_word_forms,
)

NEWER = (
    test_between_rules,
    test_certificates,
    test_decisions,
    test_flows,
    test_guides,
    test_posts,
    test_registers,
    test_resources,
    test_rights,
    test_things_and_sums,
    test_word_forms,
)

ROOM = Path(catalogs.__file__).parent


def test_the_page_in_docs_is_current():
    assert rules_page.PAGE.read_text(encoding="utf-8") == rules_page.render()


def test_every_rule_named_in_code_exists_and_every_rule_is_used():
    code = "".join(
        path.read_text(encoding="utf-8") for path in ROOM.glob("*.py") if path.name not in ("rules.py",)
    )
    named = set(re.findall(r'"([A-Z][0-9]{2})"', code))
    assert named == set(RULES)


def test_every_rule_is_tested_by_a_breach_and_nothing_else_is():
    broken = {rule for rule, *_ in test_faults.BREACHES} | {
        one.rule for module in NEWER for one in module.BREACHES
    }
    assert broken == set(RULES)
