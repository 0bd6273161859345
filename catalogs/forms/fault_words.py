"""What is wrong with a workbook, in Chinese: the sentences of the forms' faults, for pages and marked copies.

Faults are worded once, in English, where they are found; what is not known here is shown as it was worded.
"""

import re
from collections.abc import Callable
from dataclasses import replace

from catalogs.forms.sheets import SheetFault

_WORDS = {
    "a formula": "是公式",
    "a value": "数值或文字",
    "copy the cell and paste it as value": "复制该单元格并粘贴为数值",
    "an error of the spreadsheet": "是表格错误值",
    "write the value": "填写数值或文字",
    "an .xls file, or a workbook with a password": "是 .xls 文件，或设有密码的工作簿",
    "an .xlsx file without password": "不设密码的 .xlsx 文件",
    "an .xlsx file": ".xlsx 文件",
    "open it and save it as Excel workbook (.xlsx)": "打开后另存为 Excel 工作簿（.xlsx）",
    "open it, save it anew as .xlsx": "打开后重新另存为 .xlsx",
    "the workbook is damaged": "工作簿已损坏",
    "send it once more": "请重新上传",
    "another kind of document, not an Excel workbook": "是别的文档，不是 Excel 工作簿",
    "the workbook is too large when unpacked": "工作簿解压后过大",
    "cut it in parts": "请拆成几个文件",
    "a workbook without macros": "不含宏的工作簿",
    "no sheet is a form that is known": "没有一张工作表是可识别的表式",
    "take a form anew": "请重新下载表式",
    "a number of more than fifteen digits, whose end a spreadsheet drops": "数字超过 15 位，表格已丢失末尾",
    "text": "文本",
    "format the cell as text and write the number again": "把单元格设为文本后重新填写",
    "not a whole number": "不是整数",
    "a whole number, as 20": "整数，如 20",
    "not a time limit": "不是时限",
    "not a day": "不是日期",
    "a date cell, or a text like 2026-09-01 or 2026年9月1日": "日期，或写成 2026-09-01、2026年9月1日",
    "not a time of day": "不是时刻",
    "a time like 08:00 or 8点": "时刻，如 08:00 或 8点",
    "not a word of this column": "不是本列可填的词",
    "write the code": "请填编码",
    "a row that says of nothing what it is about": "该行没有说明是哪一条",
    "a code or a name": "编码或名称",
    "one value for all rows of an entry": "同一条目的各行取同一个值",
    "write the same, or merge the cells": "填相同内容，或合并单元格",
    "what the form was written with": "表式下载时的内容",
    "change what it follows from, or take the form anew": "请改其来源，或重新下载表式",
    "no resource of this code": "没有这个代码的信息资源",
    "信息资源代码 of a resource of the catalog": "目录中已有的信息资源代码",
    "draft the new resource from its system first: yici source draft": "新资源请先由数据办从业务系统起草",
    "no item of this name, and not all items of the resource are listed": "没有这个信息项，且未列出该资源的全部信息项",
    "the name of an item, or all items of the resource": "已有信息项的名称，或列出全部信息项",
    "write 新增 under 序号 for a new item; to rename one, list all": "新增请在序号处写“新增”；改名请列出全部",
    "a level of the category is left out": "分类缺了一级",
    "类, 项, 目, 细目 without a gap": "类、项、目、细目逐级填写",
    "a condition of what is shared without condition": "无条件共享却填了共享条件",
    "an empty cell": "空白",
    "change 共享类型, or clear the cell": "请改共享类型，或清空该格",
    "no name can be made of this": "无法由此生成字段名",
    "a name in Chinese or Latin letters": "汉字或拉丁字母的名称",
    "no element": "没有数据元",
    "数据元编号 or 数据元名称": "数据元编号或数据元名称",
    "the name of 数据元编号": "与数据元编号一致的名称",
    "each element once": "每个数据元只列一次",
    "not a number of a demand": "不是需求编号",
    "ASCII letters, digits, -, _, .": "英文字母、数字、-、_、.",
    "each number once": "每个编号只用一次",
    "no code of a power": "没有权力编码",
    "write 权力编码": "请填权力编码",
    "no unit is named above the table": "表格上方没有写单位",
    "a line like 单位: 教务处": "如“单位: 教务处”的一行",
    "no service item of the catalog is named above the table": "表格上方没有写目录中的事项",
    "a line like 事项编码: JW-001": "如“事项编码: JW-001”的一行",
    "no row of the list is about this item of this resource": "清单中没有这一资源的这一信息项",
    "the rows that the list was written with": "清单下载时的各行",
    "take the list anew; a new item comes with its contract": "请重新下载清单；新信息项随资源目录提出",
    "no service item of this name, and not all items of the unit are listed": "没有这个事项，且未列出本单位的全部事项",
    "the name of a service item, or all items of the unit": "已有事项的名称，或列出全部事项",
    "fill it in, or empty the row": "请填写，或清空整行",
    "export it again": "请重新下载整行工作簿",
    "the workbook as it was exported": "下载所得的工作簿",
    "the headings as exported": "下载时的表头",
    "take it out": "请删去该列",
    "a row that waits, once": "待纠正的行，每行一次",
    "a value that keeps the rule": "符合该规则的值",
    "a workbook of another resource, or none that was exported": "不是这项数据下载所得的工作簿",
    "a row that waits no more: the source sent it otherwise, or it was admitted": "该行已不待纠正（另送或已入库）",
}
_KINDS = {
    "unit": "单位",
    "service item": "服务事项",
    "material": "申请材料",
    "data element": "数据元",
    "resource": "数据资源",
    "power": "权力",
}
_PLACES = {
    "units.csv": "单位登记",
    "services/": "目录",
    "materials.yaml": "材料登记",
    "elements.csv": "数据元登记",
    "powers.yaml": "权责清单",
}


def _kind(word: str) -> str:
    return _KINDS.get(word, word)


def _place(word: str) -> str:
    return _PLACES.get(word, word)


_PATTERNS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"no (.+) of this name or code"), lambda found: f"没有这个名称或编码的{_kind(found[1])}"),
    (re.compile(r"more than one (.+) has this name"), lambda found: f"有多个{_kind(found[1])}同名"),
    (re.compile(r"add it to (\S+)"), lambda found: f"请先加入{_place(found[1])}"),
    (re.compile(r"a (.+) of (\S+)"), lambda found: f"{_place(found[2])}中的{_kind(found[1])}"),
    (re.compile(r"a code of (.+)"), lambda found: f"编码: {found[1]}"),
    (re.compile(r"one of (.+)"), lambda found: f"{found[1].replace(', ', '、')} 之一"),
    (re.compile(r'did you mean "(.+)"\??'), lambda found: f"是否想填“{found[1]}”？"),
    (re.compile(r'"(.+)" stands twice in one demand'), lambda found: f"“{found[1]}”在一条需求中出现两次"),
    (re.compile(r'not the name of "(.+)"'), lambda found: f"不是“{found[1]}”的名称"),
    (
        re.compile(r"(.+) was changed, which follows from the catalog"),
        lambda found: f"改动了由目录推出的“{found[1]}”",
    ),
    (
        re.compile(r"(.+) differs from row (\d+) of the same entry"),
        lambda found: f"“{found[1]}”与同一条目的第 {found[2]} 行不一致",
    ),
    (re.compile(r"two demands are filed as (.+)"), lambda found: f"两条需求都编号为 {found[1]}"),
    (re.compile(r"a row without (.+)"), lambda found: f"该行缺“{found[1]}”"),
    (re.compile(r"the headings of (.+)"), lambda found: f"{found[1]} 的表头"),
    (re.compile(r"(\S+) is no Excel workbook"), lambda found: f"{found[1]} 文件不是 Excel 工作簿"),
    (re.compile(r"the workbook holds macros \((.+)\)"), lambda found: f"工作簿含有宏（{found[1]}）"),
    (re.compile(r"the workbook is damaged \((.+)\)"), lambda found: f"工作簿已损坏（{found[1]}）"),
    (re.compile(r"at most (\d+) MB"), lambda found: f"不超过 {found[1]} MB"),
    (re.compile(r"no sheet (.+)"), lambda found: f"没有工作表“{found[1]}”"),
    (re.compile(r"no column of (.+)"), lambda found: f"不是 {found[1]} 的列"),
    (
        re.compile(r"neither column (.+) nor those of the key"),
        lambda found: f"既没有“{found[1]}”列，也没有主键各列",
    ),
    (re.compile(r"the row of line (\d+) again"), lambda found: f"与第 {found[1]} 行是同一行"),
    (
        re.compile(r"(\d+) waiting rows have this key, and column (.+) is empty"),
        lambda found: f"待纠正的行中有 {found[1]} 行是这一主键，且“{found[2]}”为空",
    ),
)


def in_chinese(sentence: str) -> str:
    """Return a sentence of a fault in Chinese; as it is if it is not known."""
    if sentence in _WORDS:
        return _WORDS[sentence]
    for pattern, said in _PATTERNS:
        if found := pattern.fullmatch(sentence):
            return said(found)
    return sentence


def fault_in_chinese(fault: SheetFault) -> SheetFault:
    """Return a fault with its texts in Chinese."""
    return replace(
        fault,
        what=in_chinese(fault.what),
        expected=in_chinese(fault.expected),
        mend=in_chinese(fault.mend),
    )
