"""What is shown of quality, in Chinese and in English: dimensions, severities, signs, events."""

from collections.abc import Mapping

DIMENSIONS = ("conformity", "completeness", "accuracy", "consistency", "timeliness", "accessibility")
TOTAL = "total"

_ZH: Mapping[str, str] = {
    "conformity": "规范性", "completeness": "完整性", "accuracy": "准确性", "consistency": "一致性",
    "timeliness": "时效性", "accessibility": "可访问性", "total": "总分", "unit": "单位", "system": "业务系统",
    "resource": "数据资源", "rule": "规则", "campus": "全校", "critical": "严重", "warning": "一般", "info": "提示",
    "✓": "正常", "!": "关注", "✕": "异常", "–": "无数据",
    "opened": "开单", "overdue": "逾期", "climbed": "上报", "commented": "说明", "handed": "转办",
    "answered": "已向反映人反馈", "closed": "销号", "reopened": "重开",
    "complaint": "投诉", "experience": "体验检查", "walkthrough": "走流程", "correction": "纠错",
    "sample": "双随机抽查", "extract": "读取",
}  # fmt: skip
_EN: Mapping[str, str] = {
    "total": "total", "✓": "good", "!": "watch", "✕": "bad", "–": "no data", "answered": "told the person",
    "handed": "handed over", "walkthrough": "walk-through", "experience": "trial visit", "sample": "random sample",
}  # fmt: skip
LANGUAGES: Mapping[str, Mapping[str, str]] = {"zh": _ZH, "en": _EN}


def word(key: str, lang: str = "zh") -> str:
    """Return how a word is shown; a word that is the same in English is returned as it is."""
    return LANGUAGES[lang].get(key, key)


def shown(score: float | None) -> str:
    """Return a score with one decimal, cut off and not rounded: what is not wholly clean never reads 100."""
    return "–" if score is None else f"{int(score * 10 + 1e-9) / 10:.1f}"
