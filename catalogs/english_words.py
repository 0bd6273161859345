"""English of the words that the catalog's closed lists are told in: sharing, cycles, states, ways, kinds."""

from collections.abc import Mapping

ENGLISH: Mapping[str, str] = {
    # readers, sharing, cycles
    "公开": "public", "校内": "campus", "数据办": "data office",
    "无条件共享": "unconditional", "有条件共享": "conditional", "不予共享": "not shared",
    "实时": "real time", "每日": "daily", "每周": "weekly", "每月": "monthly", "每季度": "quarterly",
    "每半年": "half-yearly", "每年": "yearly", "每学期": "every term", "每学年": "every school year",
    "不定期": "irregular", "逐件": "per case", "一次": "once",
    # demands
    "草稿": "draft", "已提出": "filed", "已授权": "granted", "不予授权": "refused", "争议": "disputed",
    "已撤回": "withdrawn", "已到期": "expired",
    "服务接口": "service interface", "批量交换": "batch exchange", "统计结果": "statistics",
    "履行法定职责": "statutory duty", "个人同意": "consent", "履行合同": "contract", "应急": "emergency",
    # service items
    "必要": "required", "非必要": "not required", "视情形": "if it applies", "容缺": "may follow later",
    "可容缺": "may follow later",
    "教职工": "Staff", "学生": "Students", "家长": "Parents", "社会公众": "The public", "单位": "Unit",
    "网上": "online", "掌上": "mobile", "自助终端": "kiosk", "窗口": "window", "邮寄": "post", "电话": "Telephone",
    "信息公开": "published only", "网上预审": "checked online first", "网上受理": "accepted online",
    "全程网办": "online throughout",
    "经办人": "clerk", "负责人": "head", "审核人": "reviewer", "系统自动": "by the system", "委员会": "committee",
    "支部": "branch", "校外单位": "outside body", "银行": "bank", "导师": "supervisor", "数据专员": "data steward",
    "现场人员": "person on site", "申请人": "applicant",
    "改革专班": "reform office", "管理员": "administrator", "校领导": "leadership", "纪检监察": "auditor",
    "运维工程师": "engineer",
    "全部通过": "all have to agree", "任一通过": "one has to agree",
    "全部重审": "all decide anew", "只重审本环节": "this step decides anew",
    "任一退回, 全部重审": "returned by one, all decide anew",
    "退回后只重审该环节": "returned by one, that one decides anew",
    "短信": "SMS", "信函": "letter", "站内消息": "message in the portal",
    "个工作日": "working days", "天": "days", "小时": "hours", "分钟": "minutes", "个月": "months",
    # contracts
    "字符型": "characters", "数值型": "numeric", "货币型": "currency", "日期型": "date", "日期时间型": "date and time",
    "逻辑型": "logical", "备注型": "memo", "通用型": "general", "双精度型": "double", "整型": "integer",
    "浮点型": "floating point",
    "文本": "text", "整数": "whole number", "数值": "number", "是/否": "yes or no", "日期": "date", "时间": "time",
    "非个人信息": "no personal data", "个人信息": "personal data", "敏感个人信息": "sensitive personal data",
    "不满十四周岁": "of children under 14",
    "不涉密": "not secret", "工作秘密": "work secret", "国家秘密": "state secret",
    "全部可见": "in full", "脱敏后可见": "masked", "事后可见": "after the event", "不可见": "not shown",
    "全量": "in full", "按水位增量": "by watermark", "追加": "appended", "当日多次": "several times a day",
    "视为终止": "has ended", "保留": "kept", "转为曾经": "kept as a former one",
    "退回该行": "the row is refused", "退回整批": "the extract is refused", "记为质量问题": "noted as a finding",
    "全部隐去": "hidden", "只留年份": "the year only",
    "严重": "critical", "一般": "warning", "提示": "for information", "错误": "error",
    "规范性": "conformity", "完整性": "completeness", "准确性": "accuracy", "一致性": "consistency",
    "时效性": "timeliness", "可访问性": "accessibility",
    "人员": "person", "项目": "project", "房间": "room",
}  # fmt: skip
