"""A report as an Excel workbook: all rows, in sheets that can be sorted and filtered; figures are numbers."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import xlsxwriter

_COLOURS = {"✓": "#1a7f37", "!": "#9a6700", "✕": "#b42318", "–": "#57606a"}
_SHEETS = {
    "tickets": ("ticket", "about", "unit", "severity", "rows", "post", "due", "days", "inherited"),
    "faults": ("resource", "rule", "dimension", "severity", "failed", "of", "points", "since", "inherited", "ticket"),
    "resources": ("resource", "state", "total", "worst", "rows", "cycle", "on_time", "open_tickets"),
}  # fmt: skip
_KEYS = {"ticket": "id", "resource": "name", "state": "sign", "total": "score", "open_tickets": "tickets"}
_WIDTHS = {"about": 46, "rule": 34, "resource": 28, "post": 24, "inherited": 28, "worst": 16}


def xlsx(report: Mapping[str, Any]) -> bytes:
    """Return a report (`report.unit_report`, `report.campus_report`) as a workbook."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(
        out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    ) as book:
        book.set_properties({"title": f"{report['whose']} {report['title']}", "author": report["campus"]})
        _Writer(book, report).write()
    return out.getvalue()


class _Writer:
    def __init__(self, book: xlsxwriter.Workbook, report: Mapping[str, Any]) -> None:
        self.book, self.report, self.t = book, report, report["labels"]
        self.title = book.add_format({"bold": True, "font_size": 16})
        line = {"bottom": 2, "bottom_color": "#d0d7de", "text_wrap": True, "valign": "top"}
        self.head = book.add_format({"bold": True, **line})
        self.text = book.add_format({"text_wrap": True, "valign": "top"})
        self.muted = book.add_format({"font_color": "#57606a", "text_wrap": True, "valign": "top"})
        self.signs = {
            sign: book.add_format({"font_color": colour, "bold": True, "valign": "top"})
            for sign, colour in _COLOURS.items()
        }

    def write(self) -> None:
        self._front()
        if "heat" in self.report:
            rows = [
                [row["unit"], *(self._number(cell["value"]) for cell in row["cells"])]
                for row in self.report["heat"]
            ]
            self._sheet(self.t["heat"], [self.t["unit"], *self.report["heat_head"]], rows, [22, *[11] * 7])
            self._colour(len(rows), 1, 7)
            who = [
                [one["unit"], one["count"], one["days"], one["about"], one["post"]]
                for one in self.report["who"]
            ]
            head = [self.t[key] for key in ("unit", "overdue_tickets", "overdue_days", "about", "post")]
            self._sheet(self.t["who"], head, who, [22, 12, 12, 46, 24])
        for name, columns in _SHEETS.items():
            if name in self.report:
                rows = [[self._cell(name, key, row) for key in columns] for row in self.report[name]]
                widths = [_WIDTHS.get(key, 12) for key in columns]
                self._sheet(self.t[name], [self.t[key] for key in columns], rows, widths)
                if name == "resources":
                    self._colour(len(rows), 2, 2)
        sheet = self.book.add_worksheet(self.t["formula"][:31])
        sheet.set_column(0, 0, 110)
        for number, sentence in enumerate(self.report["formula"]):
            sheet.write_string(number, 0, sentence, self.text)

    def _front(self) -> None:
        report, t = self.report, self.t
        sheet = self.sheet = self.book.add_worksheet(t["total"][:31])
        sheet.set_column(0, 0, 22)
        sheet.set_column(1, 5, 13)
        sheet.write_string(0, 0, f"{report['whose']} {report['title']}", self.title)
        sheet.write_string(1, 0, report["week"])
        sheet.write_string(2, 0, report["lead"])
        row = 4
        for sentence in report.get("decide", ()):
            sheet.write_string(row, 0, sentence)
            row += 1
        row += bool(report.get("decide"))
        for column, key in enumerate(("dimension", "state", "score", "own", "last", "change")):
            sheet.write_string(row, column, t[key], self.head)
        for one in report["dims"]:
            row += 1
            sheet.write_string(row, 0, one["name"])
            sheet.write_string(row, 1, f"{one['sign']} {one['said']}", self.signs[one["sign"]])
            for column, key in enumerate(("score", "own", "last", "change"), start=2):
                self._put(sheet, row, column, self._number(one[key]))
        sheet.write_string(
            row + 2,
            0,
            f"{report['states']} {report['made']}",
            self.book.add_format({"font_color": "#57606a"}),
        )

    def _sheet(
        self, title: str, head: Sequence[str], rows: Sequence[Sequence[Any]], widths: Sequence[int]
    ) -> None:
        sheet = self.sheet = self.book.add_worksheet(title[:31])
        for column, width in enumerate(widths):
            sheet.set_column(column, column, width)
        for column, name in enumerate(head):
            sheet.write_string(0, column, name, self.head)
        for number, row in enumerate(rows, start=1):
            for column, value in enumerate(row):
                self._put(sheet, number, column, value)
        sheet.freeze_panes(1, 1)
        sheet.autofilter(0, 0, max(1, len(rows)), len(head) - 1)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0)

    def _put(self, sheet: Any, row: int, column: int, value: Any) -> None:
        if isinstance(value, int | float):
            sheet.write_number(row, column, value, self.text)
        elif value in _COLOURS:
            sheet.write_string(row, column, value, self.signs[value])
        elif value:
            sheet.write_string(row, column, str(value), self.text)

    def _colour(self, rows: int, first: int, last: int) -> None:
        """Mark the scores that are to be watched, or bad, by the campus's own bounds."""
        good, watch = self.report["bounds"]
        for criteria, value, sign in (("<", watch, "✕"), ("<", good, "!")):
            self.sheet.conditional_format(
                1, first, max(1, rows), last,
                {"type": "cell", "criteria": criteria, "value": value, "stop_if_true": True,
                 "format": self.book.add_format({"font_color": _COLOURS[sign], "bold": True})},
            )  # fmt: skip

    @staticmethod
    def _cell(sheet: str, key: str, row: Mapping[str, Any]) -> Any:
        if sheet == "faults" and key in ("resource", "ticket"):
            return row[key]
        value = row[_KEYS.get(key, key)]
        return _Writer._number(value) if key in ("total", "points") else value

    @staticmethod
    def _number(text: str) -> float | str:
        try:
            return float(text)
        except ValueError:
            return text
