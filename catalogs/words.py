"""The words that values of the catalog are written with.

Two kinds of list. What machines act on is closed: another word is an error (V03). What only people read
(OPEN_WORDS) is a suggestion that a campus extends under `words` in campus.yaml: another word is a warning (V07).
"""

from collections.abc import Mapping

SHARE_TYPES = ("unconditional", "conditional", "none")
TIERS = ("public", "campus", "office")
SUBJECT_VIEWS = ("full", "masked", "after_event", "none")
LOGICAL_TYPES = ("string", "integer", "number", "boolean", "date", "timestamp")
STATUSES = ("draft", "proposed", "reviewed", "active", "deprecated", "retired")
MODES = ("full", "watermark", "append", "intraday")
ABSENCES = ("end", "keep", "keep_as_former")
SECRECIES = ("none", "work", "state")
# GB/T 43697: 一般数据 in four levels, 重要数据, 核心数据.
DATA_LEVELS = ("1", "2", "3", "4", "important", "core")
# 非个人, 个人, 敏感个人, 不满十四周岁.
PI_CLASSES = ("none", "personal", "sensitive", "minor")
SENSITIVE_CLASSES = ("sensitive", "minor")
# 字符 数值 货币 日期 日期时间 逻辑 备注 通用 双精度 整 浮点, the 2017 guide's letters.
GUIDE_TYPES = ("C", "N", "Y", "D", "T", "L", "M", "G", "B", "I", "F")
FORMAT_CLASSES = ("电子文件", "电子表格", "数据库", "图形图像", "流媒体", "自描述格式", "服务接口")
# 信息资源格式类型 of each class that has a list: the 2017 guide's words, and what sources of a campus are besides.
FORMAT_TYPES = {
    "电子文件": ("OFD", "wps", "xml", "txt", "doc", "docx", "html", "pdf", "ppt", "pptx"),
    "电子表格": ("et", "xls", "xlsx", "csv"),
    "数据库": (
        "Access", "dbf", "dBase", "Sybase", "Oracle", "SQL Server", "DB2", "MySQL", "MariaDB", "PostgreSQL", "SQLite",
        "达梦", "人大金仓",
    ),
    "图形图像": ("jpg", "gif", "bmp", "png", "tif"),
    "流媒体": ("swf", "rm", "mpg", "mp4"),
    "自描述格式": ("xml", "json", "jsonl", "parquet"),
    "服务接口": ("REST", "SOAP", "OData"),
}  # fmt: skip
SHARE_MODE_CLASSES = ("共享平台方式", "邮件", "拷盘", "介质交换(纸质报表)", "介质交换(电子文档)")
SHARE_MODE_TYPES = ("数据库", "文件下载", "服务接口")
QUALITY_DIMENSIONS = ("规范性", "完整性", "准确性", "一致性", "时效性", "可访问性")

NECESSITIES = ("required", "optional", "deferrable")
GAPS = ("无源", "争议", "不予共享", "待归集")
DEMAND_STATES = ("draft", "filed", "granted", "refused", "disputed", "withdrawn", "expired")
STEP_JOINS = ("all", "any")
ON_RETURN = ("restartAll", "resumeNode")
CASE_TYPES = ("即办件", "承诺件", "联办件")
DEPTHS = ("I", "II", "III", "IV")
LIMIT_UNITS = ("workday", "day", "hour")
GOAL_MEASURES = (
    "list_published", "high_frequency_at_most_once", "at_most_once", "high_frequency_online", "online",
    "fully_online", "mobile",
)  # fmt: skip

OPEN_WORDS: Mapping[str, tuple[str, ...]] = {
    "unitKind": ("学校", "机关", "教辅", "直属", "学院", "校外", "申请人所在单位"),
    # GB/T 29808: 学校概况 学生 教学 教职工 科研 财务 资产与设备 办公 外事 档案.
    "subset": ("GXXX", "GXXS", "GXJX", "GXJG", "GXKY", "GXCW", "GXZC", "GXBG", "GXWS", "GXDA"),
    "serviceKind": ("审批", "审核", "备案", "证明", "查询", "预约", "缴费", "公共服务"),
    "audience": ("student", "staff", "parent", "public", "unit"),
    "channel": ("window", "online", "mobile", "kiosk", "mail"),
    "delivery": ("自取", "邮寄", "电子", "短信", "自提柜", "自助打印", "代办"),
    "resultKind": ("出证", "出文", "审批", "办理结果"),
    "materialKind": ("申请表单", "证件证照", "证明", "批文", "其他"),
    "materialSource": ("申请人自备", "政府部门核发", "校内部门核发", "中介机构出具", "其他"),
    "materialForm": ("纸质", "电子", "原件核验", "复印件"),
    "powerKind": ("审批", "审核", "备案", "认定", "评审", "证明核发"),
    "powerList": ("权责", "审批", "服务", "小微权力"),
}
# A service item of these kinds decides something, and so stands on a power (清单之外无权力).
DECIDING_KINDS = ("审批", "审核")
# Services without waiting at a counter: the result comes to the person.
REMOTE_DELIVERIES = ("邮寄", "自提柜", "自助打印", "代办", "电子", "短信")
# What a task may be told of a number beside the count of people.
MEASURES = ("sum", "mean", "extremes")
