"""The small campus with ways of deciding, and changes of it."""

from datetime import date

import catalogs
from catalogs.changes.edits import edits_between
from catalogs.changes.proposing import Prepared, prepare
from tests.catalogs import small

OFFICE, HEAD = "post:office", "post:office-head"
HR, HR_HEAD = "post:hr-data", "post:hr"
DAY = date(2026, 3, 2)  # a Monday
CAMPUS = {
    "code": "DEMO",
    "nameZh": "示例大学",
    "timeZone": "Asia/Shanghai",
    "dataOffice": "XXB",
    "leadOffice": "XX",
}
UNITS = small.UNITS + f"XXB,信息办,Data office,XX,机关,,{HEAD},{OFFICE},,,,\n"
APPROVALS = """\
- change: "demand"
  when: {shareType: "unconditional"}
  steps:
    - {seq: 1, who: "data_office", post: "steward", act: "授权", limit_days: 3}
    - {seq: 2, who: "provider", post: "steward", act: "知悉", limit_days: 0}
- change: "demand"
  when: {shareType: "conditional"}
  steps:
    - {seq: 1, who: "data_office", post: "steward", act: "形式审查", limit_days: 2}
    - {seq: 2, who: "provider", post: "steward", act: "决定", limit_days: 5}
  escalate: "accountable"
- change: "demand"
  when: {piClass: "sensitive"}
  steps:
    - {seq: 1, who: "data_office", post: "steward", act: "最小必要审查", limit_days: 3}
    - {seq: 2, who: "provider", post: "steward", act: "决定", limit_days: 5}
  fourEyes: true
  undertaking: "required"
  assessment: "required"
  escalate: "accountable"
- change: "demand"
  when: {shareType: "none"}
  steps:
    - {seq: 1, who: "data_office", post: "steward", act: "告知依据", limit_days: 1}
  outcome: "refused"
- change: "contract"
  steps:
    - {seq: 1, who: "provider", post: "steward", act: "起草", limit_days: 5}
    - {seq: 2, who: "data_office", post: "steward", act: "审核发布", limit_days: 3}
"""
PAPERS = {"undertaking": "承诺书", "assessment": "PIA-1"}


def campus(changes=None) -> small.Files:
    """Return the campus's files."""
    return small.campus(
        {"campus.yaml": CAMPUS, "units.csv": UNITS, "approvals.yaml": APPROVALS, small.DEMAND: demand()}
        | (changes or {})
    )


def demand(**changes):
    """Return the granted demand D-001."""
    return small.demand(
        **({"decision": {"state": "granted", "by": [OFFICE, HR], "on": "2026-01-01"}} | PAPERS | changes)
    )


def filed(number: str = "D-002", **changes):
    """Return a demand that somebody files, without a decision."""
    data = small.demand(demandId=number, replaces=[], elements=["XM"], **changes)
    del data["decision"]
    return data


def prepared(changes, base=None, by: str = HR) -> Prepared:
    """Return what a change of the campus would mean."""
    before = base or campus()
    after = small.with_files(dict(before), changes)
    return prepare(catalogs.load(before), edits_between(before, after), DAY, by)


def ways(found: Prepared) -> list[tuple[str, str, int]]:
    """Return who decides, or is informed (0 days), in order."""
    assert found.route is not None
    return [(step.post, step.act, step.limit_days) for step in found.route.steps]
