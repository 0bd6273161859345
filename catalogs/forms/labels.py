"""Codes of the catalog and the Chinese words that forms print for them (CATALOG §§3, 4)."""

from catalogs.views import CYCLE_NAMES, SHARE_NAMES, STATE_NAMES
from catalogs.views_services import CHANNEL_NAMES, LIMIT_UNIT_NAMES, ROLE_NAMES

Labels = tuple[tuple[str, str], ...]

SHARE_TYPES: Labels = tuple(SHARE_NAMES.items())
UPDATE_CYCLES: Labels = tuple(CYCLE_NAMES.items())
DEMAND_STATES: Labels = tuple(STATE_NAMES.items())
# 数据类型 of the 2017 guide, the letter behind the word.
GUIDE_TYPES: Labels = (
    ("C", "字符型"),
    ("N", "数值型"),
    ("Y", "货币型"),
    ("D", "日期型"),
    ("T", "日期时间型"),
    ("L", "逻辑型"),
    ("M", "备注型"),
    ("G", "通用型"),
    ("B", "双精度型"),
    ("I", "整型"),
    ("F", "浮点型"),
)
NECESSITIES: Labels = (("required", "必要"), ("optional", "非必要"), ("deferrable", "容缺"))
LIMIT_UNITS: Labels = tuple(LIMIT_UNIT_NAMES.items())
CHANNELS: Labels = tuple(CHANNEL_NAMES.items())
JOINS: Labels = (("all", "全部通过"), ("any", "任一通过"))
ON_RETURN: Labels = (("restartAll", "全部重审"), ("resumeNode", "只重审本环节"))
ROLES: Labels = tuple(ROLE_NAMES.items())
NOTIFY: Labels = (("sms", "短信"), ("letter", "信函"), ("mail", "邮寄"), ("message", "站内消息"))
GROUNDS: Labels = (
    ("statutory_duty", "履行法定职责"),
    ("consent", "个人同意"),
    ("contract", "履行合同"),
    ("emergency", "应急"),
)
DEMAND_MODES: Labels = (
    ("service_api", "服务接口"),
    ("batch", "批量交换"),
    ("aggregate", "统计结果"),
)
FREQUENCIES: Labels = (
    ("per_case", "逐件"),
    ("once", "一次"),
    ("daily", "每日"),
    ("weekly", "每周"),
    ("monthly", "每月"),
    ("termly", "每学期"),
    ("yearly", "每年"),
)
