"""English of words that stand on pages as the catalog, its lists and the service's record write them: in Chinese."""

import re
from collections.abc import Mapping

from catalogs.english_words import ENGLISH

WORDS: Mapping[str, str] = {
    **ENGLISH,
    "是": "yes", "否": "no", "无": "none", "其他": "other", "全部": "all", "行数": "rows",
    # readers, sharing, cycles
    # states of demands, duties, promises and goals
    "待归集": "to be collected", "无源": "no source",
    "本人填报": "told by the person", "声明冲突": "two sources declared", "有源未授权": "has a source, not granted",
    "履责": "kept", "逾期": "overdue", "质量不达标": "below its quality", "从未提供": "never delivered",
    "未测": "not measured", "守诺": "kept", "失诺": "broken", "达成": "met", "未达成": "missed",
    "不可测": "not measurable", "提醒": "warning",
    # service items
    "须提交": "to be handed in", "视情形提交": "if it applies", "可容缺后补": "may follow later",
    "需提交": "to be handed in", "免提交": "not needed", "学校出具电子证明": "the university issues it itself",
    "未承诺": "not promised", "当场办结": "at once", "一趟不跑": "no visit", "最多跑 1 次": "at most 1 visit",
    "不收费": "free", "收费": "charged", "即办件": "at once", "承诺件": "promised", "联办件": "joint",
    "由学校核验": "verified by the university", "须原件": "original",
    "与同组环节同时办理": "at the same time as its group",
    "短信告知": "told by SMS", "条件": "condition", "结果": "result",
    # items and their types; kinds that the search finds
    "服务事项": "Service item", "数据资源": "Resource", "代码表": "Code table", "清单": "List",
    # forms
    "信息资源目录": "Resource catalogue", "服务事项清单": "List of service items",
    "服务事项流程图": "Flow of a service item",
    "所需提交材料及注意事项": "Papers and notices", "数据共享需求清单": "List of demands", "权责清单": "List of powers",
    "数据提供责任清单": "List of duties", "校外": "outside",
    # what derived lists say in a word
    "更新周期": "update cycle", "承诺时限": "promised limit", "办结时限": "time limit",
    "到现场次数": "visits", "跑动次数": "visits",
    "表单字段": "form field", "材料": "material", "仍在索取": "still asked for", "逐项": "each",
    "开放共享": "open for sharing", "授权本事项使用": "grant to this item", "建立权威源": "name a source",
    "解决缺口": "close the gap", "整改质量": "mend the quality", "按期更新": "update in time",
    "有源, 未授权给本事项": "has a source, not granted to this item", "学校已有": "the university has it",
    "表单字段未挂接数据元": "form field without element", "可免仍列": "could be spared",
    "需求数": "demands", "数据元次": "elements asked for", "有缺口的行": "rows with a gap",
    "责任单位数": "units", "对应率": "share with a duty",
    # rules, as tickets, waiting rows and reports name them
    "必填": "is given", "类型正确": "is of its type", "取值正确": "is one of its values",
    "代码有效": "is a known code", "在范围内": "is in range", "可读": "is readable", "长度合规": "has its length",
    "格式正确": "has its form", "数字写法规范": "is written as a number", "不在将来": "is not in the future",
    "代码在用": "is a code in use", "与出生日期相符": "agrees with the birth date",
    "与性别相符": "agrees with the sex", "校验通过": "passes its check", "不重复": "is unique",
    "符合契约": "keeps its contract", "按承诺更新": "updated as promised", "数据量正常": "usual volume",
    "数据量未骤减": "volume not collapsed", "主键唯一": "key is unique", "可读取": "can be read",
    "模型已构建": "model built", "退回比例不过高": "refused share", "字段齐全": "all columns there",
    "行属于所在分区": "rows of their partition", "没有未约定的新字段": "no new columns",
    "分区数据量正常": "usual volume of a partition", "规则已运行": "suite ran", "行数守恒": "rows conserved",
    "取值分布未突变": "values spread as before", "双随机抽查属实": "random sample is right",
    "有对应记录": "has its counterpart",
    "长度不合要求": "is not of its length", "是或否": "yes or no", "日期时间": "date and time",
    "同一主键有更合适的一行": "another row of this key fits better", "本行未被选取": "this one was not taken",
    "同一主键已有更新的内容入库": "newer content of this key has been admitted",
    "不能为空": "must be given", "不是允许的值": "is none of its values", "不在码表内的代码": "is none of its codes",
    "含有不可读的字符": "has unreadable characters", "不合规定的样式": "is not of its form",
    "校验不通过": "fails its check", "号码或格式有误": "a wrong number or form",
    "与另一行重复": "is that of another row",
    "晚于取数时间": "is later than the reading", "代码已停用": "is a code no longer used",
    "号码写法有误": "is written wrongly", "全角、空格或缺位": "full width, blanks or missing digits",
    "与出生日期不符": "disagrees with the birth date", "与性别不符": "disagrees with the sex",
    "主键与另一行重复": "the key is that of another row",
    # events of tickets
    "不符合": "fails", "最新批次已符合": "the latest extract keeps it", "自动销号": "closed by itself",
    "到期未改正": "not mended when due", "上报": "climbed", "投诉": "complaint", "体验检查": "trial visit",
    "走流程": "walk-through", "纠错": "correction", "双随机抽查": "random sample",
    # accesses, as the service's record words them
    "为办理": "for", "未给出数据": "no data given", "本人": "the person", "代办人": "agent", "监护人": "guardian",
    "读取": "read", "预填申请表": "filled in a form", "核对(只答是否)": "checked (yes or no only)",
    "核对": "checked", "只答是否": "yes or no only",
    "登记办件": "registered the case", "提出更正": "filed a correction", "办理更正": "treated a correction",
    "登记同意": "registered a consent", "撤回同意": "withdrew a consent", "保存本人填报内容": "kept what was declared",
    "本人查看同意记录": "you looked at your consents", "本人撤回同意": "you withdrew a consent",
    "本人删除填报内容": "you deleted what you declared", "本人查看自己的数据": "you looked at your data",
    "本人查看所负责项目等的数据": "you looked at what you answer for",
    "本人查看访问记录": "you looked at who looked", "本人询问一次访问": "you questioned an access",
    "本人查看自己的询问": "you looked at your questions", "本人登录": "you logged in",
    "本人提出更正": "you filed a correction", "本人查看自己的更正": "you looked at your corrections",
    "本人登录门户": "you logged in to the portal", "出具证明": "issued a certificate",
    "取用证明": "fetched a certificate", "撤销证明": "revoked a certificate",
    "核定证明仍有效": "confirmed a certificate", "凭核验码核验证明": "verified a certificate by its code",
    "本人开具证明": "you asked for a certificate", "本人查看自己的证明": "you looked at your certificates",
    "本人取用证明": "you fetched a certificate", "本人撤销证明": "you revoked a certificate",
    "本人分享证明": "you shared a certificate", "本人撤回分享": "you took back a share",
    "窗口代填申请表": "filled in a form at a window",
    "复核过去的答复": "looked again at an answer of the past", "不给出数据": "no data given",
    "向本人展示访问记录": "showed you who looked",
    "本人查看可开具的证明": "you looked at which certificates there are",
    "出具单位查看证明": "the issuing unit looked at a certificate", "按任务名单取用": "read by a task's list",
    "窗口核实本人填报内容": "confirmed at a window what was declared",
}  # fmt: skip
# What has a figure or a name in it; the English takes it at {}.
PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), english)
    for pattern, english in (
        (r"跑 (\d+) 次", "{0} {0:visit|visits}"),
        (r"(\d+) 个工作日", "{0} working {0:day|days}"),
        (r"(\d+) 天", "{0} {0:day|days}"),
        (r"(\d+) 小时", "{0} {0:hour|hours}"),
        (r"(\d+) 分钟", "{0} {0:minute|minutes}"),
        (r"(\d+) 个月", "{0} {0:month|months}"),
        (r"(\d+) 份", "{0} {0:copy|copies}"),
        (r"(\d+) 行不符合", "{0} {0:row fails|rows fail}"),
        (r"(\S+) 前", "by {}"),
        (r"由(\S+)出具", "issued by {}"),
        (r"(\S+)办事", "Services: {}"),
        (r"源自 (\S+)", "from {}"),
        (r"超过 (\d+) 字节", "is longer than {0} {0:byte|bytes}"),
        (r"长度不合要求(.+)", "is not of its length {}"),
        (r"超出允许范围(.*)", "is out of range {}"),
        (r"不能读成(\S+)", "cannot be read as {}"),
    )
)
