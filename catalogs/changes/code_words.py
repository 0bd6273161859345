"""The words that stand for the codes of closed lists, by the key that holds them, and for times: both languages."""

from collections.abc import Mapping
from typing import Any

from catalogs.counting import filled
from catalogs.english_words import ENGLISH
from catalogs.forms import labels
from catalogs.views import TIER_NAMES
from catalogs.views_services import AUDIENCE_NAMES, CHANNEL_NAMES, DEPTH_NAMES, LIMIT_UNIT_NAMES

_TIMES = {
    "workday": "{0} working {0:day|days}",
    "day": "{0} {0:day|days}",
    "hour": "{0} {0:hour|hours}",
    "minute": "{0} {0:minute|minutes}",
    "month": "{0} {0:month|months}",
}
_DIMENSIONS = {
    "conformity": "规范性", "completeness": "完整性", "accuracy": "准确性", "consistency": "一致性",
    "timeliness": "时效性", "accessibility": "可访问性",
}  # fmt: skip
CODE_WORDS: Mapping[str, Mapping[str, str]] = {
    "shareType": dict(labels.SHARE_TYPES),
    "updateCycle": dict(labels.UPDATE_CYCLES),
    "tier": TIER_NAMES,
    "state": dict(labels.DEMAND_STATES),
    "guideType": dict(labels.GUIDE_TYPES),
    "necessity": dict(labels.NECESSITIES),
    "unit": LIMIT_UNIT_NAMES,
    "channel": CHANNEL_NAMES,
    "channels": CHANNEL_NAMES,
    "audience": AUDIENCE_NAMES,
    "onlineDepth": DEPTH_NAMES,
    "join": dict(labels.JOINS),
    "onReturn": dict(labels.ON_RETURN),
    "role": {
        **dict(labels.ROLES),
        "data_office": "数据办", "reform_office": "改革专班", "administrator": "管理员", "leadership": "校领导",
        "auditor": "纪检监察", "engineer": "运维工程师",
    },
    "notify": dict(labels.NOTIFY),
    "ground": dict(labels.GROUNDS),
    "mode": {
        **dict(labels.DEMAND_MODES),
        "full": "全量", "watermark": "按水位增量", "append": "追加", "intraday": "当日多次",
    },
    "frequency": dict(labels.FREQUENCIES),
    "logicalType": {
        "string": "文本", "integer": "整数", "number": "数值", "boolean": "是/否", "date": "日期", "timestamp": "时间",
    },
    "piClass": {"none": "非个人信息", "personal": "个人信息", "sensitive": "敏感个人信息", "minor": "不满十四周岁"},
    "secrecy": {"none": "不涉密", "work": "工作秘密", "state": "国家秘密"},
    "subjectView": {"full": "全部可见", "masked": "脱敏后可见", "after_event": "事后可见", "none": "不可见"},
    "onAbsence": {"end": "视为终止", "keep": "保留", "keep_as_former": "转为曾经"},
    "onFailure": {"refuse_row": "退回该行", "refuse_extract": "退回整批", "finding": "记为质量问题"},
    "mask": {"hide": "全部隐去", "year": "只留年份"},
    "severity": {"critical": "严重", "warning": "一般", "info": "提示", "error": "错误"},
    "dimension": _DIMENSIONS,
    "gbDimension": _DIMENSIONS,
    "subjectType": {"person": "人员", "project": "项目", "unit": "单位", "room": "房间"},
}  # fmt: skip


def code_word(key: str, code: str, is_english: bool) -> str:
    """Return the word for a code in one of the closed lists; the code itself where the key holds none of them.

    Args:
        key: the catalog's key that holds it: `shareType`.
        code: what stands there: `conditional`.
        is_english: in which language.
    """
    word = CODE_WORDS.get(key, {}).get(code)
    if word is None:
        return code
    return ENGLISH[word] if is_english else word


def duration(value: Any, unit: str, is_english: bool) -> str:
    """Return how long something takes: `3 个工作日`, `3 working days`."""
    if is_english:
        return filled(_TIMES.get(unit, f"{{0}} {unit}"), value)
    return f"{value} {LIMIT_UNIT_NAMES.get(unit, unit)}"
