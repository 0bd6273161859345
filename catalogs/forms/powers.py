"""权责清单: one row a power, in the columns that publications of the list share (CATALOG §3.4)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from catalogs.fields import ASCII_CODE
from catalogs.forms.cells import Number, Ref, folded
from catalogs.forms.form import (
    NUMBER,
    REMOVE,
    Chosen,
    Column,
    Draft,
    Form,
    Grid,
    Page,
    Row,
    Told,
    mark,
    put,
    said,
)
from catalogs.forms.registers import units
from catalogs.forms.sheets import Record, Table

FILE, KEY = "powers.yaml", "powers"
# The columns' keys are the keys of an entry.


class PowersForm(Form):
    """权责清单."""

    name = "powers"
    title = "权责清单"
    needed = {"powers": ("code", "nameZh", "basis")}  # noqa: RUF012

    def columns(self) -> Mapping[str, tuple[Column, ...]]:
        """Return the list's columns."""
        columns = (
            Column(NUMBER, "序号", Number(), width=6),
            Column("code", "权力编码", width=12),
            Column("nameZh", "权力名称", width=24),
            Column("kind", "权力类型", width=10),
            Column("basis", "实施依据", width=30),
            Column("subject", "责任主体"),
            Column("unit", "承办机构", Ref(register=units(self.catalog))),
            Column("duties", "责任事项内容", also=("责任事项",), width=30),
            Column("dutyBasis", "责任事项依据", width=24),
            Column("accountablePersons", "追责对象范围", also=("追责对象",), width=20),
            Column("accountableFor", "追责情形", width=30),
            Column("phone", "监督电话", width=12),
        )
        return {"powers": columns}

    def pages(self, draft: Draft, chosen: Chosen) -> Iterator[Page]:
        """Return one sheet with the powers of the chosen units."""
        columns = self.tables["powers"]
        powers = [
            one
            for one in draft.members(FILE, KEY).values()
            if chosen.has(str(one.get("unit", "")), _code(one))
        ]
        rows = tuple(Row(_values(one) | {NUMBER: number}) for number, one in enumerate(powers, start=1))
        yield Page(self.title, f"{self.catalog.campus.name_zh}{self.title}", (Grid(columns, rows),))

    def read(self, tables: Sequence[Table], draft: Draft, told: Told) -> None:
        """Change, add and (序号 删除) remove powers; the code tells which."""
        columns = self.tables["powers"]
        for table in tables:
            for record in table.records:
                there = {folded(code): code for code in draft.members(FILE, KEY)}
                name = str(record.cells.get("code") or "")
                code = there.get(folded(name))
                if code is None:
                    self._add(record, draft, told)
                elif mark(record) == REMOVE:
                    draft.remove(FILE, KEY, code)
                else:
                    power = draft.members(FILE, KEY)[code]
                    for key, value in said(record, columns[2:], _values(power), told).items():
                        put(power, key, value)

    def _add(self, record: Record, draft: Draft, told: Told) -> None:
        values = said(record, self.tables["powers"], {}, told)
        code = values.get("code")
        if code is None or not ASCII_CODE.match(code):
            told.at(
                record.place("code"), "no code of a power", "ASCII letters, digits, -, _, .", "write 权力编码"
            )
        else:
            draft.add(FILE, KEY, code, {key: value for key, value in values.items() if value is not None})


def _values(power: Mapping[str, Any]) -> dict[str, Any]:
    return {**power, "code": _code(power)}


def _code(power: Mapping[str, Any]) -> str:
    return str(power.get("code") or power.get("power") or "")
