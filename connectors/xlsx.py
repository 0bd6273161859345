"""Excel's .xlsx: XML in a zip file, walked row by row, so that memory does not grow with the sheet."""

import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import IO
from xml.etree import ElementTree
from xml.parsers import expat

from openpyxl.styles.numbers import BUILTIN_FORMATS
from openpyxl.utils import column_index_from_string

from connectors.cells import NEVER_CALCULATED, Cell, Fault, Merge, Sheet, choose_sheet, damaged, number_text

_CHUNK = 1 << 18
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_ROWS_END = re.compile(rb"</(?:\w+:)?sheetData>|<(?:\w+:)?sheetData\s*/>")


def xlsx_sheet(path: Path, name: str | None) -> Sheet:
    """Open one sheet; see `connectors.workbook.open_sheet`, which also tells what a damaged file raises."""
    book = zipfile.ZipFile(path)
    main = next(iter(_targets(book, "", "/officeDocument").values()))
    tree = ElementTree.fromstring(book.read(main))
    listed = [(node.get("name", ""), _relation_id(node)) for node in tree.iter() if _tag(node) == "sheet"]
    _, relation = listed[choose_sheet(path, [sheet for sheet, _ in listed], name)]
    part = _targets(book, main, "")[relation]
    is_1904 = any(_true(node.get("date1904")) for node in tree.iter() if _tag(node) == "workbookPr")
    # Programs that write formulas without calculating them leave a zero behind and this mark.
    uncalculated = any(_true(node.get("fullCalcOnLoad")) for node in tree.iter() if _tag(node) == "calcPr")
    reader = _XlsxRows(_shared_strings(book, main), _formats(book, main), is_1904, uncalculated)
    return Sheet(reader.rows(path, book, part), _merges(book, part))


def _tag(node: ElementTree.Element) -> str:
    return node.tag.rpartition("}")[2]


def _true(value: str | None) -> bool:
    return value in ("1", "true", "on")


def _relation_id(node: ElementTree.Element) -> str:
    return next(value for key, value in node.attrib.items() if key.endswith("}id"))


def _targets(book: zipfile.ZipFile, part: str, kind: str) -> dict[str, str]:
    """Relation id → part of the zip file, of the relations whose type ends with `kind`."""
    folder, _, file = part.rpartition("/")
    listed = posixpath.join(folder, "_rels", f"{file}.rels")
    if listed not in book.namelist():
        return {}
    found = {}
    for node in ElementTree.fromstring(book.read(listed)):
        if node.get("Type", "").endswith(kind) and node.get("TargetMode") != "External":
            target = posixpath.normpath(posixpath.join("/", folder, node.get("Target", "")))
            found[node.get("Id", "")] = target.lstrip("/")
    return found


def _shared_strings(book: zipfile.ZipFile, main: str) -> list[str]:
    texts: list[str] = []
    for part in _targets(book, main, "/sharedStrings").values():
        with book.open(part) as stream:
            for _, node in ElementTree.iterparse(stream):
                if node.tag.endswith("}si"):
                    texts.append(_unescape("".join(_runs(node))))
                    node.clear()
    return texts


def _runs(node: ElementTree.Element) -> Iterable[str]:
    """The text of a string, without the reading aids (rPh) that East Asian versions of Excel keep with it."""
    if len(node) == 1 and node[0].tag.endswith("}t"):
        return (node[0].text or "",)
    runs = (child.iter() if child.tag.endswith("}r") else (child,) for child in node)
    return (part.text or "" for run in runs for part in run if part.tag.endswith("}t"))


def _unescape(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found.group(1), 16)), text) if "_x" in text else text


def _formats(book: zipfile.ZipFile, main: str) -> list[str]:
    """Style number of a cell → number format."""
    codes = dict(BUILTIN_FORMATS)
    styles: list[str] = []
    for part in _targets(book, main, "/styles").values():
        tree = ElementTree.fromstring(book.read(part))
        for node in tree.iter():
            if _tag(node) == "numFmt":
                codes[int(node.get("numFmtId", "0"))] = node.get("formatCode", "")
        for node in tree.iter():
            if _tag(node) == "cellXfs":
                styles = [codes.get(int(style.get("numFmtId", "0")), "General") for style in node]
    return styles


def _merges(book: zipfile.ZipFile, part: str) -> list[Merge]:
    """Merged cells stand behind the rows, of which only the tail is looked at."""
    tail, in_tail = b"", False
    with book.open(part) as stream:
        while chunk := stream.read(_CHUNK):
            tail += chunk
            if not in_tail:
                end = _ROWS_END.search(tail)
                in_tail = end is not None
                tail = tail[end.end() :] if end else tail[-64:]
    found = []
    for ref in re.findall(rb"<(?:\w+:)?mergeCell\s[^>]*?ref=[\"']([A-Z0-9:]+)[\"']", tail):
        first, _, last = ref.decode().partition(":")
        (top, left), (bottom, right) = _position(first), _position(last or first)
        found.append(Merge(top, left, bottom, right))
    return found


def _position(ref: str) -> tuple[int, int]:
    letters = ref.rstrip("0123456789")
    return int(ref[len(letters) :]), _column(letters)


@cache
def _column(letters: str) -> int:
    return column_index_from_string(letters) - 1


@cache
def _local(name: str) -> str:
    return name.rpartition(" ")[2]


class _XlsxRows:
    """Walks the XML of one sheet; a row is handed on as soon as it ends."""

    def __init__(self, strings: list[str], formats: list[str], is_1904: bool, uncalculated: bool):
        self.strings = strings
        self.formats = formats
        self.is_1904 = is_1904
        self.uncalculated = uncalculated
        self.done: list[tuple[int, dict[int, Cell]]] = []
        self.row = 0
        self.column = -1
        self.cells: dict[int, Cell] = {}
        self.kind = "n"
        self.style = 0
        self.has_formula = False
        self.text: list[str] = []
        self.depth_of_aid = 0
        self.is_text = False

    def rows(self, path: Path, book: zipfile.ZipFile, part: str) -> Iterator[tuple[int, dict[int, Cell]]]:
        """Yield the sheet's rows.

        Raises:
            SourceRefused: the file is damaged.
        """
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        try:
            with book.open(part) as stream:
                yield from self._parsed(parser, stream)
        except (zipfile.BadZipFile, zlib.error, EOFError, expat.ExpatError, KeyError, IndexError, ValueError):
            raise damaged(path) from None

    def _parsed(
        self, parser: expat.XMLParserType, stream: IO[bytes]
    ) -> Iterator[tuple[int, dict[int, Cell]]]:
        while chunk := stream.read(_CHUNK):
            parser.Parse(chunk)
            done, self.done = self.done, []
            yield from done
        parser.Parse(b"", True)
        yield from self.done

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag = _local(name)
        if tag == "c":
            ref = attributes.get("r")
            self.column = _column(ref.rstrip("0123456789")) if ref else self.column + 1
            self.kind = attributes.get("t", "n")
            self.style = int(attributes.get("s", 0))
            self.has_formula = False
            self.text = []
        elif tag in ("v", "t"):
            self.is_text = self.depth_of_aid == 0
        elif tag == "row":
            self.row = int(attributes.get("r") or self.row + 1)
            self.column = -1
            self.cells = {}
        elif tag == "f":
            self.has_formula = True
        elif tag == "rPh":
            self.depth_of_aid += 1

    def _end(self, name: str) -> None:
        tag = _local(name)
        if tag in ("v", "t"):
            self.is_text = False
        elif tag == "c":
            value = self._value("".join(self.text))
            if value is not None:
                self.cells[self.column] = value
        elif tag == "row":
            if self.cells:
                self.done.append((self.row, self.cells))
        elif tag == "rPh":
            self.depth_of_aid -= 1

    def _data(self, data: str) -> None:
        if self.is_text:
            self.text.append(data)

    def _value(self, text: str) -> Cell | None:
        if self.has_formula and (self.uncalculated or (not text and self.kind != "str")):
            return Fault(NEVER_CALCULATED)
        if not text:
            return None
        if self.kind == "s":
            return self.strings[int(text)] or None
        if self.kind in ("inlineStr", "str"):
            return _unescape(text)
        if self.kind == "b":
            return "true" if text == "1" else "false"
        if self.kind == "e":
            return Fault(f"the error {text}")
        if self.kind == "d":
            return text.replace("T", " ")
        number_format = self.formats[self.style] if self.style < len(self.formats) else "General"
        return number_text(float(text), number_format, self.is_1904, self.has_formula)
