"""Texts of the reform, of usage and of charts: a chart's title is its finding, its caption the definition."""

from collections.abc import Mapping

REFORM_TEXTS: Mapping[str, tuple[str, str]] = {
    "nav.reform": ("改革成效", "Reform"),
    "nav.usage": ("服务使用", "Usage"),
    "chart.table": ("以下表格与图相同", "The table below has the same figures"),
    "chart.hidden": (
        "不足 {n} 件的数字不列，以免少数人被认出；仅一行如此，或几行合计仍不足时，次少的一行也不列。",
        "No figure about fewer than {n} {n:case|cases} is shown, so that nobody is recognised; where it is "
        "one row, or several with fewer together, the next smallest is not shown either.",
    ),
    "chart.none": (
        "尚无数据：含有所需业务数据的版次发布后自动生成。",
        "Nothing to show yet: it comes with the first release that has the data it needs.",
    ),
    "reform.title": ("改革成效", "The reform as it really is"),
    "reform.lead": (
        "近 12 个月（{first} 至 {last}）办结 {cases} 件，实际最多跑一次 {real}（零跑动 {never}，跑一次 {once}"
        "）；指南承诺最多跑一次的占 {promised}。",
        "Of {cases} {cases:case|cases} closed in 12 months ({first} to {last}), {real} really took at most "
        "one visit ({never} none, {once} one); guides promise at most one for {promised}.",
    ),
    "reform.none": (
        "尚无办结办件的数据：办件系统的数据发布后自动计算。",
        "No closed cases yet: figures come with the first release that has the case log.",
    ),
    "reform.real": ("实际最多跑一次", "Really at most once"),
    "reform.real.note": ("零跑动 {never}，跑一次 {once}", "{never} no visit, {once} one"),
    "reform.promised": ("承诺最多跑一次", "At most once promised"),
    "reform.promised.note": ("按办件量计", "of all cases"),
    "reform.beyond": ("超过承诺的办件", "Cases beyond the promise"),
    "reform.beyond.note": ("实际到场多于指南所承诺", "more visits than the guide promises"),
    "reform.goals": ("目标条款达成", "Goals met"),
    "reform.goals.note": ("未达成的见“目标”", "those missed: see Goals"),
    "reform.topics": ("分项", "Topics"),
    "reform.no_unit": ("（未写明单位）", "(no unit)"),
    "reform.no_topic": ("（未写明主题）", "(no topic)"),
    "reform.cases": ("办件数", "cases"),
    "reform.kind.personal": ("个人事项", "Personal items"),
    "reform.kind.corporate": ("法人事项", "Corporate items"),
    "reform.channel.online": ("网上申请", "Online"),
    "reform.channel.fully_online": ("全流程在线", "Fully online"),
    "reform.channel.mobile": ("掌上办理", "By phone"),
    "reform.age.to_7": ("7 天以内", "up to 7 days"),
    "reform.age.8_to_30": ("8 至 30 天", "8 to 30 days"),
    "reform.age.31_to_90": ("31 至 90 天", "31 to 90 days"),
    "reform.age.over_90": ("90 天以上", "over 90 days"),
    "reform.amount.below_10k": ("不足 1 万", "below 10,000"),
    "reform.amount.10k_to_100k": ("1 万至不足 10 万", "10,000 to below 100,000"),
    "reform.amount.100k_to_1m": ("10 万至不足 100 万", "100,000 to below 1 million"),
    "reform.amount.from_1m": ("100 万及以上", "1 million and more"),
    "reform.proposed.number": ("附言写有编号", "number in the memo"),
    "reform.proposed.name": ("附言写有项目名称", "project's name in the memo"),
    "reform.proposed.payer_and_amount": ("付款单位与金额", "payer and amount"),
    "reform.proposed.payer": ("付款单位", "payer"),
    "reform.topic.visits": ("跑动", "Visits"),
    "reform.topic.milestones": ("目标", "Goals"),
    "reform.topic.frequent": ("高频事项", "High-frequency items"),
    "reform.topic.materials": ("材料与表单", "Materials and forms"),
    "reform.topic.before-after": ("改革前后", "Before and after"),
    "reform.topic.deadlines": ("办结时限", "Deadlines"),
    "reform.topic.evaluation": ("好差评", "Evaluations"),
    "reform.topic.enquiries": ("咨询", "Enquiries"),
    "reform.topic.tides": ("潮汐", "Tides"),
    "reform.topic.league": ("单位排名", "League of units"),
    "reform.topic.hand-overs": ("跨部门流转", "Hand-overs"),
    "reform.topic.research": ("科研与财务", "Research and finance"),
    "reform.trend": (
        "{month} 办结的办件中 {real} 最多跑一次，{never} 一次也不用跑",
        "Of the cases closed in {month}, {real} took at most one visit and {never} none",
    ),
    "reform.trend.caption": (
        "只计办结的办件，按办结月份。到场为人、地点、半日，取办件系统所记与留有痕迹（到窗口提交、当场交的材料、已"
        "办理的预约）中较大者；痕迹自提交之日算起，领取结果不留痕迹，只有所记次数含它。补正到场与咨询不计入。",
        "Closed cases by month of closing. A visit is person, place and half-day: the greater of what the "
        "hall recorded and what left a trace (handing in at a window, a paper handed in, an appointment "
        "served) since the day of handing in. To fetch the result leaves no trace: only what was recorded "
        "has it. Visits to correct and enquiries do not count.",
    ),
    "reform.raising": (
        "{what}（{office}）最能减少跑动：涉及 {n} 件跑了多次的办件",
        "{what} ({office}) would save most visits: {n} {n:case|cases} that took several {n:is|are} touched",
    ),
    "reform.raising.caption": (
        "仅此一项开放或整改即可免去至少一件材料的事项，其近 12 个月实际跑多次的办件数。是上限：跑多次也可能另"
        "有原因。",
        "Cases of more than one visit, of the service items that this one opening or mend relieves of at "
        "least one material. An upper bound: visits may have other reasons.",
    ),
    "reform.visits": (
        "{all} 个事项中 {n} 个有办件超过承诺的到场次数",
        "{n} of {all} service {all:item|items} had cases with more visits than promised",
    ),
    "reform.visits.caption": (
        "近 12 个月按事项，跑多次的在前。零跑动与跑一次分列；补正、为补正到场与咨询另列，不计入到场次数。",
        "The last 12 months by service item, most visits first. None and one stand apart; corrections, "
        "visits to correct and enquiries stand beside and do not count.",
    ),
    "reform.milestones": ("{all} 条目标中已达成 {met} 条", "{met} of {all} {all:goal is|goals are} met"),
    "reform.milestones.caption": (
        "每条目标一行，目标值与期限由目录（campus.yaml）规定，按今天的目录与最近一期办件量计算；特殊要"
        "求的事项按条款不计入。",
        "A row per clause; goals and dates are the catalog's (campus.yaml), counted by today's catalog and "
        "the last period's volumes. Items of special requirement are left out where the clause says so.",
    ),
    "reform.channels": (
        "{all} 个事项中 {having} 个可网上申请，占 {share}",
        "{having} of {all} service {all:item|items} can be applied for online: {share}",
    ),
    "reform.channels.caption": (
        "按子项计；全流程在线为网上办理深度Ⅳ级。比例截去小数第二位，不四舍五入。",
        "By sub-item; fully online is depth IV. Shares are cut off after one decimal, not rounded.",
    ),
    "reform.before_after": (
        "{kind}平均用时由 {before} 天变为 {after} 天",
        "{kind}: mean time went from {before} to {after} days",
    ),
    "reform.before_after.caption": (
        "以每个事项按改革要求公布之日分前后，同一事项自己与自己比；先按事项平均，再对事项平均。用时为提交至办"
        "结的自然日，材料为实际提交件数。服务对象含单位的为法人事项。",
        "Each item against itself, before and since the day of its publication; means over items of each "
        "item's mean. Calendar days from handing in to closing; materials really handed in. Items also for "
        "units are corporate.",
    ),
    "reform.before_after_items": (
        "{all} 个事项中 {n} 个前后都有足够的办件可比",
        "{n} of {all} {all:item|items} had enough cases before and after to compare",
    ),
    "reform.before_after_items.caption": (
        "缩短最多的在前。前后任一段办件过少的事项不比较。",
        "Those that gained most come first. Items with too few cases on either side are not compared.",
    ),
    "reform.frequent": (
        "{year!s} 年 {all} 个事项中 {n} 个占八成办件，其中 {once} 个承诺最多跑一次，{online} 个可网上申请",
        "In {year!s}, {n} of {all} {all:item|items} made four fifths of all cases; {once} of them "
        "{once:promises|promise} at most one visit, {online} {online:is|are} online",
    ),
    "reform.frequent.caption": (
        "按办件量从高到低累计至 80% 的事项，与末位同量者一并列入；草稿不计。",
        "Items by volume until 80 % of all cases is reached, with every tie of the last; drafts do not count.",
    ),
    "reform.spared": (
        "近一年免提交材料 {n} 件（{share}），免填写字段 {fields} 个",
        "{n} {n:material was|materials were} spared within a year ({share}), and {fields} form "
        "{fields:field|fields}",
    ),
    "reform.spared.caption": (
        "材料取自办件材料的提交方式；免填字段为预填后申请人保留的字段。“若都预填可免”= 每次预填平均保留的字段"
        " × 办件量。",
        "Materials by the way they were handed in; fields that applicants kept as prefilled. If all were "
        "prefilled: mean fields kept per prefill times cases.",
    ),
    "reform.openings": (
        "下一步最值得做：{what}，每年再省 {n} 份材料",
        "Best next: {what}, which frees {n} more {n:copy|copies} a year",
    ),
    "reform.openings.caption": (
        "按贪心次序，每一步为余下材料中省得最多者；同一步的几项须一起做。",
        "In greedy order: each step frees most of what is left; what stands in one step has to be done "
        "together.",
    ),
    "reform.asked_again": (
        "仍有 {n} 处向申请人索取学校已有的数据",
        "In {n} {n:place|places} people are still asked for what the university holds",
    ),
    "reform.asked_again.caption": (
        "表单字段或材料，其数据元有权威源而仍要求申请人填写或提交。",
        "Form fields and materials whose elements have an authoritative source and are asked for "
        "nevertheless.",
    ),
    "reform.deadlines": (
        "有承诺日期而已办结的，{share} 按期；{beyond} 件逾期未结",
        "Of the closed cases with a promised day {share} were in time; {beyond} {beyond:is|are} open beyond "
        "it",
    ),
    "reform.deadlines.few": (
        "提交 {n} 件；超期或逾期的过少，不列",
        "{n} {n:case|cases} handed in; too few were late to be told",
    ),
    "reform.deadlines.caption": (
        "近 12 个月提交的办件按提交月份，退回、不予受理、不予办理、撤回的不计。办结日不晚于承诺日期为按期；在"
        "办的以发布日与承诺日期相比；没有承诺日期的既不算按期也不算超期。工作日按校历自受理至办结。",
        "Cases of 12 months by month of handing in, without those returned, not accepted, refused or "
        "withdrawn. In time: closed by the promised day; open cases are set against the day of the release. "
        "A case without a promised day is neither in time nor late. Working days by the campus calendar, "
        "from acceptance to closing.",
    ),
    "reform.deadline_items": (
        "{all} 个事项中 {n} 个有办件逾期未结",
        "{n} of {all} service {all:item has|items have} cases open beyond their day",
    ),
    "reform.deadline_items.caption": (
        "近 12 个月按事项，逾期未结与超期办结多的在前。",
        "The last 12 months by service item, those with most late cases first.",
    ),
    "reform.evaluation": (
        "满意率 {share}；{poor} 个差评中 {beyond} 个超过 {days} 个工作日的回复时限",
        "{share} satisfied; of {poor} poor {poor:evaluation|evaluations} {beyond} {beyond:was|were} not "
        "answered within {days} working {days:day|days}",
    ),
    "reform.evaluation.few": (
        "共 {n} 个评价；差评或超期的过少，不列",
        "{n} {n:evaluation|evaluations}; too few were poor, or answered late, to be told",
    ),
    "reform.evaluation.caption": (
        "满意为 3 级及以上，1、2 级为差评，须在时限（campus.yaml limits_days.answerPoorEvaluation）内回复；到"
        "期未回复的也算超期。",
        "Satisfied from level 3; levels 1 and 2 are poor and are answered within the campus's limit. Those "
        "that still wait beyond it count as late.",
    ),
    "reform.evaluation_items": (
        "{n} 个事项有差评超期",
        "{n} service {n:item has|items have} poor evaluations beyond the limit",
    ),
    "reform.evaluation_items.caption": (
        "近 12 个月按事项，超期的在前。",
        "The last 12 months by item, late ones first.",
    ),
    "reform.enquiries": ("咨询最多的是“{topic}”，占 {share}", "Most enquiries are about {topic}: {share}"),
    "reform.enquiries.caption": (
        "近 12 个月的咨询按主题：问得多的，是指南没有说清的。",
        "Enquiries of 12 months by topic: what is asked often is what guides fail to say.",
    ),
    "reform.enquiry_items": (
        "最该补充的指南：{item}（{topic}）",
        "The guide to mend first: {item} ({topic})",
    ),
    "reform.enquiry_items.caption": ("按事项与主题，多的在前。", "By item and topic, the most first."),
    "reform.tides": (
        "最忙的一周自 {week} 起{event}，为平均一周的 {times} 倍",
        "The busiest week began on {week} {event}: {times} times the mean week",
    ),
    "reform.tides.caption": (
        "每周提交的办件（草稿不计），周一为一周之始；校历事件取自校历，一周内有几个的取天数最多的。",
        "Cases handed in per week (no drafts), from Monday; of the campus calendar's events in a week the one "
        "of most days.",
    ),
    "reform.peaks": (
        "涨得最高的是“{item}”：{week} 一周为平常的 {times} 倍",
        "{item} swells most: {times} times its usual week from {week}",
    ),
    "reform.peaks.caption": (
        "为平常一周两倍以上的事项与周；平常一周含没有办件的周。",
        "Items and weeks of twice the usual and more; weeks without cases count in the usual.",
    ),
    "reform.league": (
        "{month}：{n} 个单位参加排名，{first}第一，{last}末位",
        "{month}: of {n} {n:unit|units} ranked, {first} is first and {last} last",
    ),
    "reform.league.none": (
        "{month} 没有单位办结满二十件，不排名",
        "In {month} no unit closed twenty cases; nobody is ranked",
    ),
    "reform.league.caption": (
        "先比实际最多跑一次比例，再比按期办结比例，没有承诺日期的办件不计入按期；到场按实际，即所记与留有痕"
        "迹的中较大者。办结不足二十件的列出而不排名。",
        "By the share of really at most one visit (the greater of recorded and shown), then of closing in "
        "time, for which cases without a promised day do not count; units of fewer than twenty cases are "
        "listed and not ranked.",
    ),
    "reform.hand_overs": (
        "交接最多的是“{item}”，经 {n} 个单位",
        "{item} is handed over most, through {n} {n:unit|units}",
    ),
    "reform.hand_overs.caption": (
        "近 12 个月；前一环节属于另一单位的算一次交接。",
        "The last 12 months; a step whose predecessor is another unit's is a hand-over.",
    ),
    "reform.slow_units": (
        "在{unit}停留最久，平均 {hours} 小时",
        "Steps stay longest with {unit}: {hours} hours on average",
    ),
    "reform.slow_units.caption": (
        "到达至完成的小时，只计已完成的环节。",
        "Hours from arrival to completion, of completed steps.",
    ),
    "reform.payments": (
        "已上账的到款平均 {days} 天认领到账户；{n} 笔未认领",
        "Money that was booked took {days} days to its account; {n} {n:payment is|payments are} unclaimed",
    ),
    "reform.payments.caption": (
        "近 12 个月的到款按月份与认领状态；用时为到款至认领的自然日（财务系统不另记上账日）。笔"
        "数过少的不列金额，以防冒领。",
        "Payments of 12 months by month and state; calendar days from arrival to the claim (finance notes no "
        "day of booking). Of few payments no amount is shown, lest somebody claims what is not theirs.",
    ),
    "reform.ageing": (
        "{n} 笔未认领，其中 {proposed} 笔可提议项目",
        "{n} {n:payment is|payments are} unclaimed, {proposed} of them with a proposal",
    ),
    "reform.ageing.caption": (
        "账龄算到发布日。附言写有合同或项目编号、附言写有项目名称、付款单位与委托单位同名、金额相符，依次为重；最相"
        "符的只有一个项目时提议该项目。编号须完整，只有金额相符不提议。",
        "Age at the release. A number of contract or project in the memo weighs most, then the project's "
        "name there, then the client as payer, then the amount; where one project fits best it is proposed. "
        "A number counts as a whole only, an amount alone proposes nothing.",
    ),
    "reform.unclaimed": ("未认领到款清单（{n} 笔，脱敏）", "Unclaimed payments ({n}, masked)"),
    "reform.unclaimed.caption": (
        "供找到是谁的钱：付款单位只留前后两字，金额只给档次。认领请到财务系统。",
        "To find whose money it is: payers and amounts are masked. Claims are made in the finance system.",
    ),
    "reform.funds": (
        "{n} 个单位的项目经费，余额最早截至 {as_of}",
        "Project funds of {n} {n:unit|units}; the oldest balance is as of {as_of}",
    ),
    "reform.funds.caption": (
        "按承担单位合计：预算含调整；截至时间取各账户中最早者。单个项目的余额由其负责人在“我的”中查看，或由服务按授权给出，不在"
        "此列。",
        "Sums by unit; budgets with their adjustments; as of the oldest account. A single project's balance "
        "is shown to its leader under Mine, and given by the service to whoever may ask.",
    ),
    "usage.lead": (
        "业务系统向本校数据服务提出的请求，按发布版次 {release!s} 时的留痕统计；只有次数，不含对象与经办人。",
        "Requests of service systems, by the record as of release {release!s}: counts only, nobody who was "
        "asked about.",
    ),
    "reform.no_purpose": ("（未写明用途）", "(no purpose)"),
    "reform.outcome.allowed": ("给出", "answered"),
    "reform.outcome.refused": ("拒绝", "refused"),
    "reform.outcome.failed": ("未能作答", "failed"),
    "reform.requests": (
        "近 12 个月 {n} 次请求，{share} 得到作答",
        "{n} {n:request|requests} in 12 months, {share} answered",
    ),
    "reform.requests.caption": ("每月的请求及其结果。", "Requests of each month, and how they ended."),
    "reform.purposes": ("请求最多的是“{name}”", "Most requests are for {name}"),
    "reform.purposes.caption": ("近 12 个月按业务系统与用途。", "The last 12 months by client and purpose."),
    "reform.reasons": ("拒绝最多的规则是 {rule}", "The rule that refuses most is {rule}"),
    "reform.reasons.caption": (
        "拒绝或未能作答的请求，按作出决定的规则。",
        "Requests refused or failed, by the rule that decided.",
    ),
    "reform.prefills": (
        "预填 {n} 次，申请人保留了 {kept} 个字段",
        "{n} {n:prefill|prefills}, of which applicants kept {kept} {kept:field|fields}",
    ),
    "reform.prefills.caption": (
        "按事项；字段的去向由业务系统事后告知，没有告知的不计。",
        "By service item; what became of fields is what service systems told afterwards.",
    ),
    "reform.unused": (
        "{n} 个已授权的数据元 {days} 天未用，应当收回",
        "{n} granted {n:element was|elements were} not used for {days} {days:day|days} and should be given "
        "back",
    ),
    "reform.unused.caption": (
        "授权生效已满该天数而其间没有作答过的。",
        "Grants in force for that long, without an answer since.",
    ),
    "score": ("得分", "score"),
    "quality.trend": (
        "{n} 天里总分由 {first} 变为 {last}",
        "In {n} {n:day|days} with a score the total went from {first} to {last}",
    ),
    "quality.trend.note": (
        "全校各维度每天最后一个版次的得分，满分 100，近 90 天。纵轴不从零起。",
        "The campus's scores of each day's last release, of 100, over 90 days. The axis does not begin at "
        "zero.",
    ),
    "promise.kept": ("守诺", "kept"),
    "promise.broken": ("失诺", "broken"),
    "promise.unknown": ("未测", "not measured"),
    "promises.unit": ("项承诺", "promises"),
    "promises.title": (
        "{all} 项承诺中 {broken} 项失诺",
        "{broken} of {all} {all:promise is|promises are} broken",
    ),
    "promises.note": (
        "更新周期对抽取台账，办结时限与到场次数对办件；失诺的在前。",
        "Update cycles against extracts, limits and visits against cases; broken ones first.",
    ),
}
