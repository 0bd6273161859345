"""English of the reasons in derived lists, which Yici writes itself, clause by clause, in Chinese (`catalogs.lists`).

What somebody of the campus wrote into a reason (why one has to come, what a case may not do) is not among it.
"""

import re
from collections.abc import Mapping

CLAUSES: Mapping[str, str] = {
    # duties and demands
    "尚无已授权需求依赖它": "no granted demand rests on it yet",
    "履责情况未测": "whether the duty is kept was not measured", "其全部对象": "all that it covers",
    "全部对象": "all that it covers",
    # one source for one datum
    "契约写明取自权威源": "its contract says that it comes from the authoritative source",
    "与源的出入未测": "differences from the source were not measured",
    "目录中没有权威源": "the catalog has no authoritative source of it", "须认责": "somebody has to answer for it",
    "数据元相同而没有写明来源": "it has the same element and names no source",
    "应写 derivedFrom": "derivedFrom should be set",
    # at most once, online, mobile, kiosk
    "全程不到现场": "no visit at all", "到现场一次": "one visit", "未说明原因": "no reason given",
    "不计入最多跑一次的总数": "not counted in the at-most-once share",
    "已开通自助终端办理": "a kiosk does it", "尚未开通自助终端办理": "no kiosk does it yet",
    "已开通网上申请": "may be applied for online", "尚未开通网上申请": "cannot be applied for online yet",
    "已开通掌上办理": "works on a phone", "尚未开通掌上办理": "does not work on a phone yet",
    "但没有写明办理地址": "but no address is given",
    # powers
    "证明类事项不作决定": "certificates decide nothing", "公共服务类事项不作决定": "public services decide nothing",
    "缴费类事项不作决定": "payments decide nothing", "预约类事项不作决定": "bookings decide nothing",
    "查询类事项不作决定": "queries decide nothing",
    "办理事项": "service items", "没有事项行使它": "no service item exercises it",
    "师生无从申请": "nobody can apply for it",
    # guides
    "各校区按同一份指南办理": "one guide for all campuses", "只有一份指南": "there is one guide only",
    # papers
    "已授权给本事项": "they are granted to this item", "按数据共享核验免提交": "so the paper is not needed",
    "数源是否按期、达标未测": "whether the sources are on time and good was not measured",
    "仍需提交": "still to be handed in", "已记缺口": "gap on record", "须核验原件": "the original has to be checked",
    "由申请人填报一次": "the applicant tells it once", "再用时由本人确认": "and confirms it when it is used again",
    "所证事实都有源且已授权": "all that it proves has a source and is granted",
    "应免提交": "it should not be asked for", "是否仍在收取未测": "whether it still is was not measured",
    "应挂接后预填": "the field should be linked to it and prefilled",
    "若含义不同请改名": "if it means something else, rename it",
    "所证事实都有可共享的权威源": "all that it proves has an authoritative source that may be shared",
    "只差授权本事项使用": "only the grant to this item is missing", "应提出共享需求": "a demand should be filed",
    # promises, goals and figures
    "抽取台账未测": "the ledger of extracts was not measured",
    "没有办结办件的数据": "there are no data of closed cases",
    "没有跑动次数的数据": "there are no data of visits", "没有写明承诺时限": "no limit is promised",
    "办件过少": "too few cases", "数字不列": "no figure is shown", "数据仓库从未收到": "never received",
    "已逾期": "overdue", "没有办件量数据": "there are no data of case volumes",
    "不知道哪些是高频事项": "so it is unknown which items are frequent",
    "目录中没有计入的事项": "the catalog has no item that counts", "目录中在办的事项": "items of the catalog in force",
    "每个事项要求的材料件数的平均值": "mean number of papers that an item asks for",
    "每个事项承诺的到现场次数的平均值": "mean number of visits that an item promises",
    "逾期未达成": "overdue and missed",
    # goals of the reform's documents
    "全面梳理公布校务服务事项清单": "the list of service items is complete and published",
    "高频事项实现最多跑一次": "high-frequency items take at most one visit",
    "80%以上事项(特殊要求的除外)实现最多跑一次": "over 80% of items (but for special demands) take at most one visit",
    "全部高频事项开通网上申请渠道": "all high-frequency items may be applied for online",
    "全部事项(特殊要求的除外)实现最多跑一次": "all items (but for special demands) take at most one visit",
    "全部事项(特殊要求的除外)开通网上申请渠道": "all items (but for special demands) may be applied for online",
    "50%以上事项实现全流程在线办理": "over 50% of items are fully online",
    "网上办事全覆盖": "everything may be done online", "掌上办事全覆盖": "everything works on a phone",
}  # fmt: skip
# What has figures and names in it; each {} takes a group in English. A name in “” may stay as it is.
REASONS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), english)
    for pattern, english in (
        (r"《([^》]+)》的“([^”]+)”是([^，,]+)的权威源", "“{1}” in “{0}” is the authoritative source for {2}"),
        (r"([^，,]+?)须(每\S+?|实时|逐件|不定期)(\d\d:\d\d) 前更新", "{0} has to update it {1} by {2}"),
        (r"([^，,]+?)须(每\S+?|实时|逐件|不定期)更新", "{0} has to update it {1}"),
        (r"有 (\d+) 项已授权需求依赖它", "granted demands that rest on it: {0}"),
        (r"([^，,]+)的“([^”]+)”由([^，,《]+)《([^》]+)》提供", "“{1}” for {0} is provided by {2} in “{3}”"),
        (r"[《“]([^》”]+)[》”]的副本", "a copy of “{0}”"),
        (r"“([^”]+)”只有本人知道", "only the person knows “{0}”"),
        (r"需求 (\S+?)要用它", "demand {0} needs it"),
        (r"现可([^，,]+)办理", "now by {0}"),
        (r"([^，,]+?)依([^，,]+)行使", "{0} exercises it by “{1}”"),
        (r"第 (\d+) 批公布", "published in batch {0}"),
        (r"第 (\d+) 批", "batch {0}"),
        (r"(\d{4}-\d\d-\d\d) 公布", "published on {0}"),
        (r"其权力“([^”]+)”列入服务清单", "its power “{0}” stands on the list of services"),
        (r"依权力“([^”]+)”办理", "by the power “{0}”"),
        (r"所证 (\d+) 项事实都有权威源", "facts that it proves, all with an authoritative source: {0}"),
        (
            r"([^，,]+“[^”]+”), 每年再省 (\d+) 项材料\(办件量未测, 每项计一\)",
            "{0}: {1} more {1:paper|papers} spared a year (case volumes not measured, each item counted once)",
        ),
        (r"(解决缺口|授权本事项使用|开放共享|建立权威源)“([^”]+)”", "{0}: “{1}”"),
        (
            r"“([^”]+)”与数据元“([^”]+)”同名且有权威源",
            "“{0}” is called like the element “{1}”, which has a source",
        ),
        (r"([^，,“]+?)提出需求", "“{0}” files a demand"),
        (r"计入 (\d+) 项事项", "items counted: {0}"),
        (r"(\d+) 项已公布", "published: {0}"),
        (r"(\d+) 项最多跑一次", "at most once: {0}"),
        (r"(\d+) 项开通网上申请", "may be applied for online: {0}"),
        (r"(\d+) 项全流程在线", "online throughout: {0}"),
        (r"(\d+) 项开通掌上办理", "work on a phone: {0}"),
        (r"(\d+) 项写明承诺时限的事项的平均值", "mean of the items with a promised limit: {0}"),
        (r"占 (\S+%)", "share {0}"),
        (r"特殊要求 (\d+) 项不计入", "with special demands, not counted: {0}"),
        (r"期限 (\S+) 已过", "the day {0} has passed"),
        (r"按 (\S+) 的目录计算", "computed by the catalog of {0}"),
        (r"承诺([^，,]+)更新", "promised {0}"),
        (r"考察期内收到 (\d+) 批", "extracts received in the period: {0}"),
        (r"处于承诺之内的时间占 (\S+)", "time within the promise: {0}"),
        (r"最近一次在 (\d+) 小时前确认", "last confirmed {0} {0:hour|hours} ago"),
    )
)
