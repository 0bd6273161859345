"""What a column's name and comment suggest: keys, times of change, personal data, elements, code tables.

Vendors of campus systems name columns by pinyin initials (XH, GXSJ), by English words, or in Chinese, and most say
in a comment what is meant. Nothing here is knowledge: every answer is marked as a guess where it is written down,
and what is in doubt is taken for the more delicate.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from catalogs.model import CodeTable, Element

SENSITIVE, PERSONAL = "sensitive", "personal"

_CUT = re.compile(r"[:：;；,，。(（\[【\n]")
_CODE_TAIL = re.compile(r"(代码|编码|码|代号)\Z")
_CJK = re.compile(r"[\u3400-\u9fff]")
_NORM = re.compile(r"(GB|JY)/T\s*([0-9]+(?:\.[0-9]+)?)")


def _words(*chinese: str, names: str = r"(?!)") -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What a comment may contain, and what a whole physical name may be, in lower case."""
    return re.compile("|".join(chinese)), re.compile(names)


# Order decides: a certificate number is a key, whatever else its name says.
_KEY = _words(
    "编号", "号码", "[号]\\Z", "编码", "代码", "代号", "标识", "流水", "主键", "序号", "账号", "电话",
    names=r"(.*_)?(id|no|num|code|key|uuid|guid|pk|sn|seq)|.*(bh|dm|bm|lsh|id)|xh|gh|kch|xsh|h",
)  # fmt: skip
_CODE = _words(
    "代码\\Z", "类型", "类别", "种类", "状态", "性质", "方式", "等级", "级别", "层次", "标志", "性别", "民族",
    names=r"(.*_)?(type|kind|status|state|category|level|flag|grade|sex|gender)|.*(dm|lx|lb|zt|xz|fs|dj|bz)",
)  # fmt: skip
_CHANGED = _words(
    "更新时间", "修改时间", "变更时间", "最后修改", "最后更新", "操作时间", "时间戳",
    names=r"gxsj|xgsj|zhgxsj|zhxgsj|czsj|updated?(_?(at|on|time|date))?|modif(y|ied)(_?(at|on|time|date))?|"
    r"(last_?)(update|modif).*|mtime|gmt_modified|ts|timestamp",
)  # fmt: skip
_DATE = _words(
    "日期", "年月日", "生日", "时间", "有效期", "YYYYMMDD", names=r".*(rq|date|day|_on)|birthday|dob"
)
_FLAG = _words("\\A是否", "\\A有无", "\\A能否", names=r"(is|has)_.*|sf[a-z]{1,6}")
_QUANTITY = _words(
    "数\\Z", "数量", "人数", "次数", "[费额金款价]\\Z", "学时", "成绩", "分数", "学分", "绩点", "年龄", "面积",
    "价格", "余额", "工资", "薪", "容量", "学制",
    names=r".*(count|amount|qty|quantity|total|score|price|balance|salary|_sum)|je|cj|xf|jd|sl|rs|nl|mj|dj",
)  # fmt: skip
_SECRET = _words(
    "密级", "涉密", "是否保密", "保密等级", "秘密", names=r"mj|miji|sfsm|smbz|secret(_level)?|classification"
)
_SENSITIVE_WORDS = _words(
    "身份证", "证件号", "护照号", "银行卡", "银行账号", "卡号", "健康", "疾病", "病史", "残疾", "宗教", "血型",
    "指纹", "人脸", "照片", "犯罪", "处分", "心理", "困难", "低保",
    names=r"sfzh|sfzjh|zjhm|zjh|idcard(_?no)?|id_?no|id_?number|yhkh|bank_?card(_?no)?|jkzk.*|zjxy.*|zp",
)  # fmt: skip
_PERSONAL_WORDS = _words(
    "姓名", "名字", "曾用名", "出生", "生日", "性别", "民族", "籍贯", "政治面貌", "婚姻", "国籍", "电话", "手机",
    "邮箱", "信箱", "电子邮", "地址", "住址", "通信", "学号", "工号", "教工号", "职工号", "考生号", "人员编号",
    "家庭", "父亲", "母亲", "监护", "联系人", "成绩", "工资", "微信", "学生", "教师", "职工",
    names=r"xm|.*name_?cn|(real|full|user|student|staff)_?name|cym|xb|xbm|xbdm|csrq|mz|mzdm|jg|zzmm.*|hyzk.*|"
    r"sjh|sjhm|lxdh|dh|phone|mobile|tel|email|dzyx|yx|jtdz|txdz|address|xh|gh|student_?no|staff_?no|birth.*|sex|"
    r"gender|qq|wechat",
)  # fmt: skip
_POSTCODE = _words("邮政编码", "邮编", names=r"yzbm|yb|zip(_?code)?|post_?code")
_PEOPLES = _words("姓名", "名字", "名称", names=r"xm|cym|.*name|.*mc")


@dataclass(frozen=True)
class Registers:
    """What names are compared with: the campus's own registers, else those that come with Yici.

    Attributes:
        elements: data elements of the campus; a suggestion is made only from these.
        reference: further elements, for the class of personal data alone.
        codes: code tables, the campus's own first.
    """

    elements: Mapping[str, Element] = field(default_factory=dict)
    reference: Mapping[str, Element] = field(default_factory=dict)
    codes: Mapping[str, CodeTable] = field(default_factory=dict)


@dataclass(frozen=True)
class Hints:
    """What a column's name and comment suggest.

    Attributes:
        title: the comment's own short name; empty without a comment.
        is_key: it names something (a number, a code): never a quantity.
        is_code: it is called a code, kind, status or the like.
        is_changed_at: a time of the last change.
        is_date, is_flag, is_quantity, is_secrecy, is_postcode, is_name: as they say.
        pi_class: sensitive, personal or empty.
        element: the campus's element that it may be; None if none is called so.
    """

    title: str
    is_key: bool
    is_code: bool
    is_changed_at: bool
    is_date: bool
    is_flag: bool
    is_quantity: bool
    is_secrecy: bool
    is_postcode: bool
    is_name: bool
    pi_class: str
    element: Element | None


def hints(name: str, comment: str, registers: Registers) -> Hints:
    """Return what a column's physical name and comment suggest.

    Args:
        name: as the source spells it; Chinese names speak as comments do.
        comment: the source's own.
        registers: elements to compare with.
    """
    title = title_of(comment)
    said = comment or (name if _CJK.search(name) else "")
    plain = snake(name)

    def says(words: tuple[re.Pattern[str], re.Pattern[str]]) -> bool:
        in_comment, as_name = words
        return bool(in_comment.search(title_of(said) or said) or as_name.fullmatch(plain))

    element = _element(name, title_of(said), registers.elements)
    known = element or _element(name, title_of(said), registers.reference)
    is_quantity = says(_QUANTITY)
    return Hints(
        title=title,
        is_key=says(_KEY) and not is_quantity,
        is_code=says(_CODE),
        is_changed_at=says(_CHANGED),
        is_date=says(_DATE) or "YYYYMMDD" in comment.upper(),
        is_flag=says(_FLAG),
        is_quantity=is_quantity,
        is_secrecy=says(_SECRET),
        is_postcode=says(_POSTCODE),
        is_name=says(_PEOPLES),
        pi_class=_pi_class(says(_SENSITIVE_WORDS), says(_PERSONAL_WORDS), known),
        element=element,
    )


def _pi_class(is_sensitive: bool, is_personal: bool, known: Element | None) -> str:
    told = known.pi_class if known else ""
    if is_sensitive or told == SENSITIVE:
        return SENSITIVE
    return PERSONAL if is_personal or told == PERSONAL else ""


def _element(name: str, title: str, elements: Mapping[str, Element]) -> Element | None:
    """By the element's own code as column name, else by its whole Chinese name, with or without 代码."""
    if name.upper() in elements:
        return elements[name.upper()]
    wanted = _core(title)
    if len(wanted) < 2:
        return None
    found = [element for element in elements.values() if _core(element.name_zh) == wanted]
    return found[0] if len(found) == 1 else None


def code_table(
    title: str, comment: str, values: frozenset[str], codes: Mapping[str, CodeTable]
) -> CodeTable | None:
    """Return the one code table that holds all values and that the comment names, by name or by norm.

    Values alone prove nothing: half of all code tables begin with 1, 2, 3.
    """
    wanted = _core(title)
    norms = {number for _, number in _NORM.findall(comment)}
    found = []
    for table in codes.values():
        called = _core(table.name_zh)
        is_called = len(wanted) >= 2 and len(called) >= 2 and (wanted in called or called in wanted)
        is_normed = bool(norms & {number for _, number in _NORM.findall(table.norm)})
        if (is_called or is_normed) and values.issubset(table.rows):
            found.append((not is_normed, called != wanted, table.name, table))
    return min(found, key=lambda one: one[:3])[3] if found else None


def name_in(comment: str, code: str) -> str:
    """Return what a comment calls a code (`1 男, 2 女`; `0-否;1-是`); empty if it does not say."""
    told = re.search(rf"(?<![A-Za-z0-9]){re.escape(code)}\s*[-=:：.、]?\s*([\u3400-\u9fff（）()]+)", comment)
    return told.group(1) if told else ""


def title_of(comment: str) -> str:
    """Return the short name that a comment begins with: up to punctuation, and in Chinese up to a space."""
    text = _CUT.split(" ".join(comment.split()), maxsplit=1)[0].strip()
    return text.split(" ")[0] if _CJK.match(text) else text


def _core(name: str) -> str:
    text = _CUT.split(unicodedata.normalize("NFKC", name), maxsplit=1)[0].strip().casefold()
    return _CODE_TAIL.sub("", text)


def snake(name: str) -> str:
    """Write a name in lower case with underscores; other letters than a–z, 0–9 become underscores."""
    text = unicodedata.normalize("NFKC", name)
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    return re.sub(r"[^a-z0-9]+", "_", text.casefold()).strip("_")
