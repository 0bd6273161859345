"""Word files for tests, as units make them, and as nobody should."""

import io
import zipfile
from collections.abc import Mapping, Sequence

from docx import Document


def word_form(lines: Sequence[str], table: Sequence[Sequence[str]] = ()) -> bytes:
    """Return a Word file with paragraphs and a table; a `|` in a line divides it into runs, as Word itself does."""
    document = Document()
    for line in lines:
        paragraph = document.add_paragraph()
        for run in line.split("|"):
            paragraph.add_run(run)
    if table:
        made = document.add_table(rows=0, cols=len(table[0]))
        for row in table:
            for cell, text in zip(made.add_row().cells, row, strict=True):
                cell.text = text
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def with_parts(content: bytes, parts: Mapping[str, bytes]) -> bytes:
    """Return a Word file with parts added or replaced."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in parts:
                new.writestr(name, old.read(name))
        for name, added in parts.items():
            new.writestr(name, added)
    return out.getvalue()


def text_of(content: bytes) -> str:
    """Return all text of a Word file, tables included."""
    document = Document(io.BytesIO(content))
    lines = [paragraph.text for paragraph in document.paragraphs]
    lines += [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    return "\n".join(lines)
