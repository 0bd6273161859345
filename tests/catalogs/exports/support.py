"""A made-up campus with something of every tier, and the shapes of others that judge exports."""

import os
import re
from pathlib import Path

import pytest

import catalogs
from catalogs.model import Catalog
from tests.catalogs.small import AWARDS, SERVICE, STAFF, awards, campus, item, service_item, staff

# Words that are of the campus or the office alone, or of a person: the public must not see one of them.
INNER_ITEMS = ("inner_salary", "office_case")
INNER_WORDS = (
    *INNER_ITEMS,
    "C_INNER_SALARY",
    "C_OFFICE_CASE",
    "t_staff",
    "t_awards",
    "academic.awards",
    "award_no",
    "3070201/academic-awards",
    "获奖登记",
    "人事系统",
    "教务系统",
    "YICI_HR_DROP",
    "涉密",
)
PERSONS = ("王小明", "赵经办", "li.lei")


def standard(*names: str) -> list[Path]:
    """Return files of published standards, from YICI_STANDARDS or the folder beside the checkout; skip without."""
    beside = Path(__file__).resolve().parents[4] / "shared" / "standards"
    folder = Path(os.environ.get("YICI_STANDARDS") or beside)
    files = [folder / name for name in names]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        pytest.skip(f"{', '.join(missing)} not there: YICI_STANDARDS names the folder of published shapes")
    return files


def layered_campus(**campus_keys: object) -> Catalog:
    """Return a campus with public, campus and office things in it, and names of persons where people write them."""
    doc = staff()
    doc["team"] = {
        "name": "人事处",
        "members": [
            {"username": "post:hr-head", "role": "accountable"},
            {"username": "li.lei", "role": "steward"},
        ],
    }
    table = doc["schema"][0]
    table["properties"] += [
        item("inner_salary", custom={"tier": "campus"}, physicalName="C_INNER_SALARY"),
        item("office_case", custom={"tier": "office"}, physicalName="C_OFFICE_CASE"),
    ]
    table["quality"].append(
        {
            "id": "office-rule",
            "type": "sql",
            "severity": "error",
            "query": "SELECT COUNT(*) FROM ${object} WHERE office_case = 'x'",
            "mustBe": 0,
        }
    )
    inner = awards(tier="campus")
    inner["schema"][0]["businessName"] = "获奖登记"
    service = service_item(
        contacts=[{"unit": "RS", "person": "王小明", "post": "post:hr-clerk", "phone": "内线1"}],
        consult={"unit": "RS", "person": "赵经办", "phone": "内线1"},
        places=[{"campus": "东区", "address": "行政楼", "hours": "8:30–17:00", "window": "3 号"}],
        result={"nameZh": "在职证明", "kind": "出证", "delivery": ["电子"]},
        legalBasis=[{"title": "证明开具办法", "no": "校人〔2025〕7号", "clause": "第四条"}],
        acceptConditions="在职教职工。",
        description="为在职教职工出具证明。",
        fee={"charged": False},
    )
    keys = {"code": "DEMO", "nameZh": "示例大学", "nameEn": "Sample University", "timeZone": "Asia/Shanghai"}
    return catalogs.load(
        campus(
            {
                STAFF: doc,
                AWARDS: inner,
                SERVICE: service,
                "campus.yaml": keys | campus_keys,
            }
        )
    )


def words(text: str) -> set[str]:
    """Return the words of a text."""
    return set(re.findall(r"\w+", text))
