"""Accidents that befall single rows: which kinds, in which systems, and what they leave behind."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from demo import ids
from demo.faults.labels import Label, digest
from demo.faults.rows import Rows, Values, is_open

Spoil = Callable[[Values, Random], Mapping[str, Any]]


def _any(row: Values) -> bool:
    return True


@dataclass(frozen=True)
class Spoiled:
    """A kind in one table: what of a row becomes what.

    Attributes:
        kind, resource: which, where.
        values: gives the columns that are written otherwise.
        fits: rows that the accident can befall.
        doubles: the row stays, and a copy of it with those values comes beside it.
    """

    kind: str
    resource: str
    values: Spoil
    fits: Callable[[Values], bool] = _any
    doubles: bool = False

    def befall(self, rows: Rows, chosen: Sequence[Values], random: Random) -> list[Label]:
        """Spoil the chosen rows and say so."""
        labels = []
        for row in chosen:
            wrong = dict(self.values(row, random))
            spoiled = row | wrong
            if self.doubles:
                rows.add(spoiled)
            else:
                rows.replace(row, spoiled)
            truth = {} if self.doubles else {name: row[name] for name in wrong}
            copied = (rows.key_of(row),) if self.doubles else ()
            told = digest(truth) if truth else ""
            labels.append(Label(self.kind, rows.resource, rows.key_of(spoiled), tuple(wrong), told, copied))
        return labels


@dataclass(frozen=True)
class Paired:
    """A kind that mixes up two persons of one table: the columns of one come to stand in the other's row.

    Attributes:
        kind, resource: which, where.
        columns: of the document and what is written in it.
        both: the two change places; else only the second takes the first one's.
        fits: rows that the accident can befall.
    """

    kind: str
    resource: str
    columns: tuple[str, ...]
    both: bool
    fits: Callable[[Values], bool] = _any

    def befall(self, rows: Rows, chosen: Sequence[Values], random: Random) -> list[Label]:
        """Mix up the chosen rows, one with the next."""
        labels = []
        for first, second in zip(chosen[::2], chosen[1::2], strict=False):
            wrong = {name: first[name] for name in self.columns}
            spoiled = [(second, second | wrong)]
            if self.both:
                spoiled.append((first, first | {name: second[name] for name in self.columns}))
            for old, new in spoiled:
                rows.replace(old, new)
                truth = digest({name: old[name] for name in self.columns})
                labels.append(Label(self.kind, rows.resource, rows.key_of(new), self.columns, truth))
        return labels


def _set(**wrong: Any) -> Spoil:
    return lambda row, random: wrong


def _column(name: str, change: Callable[[Any], Any]) -> Spoil:
    return lambda row, random: {name: change(row[name])}


def _has(*names: str) -> Callable[[Values], bool]:
    return lambda row: all(row[name] not in (None, "") for name in names)


def _citizen(column: str, kind: str, number: str) -> Callable[[Values], bool]:
    return lambda row: str(row[column]).strip() == kind and len(str(row[number])) == 18


def plain_name(column: str) -> Callable[[Values], bool]:
    """Whether a name is of two or three Chinese characters that every code page has."""

    def fits(row: Values) -> bool:
        name = str(row[column] or "")
        return len(name) in (2, 3) and all("\u4e00" <= char <= "\u9fa5" for char in name)

    return fits


def _two_characters(column: str) -> Callable[[Values], bool]:
    """Whether a name is of two Chinese characters: in the wrong encoding, nothing of it looks unreadable."""
    fits = plain_name(column)
    return lambda row: fits(row) and len(str(row[column])) == 2


_STUDENT = _citizen("SFZJLXDM", "01", "SFZJH")
_GRADUATE = _citizen("cert_type", "ID", "cert_no")
_STAFF = _citizen("证件类型", "居民身份证", "证件号码")
_ALUMNUS = _citizen("zjlx", "居民身份证", "zjhm")


def gbk_as_utf8(text: str) -> str:
    """Return what a reader that expects UTF-8 makes of GBK bytes."""
    return text.encode("gb18030").decode("utf-8", "replace")


def utf8_as_gbk(text: str) -> str:
    """Return what a reader that expects GBK makes of UTF-8 bytes."""
    return text.encode().decode("gb18030", "replace")


def full_width(text: str) -> str:
    """Write digits and letters as an input method in full-width mode does."""
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)


def _next_day8(text: str) -> str:
    return f"{datetime.strptime(text, '%Y%m%d') + timedelta(days=1):%Y%m%d}"


def _next_day(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value + timedelta(days=1)
    return (date.fromisoformat(value) + timedelta(days=1)).isoformat()


def _cut_cents(value: Any) -> int:
    return int(float(value))


def _with_cents(column: str) -> Callable[[Values], bool]:
    return lambda row: row[column] is not None and round(float(row[column]) * 100) % 100 != 0


def _new_student_no(row: Values, random: Random) -> Mapping[str, Any]:
    return {"XH": f"{row['XH'][:4]}99{random.randrange(100_000):05d}"}


def _shifted(row: Values, random: Random) -> Mapping[str, Any]:
    """Move all values one column to the left, the first to the end."""
    values = list(row.values())
    return dict(zip(row, [*values[1:], values[0]], strict=True))


LONG = "长" * 5_000
# Rows of one table that one kind befalls at most.
MOST = 20

SPOILED: tuple[Spoiled | Paired, ...] = (
    Spoiled("missing-key", "library.student_loans", _set(读者证号="")),
    Spoiled("missing-key", "certificates_legacy.graduation", _set(zsbh=None)),
    Spoiled("missing-key", "assets.assets", _set(ZCBH=None)),
    Spoiled("duplicate-key-same", "logistics.student_cards", _set(), doubles=True),
    Spoiled("duplicate-key-same", "archives.student_files", _set(), doubles=True),
    Spoiled("duplicate-key-same", "certificates_legacy.degrees", _set(), doubles=True),
    Spoiled("duplicate-key-other", "library.graduate_loans", _column("欠款", lambda fine: f"{float(fine) + 1:.2f}"),
            lambda row: row["已还清"] == "否", doubles=True),
    Spoiled("duplicate-key-other", "logistics.student_cards", _column("余额", lambda sum_: f"{float(sum_) + 1:.2f}"),
            lambda row: row["卡状态"] == "正常", doubles=True),
    Spoiled("duplicate-key-other", "certificates_legacy.graduation", _set(zymc="哲学"), doubles=True),
    Spoiled("null-required", "hr.staff", _set(姓名=None)),
    Spoiled("null-required", "academic.students", _set(XM=None)),
    Spoiled("null-required", "finance.payroll", _set(YFHJ=None)),
    Spoiled("null-required", "student_affairs.awards", _set(jlmc="")),
    Spoiled("over-long", "hr.staff", _column("姓名", lambda name: name * 2_000)),
    Spoiled("over-long", "student_affairs.awards", _set(jlmc=LONG)),
    Spoiled("over-long", "certificates_legacy.graduation", _set(zymc=LONG)),
    Spoiled("control-character", "library.staff_loans", _column("读者证号", lambda text: f"{text}\x01")),
    Spoiled("control-character", "academic.students", _column("JTDZ", lambda text: f"{text}\x07"), _has("JTDZ")),
    Spoiled("control-character", "certificates_legacy.degrees", _column("xm", lambda text: f"{text}\0")),
    Spoiled("wrong-type", "logistics.student_cards", _set(余额="暂无")),
    Spoiled("wrong-type", "research.projects", _set(approvedAmount="约三百万")),
    Spoiled("wrong-type", "student_affairs.loans", _set(htje="一万")),
    Spoiled("wrong-type", "academic.students", _set(CSRQ="不详")),
    Spoiled("impossible-date", "academic.students", _set(CSRQ="20030230")),
    Spoiled("impossible-date", "certificates_legacy.graduation", _set(byrq="2010-06-31")),
    Spoiled("impossible-date", "research.outcomes", _set(publishedOn="2024-02-30")),
    Spoiled("impossible-date", "party.student_stages", _set(申请入党日期="2023-13-01")),
    Spoiled("future-date", "hr.staff", _set(来校日期="2062-09-01"), lambda row: not row["退休日期"]),
    Spoiled("future-date", "academic.degrees", _set(BYRQ=date(2062, 6, 30))),
    Spoiled("future-date", "student_affairs.awards", _set(bfrq="2062-05-04")),
    Spoiled("future-date", "finance.incoming_payments", _set(DKRQ="2062-10-01")),
    Spoiled("out-of-range", "academic.grades", _set(CJ=150)),
    Spoiled("out-of-range", "student_affairs.assessments", _set(zhcj=180)),
    Spoiled("out-of-range", "research.projects", _set(overheadShare=3)),
    Spoiled("out-of-range", "assets.repairs", _set(PF=9)),
    Spoiled("nan", "academic.grades", _set(CJ="NaN")),
    Spoiled("nan", "finance.payroll", _set(GJJ=float("inf"))),
    Spoiled("nan", "research.contracts", _set(amount=float("nan"))),
    Spoiled("nan", "logistics.staff_cards", _set(余额="NaN")),
    Spoiled("negative-amount", "logistics.graduate_cards", _set(余额="-5.00")),
    Spoiled("negative-amount", "student_affairs.loans", _set(htje=-6000)),
    Spoiled("negative-amount", "research.contracts", _set(amount=-1)),
    Spoiled("truncated-decimal", "finance.payroll", _column("SBJE", _cut_cents), _with_cents("SBJE")),
    Spoiled("truncated-decimal", "finance.accounts", _column("LJZC", _cut_cents), _with_cents("LJZC")),
    Spoiled("unknown-code", "academic.students", _set(XJZTDM="QQ")),
    Spoiled("unknown-code", "logistics.student_cards", _set(卡状态="外借")),
    Spoiled("unknown-code", "hall.cases", _set(status=99)),
    Spoiled("unknown-code", "hr.staff", _set(人员状态="挂职")),
    Spoiled("retired-code", "academic.students", _set(GJDQDM="YUG")),
    Spoiled("retired-code", "assets.assets", _set(LYDW="JCC")),
    Spoiled("retired-code", "hr.appointments", _set(单位="JYXX")),
    Spoiled("other-code", "academic.students", _set(GATQWDM="ZD")),
    Spoiled("other-code", "graduate.students", _set(gender="D")),
    Spoiled("other-code", "logistics.student_cards", _set(卡状态="餐饮")),
    Spoiled("other-code", "hr.staff", _set(性别="汉族")),
    Spoiled("id-checksum", "academic.students", _column("SFZJH", ids.spoiled), _STUDENT),
    Spoiled("id-checksum", "graduate.students", _column("cert_no", ids.spoiled), _GRADUATE),
    Spoiled("id-checksum", "hr.staff", _column("证件号码", ids.spoiled), _STAFF),
    Spoiled("id-checksum", "certificates_legacy.graduation", _column("zjhm", ids.spoiled), _ALUMNUS),
    Spoiled("id-birthday", "academic.students", _column("CSRQ", _next_day8), _STUDENT),
    Spoiled("id-birthday", "graduate.students", _column("birthday", _next_day), _GRADUATE),
    Spoiled("id-birthday", "hr.staff", _column("出生日期", _next_day), _STAFF),
    Spoiled("id-birthday", "certificates_legacy.graduation", _column("csrq", _next_day8), _ALUMNUS),
    Spoiled("id-sex", "academic.students", _column("XBDM", lambda sex: "21"[int(sex) - 1]), _STUDENT),
    Spoiled("id-sex", "graduate.students", _column("gender", lambda sex: "F" if sex == "M" else "M"), _GRADUATE),
    Spoiled("id-sex", "hr.staff", _column("性别", lambda sex: "女" if sex == "男" else "男"), _STAFF),
    Spoiled("id-sex", "certificates_legacy.graduation", _column("xb", lambda sex: "女" if sex == "男" else "男"),
            _ALUMNUS),
    Paired("swapped-ids", "academic.students", ("SFZJH", "CSRQ", "XBDM"), True, _STUDENT),
    Paired("swapped-ids", "hr.staff", ("证件号码", "出生日期", "性别"), True, _STAFF),
    Spoiled("person-twice", "academic.students", _new_student_no, _STUDENT, doubles=True),
    Paired("number-twice", "academic.students", ("SFZJH", "CSRQ", "XBDM"), False, _STUDENT),
    Paired("number-twice", "graduate.students", ("cert_no", "birthday", "gender"), False, _GRADUATE),
    Spoiled("lost-zeros", "academic.students", _set(MZDM="1"), lambda row: str(row["MZDM"]).strip() == "01"),
    Spoiled("lost-zeros", "academic.students", _column("ZYDM", lambda code: code[1:]),
            lambda row: row["ZYDM"][0] == "0"),
    Spoiled("lost-zeros", "graduate.students", _column("major_code", lambda code: code[1:]),
            lambda row: row["major_code"][0] == "0"),
    Spoiled("lost-zeros", "finance.payroll", _set(GZLB="1"), lambda row: row["GZLB"] == "01"),
    Spoiled("full-width", "library.student_loans", _column("读者证号", full_width)),
    Spoiled("full-width", "academic.students", _column("SJHM", full_width), _has("SJHM")),
    Spoiled("full-width", "hr.staff", _column("证件号码", full_width), _STAFF),
    Spoiled("full-width", "logistics.student_cards", _column("学工号", full_width)),
    Spoiled("gbk-as-utf8", "academic.students", _column("XM", gbk_as_utf8), plain_name("XM")),
    Spoiled("gbk-as-utf8", "graduate.students", _column("full_name", gbk_as_utf8), plain_name("full_name")),
    Spoiled("gbk-as-utf8", "certificates_legacy.degrees", _column("xm", gbk_as_utf8), plain_name("xm")),
    Spoiled("utf8-as-gbk", "academic.students", _column("XM", utf8_as_gbk), _two_characters("XM")),
    Spoiled("utf8-as-gbk", "hr.staff", _column("姓名", utf8_as_gbk), _two_characters("姓名")),
    Spoiled("utf8-as-gbk", "archives.student_households", _column("户籍地址", utf8_as_gbk), _has("户籍地址")),
    Spoiled("utf8-as-gbk", "research.projects", _column("projectName", utf8_as_gbk)),
    Spoiled("question-mark", "academic.students", _column("XM", lambda name: f"{name[0]}?"), plain_name("XM")),
    Spoiled("question-mark", "hr.staff", _column("姓名", lambda name: f"{name[0]}?{name[2:]}"), plain_name("姓名")),
    Spoiled("question-mark", "certificates_legacy.degrees", _column("xm", lambda name: f"{name[0]}？"),
            plain_name("xm")),
    Spoiled("trimmed-padded", "academic.students", _column("XM", lambda name: f" {name}"), plain_name("XM")),
    Spoiled("trimmed-padded", "hr.staff", _column("姓名", lambda name: f"{name[0]}\u3000{name[1:]}"),
            plain_name("姓名")),
    Spoiled("trimmed-padded", "certificates_legacy.graduation", _column("xm", lambda name: f"{name}  "),
            plain_name("xm")),
    Spoiled("column-shift", "logistics.student_cards", _shifted),
    Spoiled("column-shift", "library.student_loans", _shifted),
    Spoiled("clock-skew", "academic.grades", _set(GXSJ="2026-10-24 09:00:00")),
    Spoiled("clock-skew", "hall.cases", _set(updated_at="2026-10-24 09:00:00+08")),
    Spoiled("clock-skew", "assets.repairs", _set(GXSJ="2026-10-24 09:00:00")),
    Spoiled("orphan", "hall.case_steps", lambda row, random: {"case_no": f"BJ-0000-{random.randrange(10**9)}"},
            doubles=True),
    Spoiled("orphan", "academic.course_classes", _set(KCH="XX-0000")),
    Spoiled("sums", "finance.payroll", _column("YFHJ", lambda gross: float(gross) + 100)),
    Spoiled("sums", "finance.fee_payments", _column("QFJE", lambda owed: float(owed) + 100)),
    Spoiled("sums", "finance.accounts", _column("YE", lambda left: float(left) - 10_000)),
)  # fmt: skip


def befall(
    one: Spoiled | Paired, rows: Rows, taken: set[tuple[str, ...]], rate: float, random: Random
) -> list[Label]:
    """Let an accident befall some rows that no other has befallen.

    Args:
        one: the accident.
        rows: of its table.
        taken: keys of rows that are spoiled already; those chosen are added.
        rate: share of the table's rows; at least one row, or one pair.
        random: decides which.
    """
    every = [row for row in rows.read() if is_open(row)]
    fitting = [row for row in every if one.fits(row) and rows.key_of(row) not in taken]
    wanted = min(max(1, round(len(every) * rate)), MOST)
    if isinstance(one, Paired):
        wanted *= 2
    chosen = random.sample(fitting, min(wanted, len(fitting)))
    taken.update(rows.key_of(row) for row in chosen)
    labels = one.befall(rows, chosen, random)
    taken.update(label.key for label in labels)
    return labels
