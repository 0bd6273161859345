"""Rows of a built system, whatever it lives in: read as mappings, replaced, added, written back as that kind does."""

import csv
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from demo.systems import academic, graduate, hall, research
from demo.systems.hr import WORKBOOK
from demo.systems.hr_workbook import STAFF_SHEET
from demo.tables import MysqlStore, PostgresStore, SqliteStore, Store
from demo.target import Target, TargetError, mysql_parts

Values = dict[str, Any]
# Columns that say that a row is secret: such rows are never read.
_SECRET = ("涉密人员标志", "涉密标志", "涉密标志位", "SMBZ", "secretFlag")


class Rows(ABC):
    """The rows of one resource.

    Attributes:
        resource: its name.
        key: its key's columns, as the source names them.
    """

    def __init__(self, resource: str, key: Sequence[str]) -> None:
        self.resource, self.key = resource, tuple(key)

    @abstractmethod
    def read(self) -> list[Values]:
        """Return the rows that a reader sees."""

    @abstractmethod
    def replace(self, old: Values, new: Values) -> None:
        """Write a row otherwise."""

    @abstractmethod
    def add(self, new: Values) -> None:
        """Add a row."""

    def remove(self, old: Values) -> None:
        """Take a row out."""
        raise NotImplementedError(f"{self.resource}: rows are not taken out here")

    @abstractmethod
    def close(self) -> None:
        """Write what is not written yet."""

    def key_of(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        """Return a row's key as texts."""
        return tuple("" if row[name] is None else str(row[name]) for name in self.key)


def is_open(row: Mapping[str, Any]) -> bool:
    """Whether a row may be read at all."""
    return all(str(row.get(name) or "0") == "0" for name in _SECRET)


class CsvRows(Rows):
    """A delimited file."""

    def __init__(self, resource: str, key: Sequence[str], path: Path, encoding: str, delimiter: str = ","):
        super().__init__(resource, key)
        self.path, self.encoding, self.delimiter = path, encoding, delimiter
        text = path.read_bytes().decode(encoding)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        self.headings = next(reader)
        self.rows = [dict(zip(self.headings, line, strict=True)) for line in reader]

    def read(self) -> list[Values]:
        return list(self.rows)

    def replace(self, old: Values, new: Values) -> None:
        self.rows[self.rows.index(old)] = new

    def add(self, new: Values) -> None:
        self.rows.append(new)

    def close(self) -> None:
        out = io.StringIO(newline="")
        writer = csv.writer(out, delimiter=self.delimiter)
        writer.writerow(self.headings)
        writer.writerows([row[name] for name in self.headings] for row in self.rows)
        write_over(self.path, out.getvalue().encode(self.encoding))


class JsonRows(Rows):
    """A file of JSON lines."""

    def __init__(self, resource: str, key: Sequence[str], path: Path):
        super().__init__(resource, key)
        self.path = path
        self.rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def read(self) -> list[Values]:
        return list(self.rows)

    def replace(self, old: Values, new: Values) -> None:
        self.rows[self.rows.index(old)] = new

    def add(self, new: Values) -> None:
        self.rows.append(new)

    def close(self) -> None:
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in self.rows)
        write_over(self.path, text.encode())


class SheetRows(Rows):
    """One sheet of a workbook; its first row names the columns."""

    def __init__(self, resource: str, key: Sequence[str], path: Path, sheet: str):
        from openpyxl import load_workbook

        super().__init__(resource, key)
        self.path, self.book = path, load_workbook(path)
        self.sheet = self.book[sheet]
        names, *lines = self.sheet.iter_rows(values_only=True)
        self.names = list(names)
        self.rows = [dict(zip(self.names, line, strict=True)) for line in lines]

    def read(self) -> list[Values]:
        return list(self.rows)

    def replace(self, old: Values, new: Values) -> None:
        place = self.rows.index(old)
        self.rows[place] = new
        for column, name in enumerate(self.names, start=1):
            if old[name] != new[name]:
                self.sheet.cell(row=place + 2, column=column).value = new[name]

    def add(self, new: Values) -> None:
        self.rows.append(new)
        self.sheet.append([new[name] for name in self.names])

    def close(self) -> None:
        from demo.drops import save_workbook

        save_workbook(self.book, self.path)


class SqlRows(Rows):
    """A table; a view may stand between it and the reader.

    Attributes:
        touched: the column that says when a row last changed, which every change moves to `now`.
    """

    def __init__(
        self, resource: str, key: Sequence[str], store: Store, table: str, view: str, touched: str, now: str
    ):
        super().__init__(resource, key)
        self.store, self.table, self.view, self.touched, self.now = store, table, view, touched, now

    def read(self) -> list[Values]:
        mark = "`" if isinstance(self.store, MysqlStore) else '"'
        where = f" WHERE {self.view}" if self.view else ""
        names = self._columns()
        listed = ", ".join(f"{mark}{name}{mark}" for name in names)
        order = ", ".join(f"{mark}{name}{mark}" for name in self.key)
        found = self.store.ask(f"SELECT {listed} FROM {mark}{self.table}{mark}{where} ORDER BY {order}")
        return [dict(zip(names, values, strict=True)) for values in found]

    def replace(self, old: Values, new: Values) -> None:
        changed = {name: value for name, value in new.items() if value != old[name]}
        if self.touched and self.touched not in changed:
            changed[self.touched] = self.now
        mark = "`" if isinstance(self.store, MysqlStore) else '"'
        assigned = ", ".join(f"{mark}{name}{mark} = ?" for name in changed)
        where = " AND ".join(f"{mark}{name}{mark} = ?" for name in self.key)
        values = [*changed.values(), *(old[name] for name in self.key)]
        self.store.change(f"UPDATE {mark}{self.table}{mark} SET {assigned} WHERE {where}", values)

    def add(self, new: Values) -> None:
        row = new | ({self.touched: self.now} if self.touched else {})
        mark = "`" if isinstance(self.store, MysqlStore) else '"'
        listed = ", ".join(f"{mark}{name}{mark}" for name in row)
        marks = ", ".join("?" * len(row))
        self.store.change(
            f"INSERT INTO {mark}{self.table}{mark} ({listed}) VALUES ({marks})", list(row.values())
        )

    def close(self) -> None:
        self.store.close()

    def _columns(self) -> list[str]:
        if isinstance(self.store, SqliteStore):
            return [row[1] for row in self.store.ask(f'PRAGMA table_info("{self.table}")')]
        schema = self.store.schema if isinstance(self.store, PostgresStore) else None
        told = self.store.ask(
            "SELECT column_name FROM information_schema.columns WHERE table_name = ?"
            " AND table_schema = coalesce(?, table_schema) ORDER BY ordinal_position",
            [self.table, schema],
        )
        return [row[0] for row in told]


class DocumentRows(Rows):
    """Documents of the research server; nested fields are named `a.b`."""

    def __init__(self, resource: str, key: Sequence[str], path: Path, kind: str):
        super().__init__(resource, key)
        self.kind, self.store = kind, SqliteStore(path)

    def read(self) -> list[Values]:
        found = self.store.ask("SELECT id, body FROM documents WHERE kind = ? ORDER BY id", [self.kind])
        return [json.loads(body) | {"_id": number} for number, body in found]

    def replace(self, old: Values, new: Values) -> None:
        self.store.change(
            "UPDATE documents SET body = ? WHERE kind = ? AND id = ?",
            [_body(new), self.kind, old["_id"]],
        )

    def add(self, new: Values) -> None:
        self.store.change("INSERT INTO documents VALUES (?, ?, ?)", [self.kind, new["_id"], _body(new)])

    def remove(self, old: Values) -> None:
        self.store.change("DELETE FROM documents WHERE kind = ? AND id = ?", [self.kind, old["_id"]])

    def close(self) -> None:
        self.store.close()


def _body(row: Values) -> str:
    return json.dumps({name: value for name, value in row.items() if name != "_id"}, ensure_ascii=False)


def write_over(path: Path, content: bytes) -> None:
    """Replace a delivered file in one step, as every system does."""
    beside = path.with_name(f".{path.name}.part")
    beside.write_bytes(content)
    beside.replace(path)


_CARDS, _LOANS, _FILES = ("学工号",), ("读者证号",), ("编号",)
_CSV = {
    "library.student_loans": (_LOANS, "library/本科生借阅.csv", "gb18030", ","),
    "library.graduate_loans": (_LOANS, "library/研究生借阅.csv", "gb18030", ","),
    "library.staff_loans": (_LOANS, "library/教职工借阅.csv", "gb18030", ","),
    "logistics.student_cards": (_CARDS, "logistics/校园卡_本科生.csv", "gb18030", ","),
    "logistics.graduate_cards": (_CARDS, "logistics/校园卡_研究生.csv", "gb18030", ","),
    "logistics.staff_cards": (_CARDS, "logistics/校园卡_教职工.csv", "gb18030", ","),
    "archives.student_files": (_FILES, "archives/本科生档案.csv", "gb18030", ";"),
    "archives.student_households": (_FILES, "archives/本科生户籍.csv", "gb18030", ";"),
    "party.student_stages": (_FILES, "party/本科生党员发展.csv", "utf-8-sig", ","),
    "hr.appointments": (("聘任编号",), "hr/岗位聘任.csv", "gb18030", ","),
}
_JSON = {
    "certificates_legacy.graduation": (("zsbh",), "certificates_legacy/毕业证书.jsonl"),
    "certificates_legacy.degrees": (("zsbh",), "certificates_legacy/学位证书.jsonl"),
}
_SHEETS = {"hr.staff": (("工号",), f"hr/{WORKBOOK}", STAFF_SHEET)}
_DOCUMENTS = {
    "research.projects": (("projectNo",), "projects"),
    "research.outcomes": (("outcomeNo",), "outcomes"),
    "research.contracts": (("contractNo",), "contracts"),
}
_POSTGRES = {
    "academic": (academic.DATABASE, "public"),
    "graduate": (graduate.DATABASE, graduate.SCHEMA),
    "hall": (hall.DATABASE, "public"),
}
_UNDERGRADUATES = "xslx = 'BKS'"
# resource → system, key, table, what a reader sees of it, column of the last change
_SQL = {
    "academic.students": ("academic", ("XH",), "T_XS_JBXX", "", "GXSJ"),
    "academic.degrees": ("academic", ("XH",), "T_BY_BYXW", "", "GXSJ"),
    "academic.grades": ("academic", ("XH", "XNXQ", "KCH", "CJLXDM"), "T_CJ_XSCJ", "", "GXSJ"),
    "academic.course_classes": ("academic", ("JXBH",), "T_JX_JXB", "", "GXSJ"),
    "graduate.students": ("graduate", ("stu_no",), "student", "", "updated_at"),
    "graduate.grades": (
        "graduate",
        ("stu_no", "term", "course_no", "attempt"),
        "course_grade",
        "",
        "updated_at",
    ),
    "hall.cases": ("hall", ("case_no",), "t_case", "", "updated_at"),
    "hall.case_steps": ("hall", ("case_no", "seq"), "t_case_step", "", "updated_at"),
    "hall.evaluations": ("hall", ("case_no",), "t_evaluation", "", "updated_at"),
    "finance.payroll": ("finance", ("GH", "NY", "GZLB"), "gzffb", "", "GXSJ"),
    "finance.fee_payments": ("finance", ("XH", "XN"), "xsjf", "XSLB = '本科生'", "GXSJ"),
    "finance.accounts": ("finance", ("XMBH",), "xmjfzh", "", "GXSJ"),
    "finance.incoming_payments": ("finance", ("DKLSH",), "dkxx", "", "GXSJ"),
    "student_affairs.awards": ("student_affairs", ("jlbh",), "xg_jl", _UNDERGRADUATES, "gxsj"),
    "student_affairs.loans": ("student_affairs", ("hth",), "xg_zxdk", _UNDERGRADUATES, "gxsj"),
    "student_affairs.assessments": ("student_affairs", ("xh", "xn"), "xg_zhcp", _UNDERGRADUATES, "gxsj"),
    "assets.assets": ("assets", ("ZCBH",), "ZCKP", "", "GXSJ"),
    "assets.repairs": ("assets", ("WXDH",), "WXD", "", "GXSJ"),
    "administration.seals": ("administration", ("登记号",), "用印", "", "更新时间"),
}


def store_of(target: Target, system: str) -> Store:
    """Open the database of a system for writing; the caller closes it."""
    if system == "finance" and target.finance_url:
        return MysqlStore(**mysql_parts(target.finance_url))
    if system in _POSTGRES:
        database, schema = _POSTGRES[system]
        store = PostgresStore(target.database(database), schema)
        # Times without an offset are local ones.
        store.connection.execute("SET TIME ZONE INTERVAL '+08:00' HOUR TO MINUTE")
        return store
    return SqliteStore(Path(target.env.values[f"YICI_{system.upper()}_FILE"]))


def rows_of(target: Target, resource: str, now: str) -> Rows:
    """Open the rows of a resource.

    Args:
        target: a built campus.
        resource: name of the resource.
        now: local time that a changed row says it changed at.

    Raises:
        TargetError: rows of this resource are not known here.
    """
    if resource in _CSV:
        key, path, encoding, delimiter = _CSV[resource]
        return CsvRows(resource, key, target.out / path, encoding, delimiter)
    if resource in _JSON:
        key, path = _JSON[resource]
        return JsonRows(resource, key, target.out / path)
    if resource in _SHEETS:
        key, path, sheet = _SHEETS[resource]
        return SheetRows(resource, key, target.out / path, sheet)
    if resource in _DOCUMENTS:
        key, kind = _DOCUMENTS[resource]
        return DocumentRows(resource, key, target.folder("research") / research.FILE, kind)
    if resource in _SQL:
        system, key, table, view, touched = _SQL[resource]
        return SqlRows(resource, key, store_of(target, system), table, view, touched, now)
    raise TargetError(f"no faults can be put into rows of {resource}; nothing was changed")


@contextmanager
def opened(target: Target, resource: str, now: str) -> Iterator[Rows]:
    """Open the rows of a resource, and write them back at the end."""
    with closing(rows_of(target, resource, now)) as rows:
        yield rows
