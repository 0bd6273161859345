"""Forms as units print them: Word files with placeholders, one per service item (templates/<code>.docx).

A placeholder is the name of a field of the service item's form in double braces, `{{ xm }}`, wherever in the document;
nothing else of the template language is taken. Where a form has a place for it, `{{ verification_note }}` takes how far
its values were verified; in any other that stands at the end, small. A file that could do more than stand on paper is
refused: macros, embedded objects, anything fetched from elsewhere, entities, and what unpacks to more than a form ever
needs.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Mapping

from jinja2 import nodes
from jinja2.sandbox import SandboxedEnvironment

from catalogs.faults import Faults, did_you_mean
from catalogs.model import Catalog

FOLDER, ENDING = "templates", ".docx"
NOTE = "verification_note"
_NOTE_PT = 8
_MOST_BYTES, _MOST_UNPACKED, _MOST_PARTS = 2 * 1024 * 1024, 16 * 1024 * 1024, 200
_BODY = "word/document.xml"
# Parts that run, open or hold something else than text and pictures.
_FORBIDDEN = re.compile(r"vbaproject|activex|embeddings/|\.bin$|customui|attachedtemplate|/afchunk", re.I)
_ELSEWHERE = re.compile(rb'TargetMode\s*=\s*["\']External["\']', re.I)
_RUNS = re.compile(
    rb"macroEnabled|<w:(?:altChunk|object|control)\b|\b(?:DDEAUTO|DDE|INCLUDETEXT|INCLUDEPICTURE)\b"
)


class WordFormError(Exception):
    """A file is no form that may be filled; says why."""


def placeholders(content: bytes) -> frozenset[str]:
    """Return the names of the placeholders of a form.

    Raises:
        WordFormError: it is hostile, unreadable, or says more than placeholders.
    """
    # Imported where a form is: it costs half a second, and most commands read none.
    from docxtpl import DocxTemplate

    _tell_hostile(content)
    environment = _Only(autoescape=True)
    try:
        found = DocxTemplate(io.BytesIO(content)).get_undeclared_template_variables(environment)
    except WordFormError:
        raise
    except Exception as error:  # noqa: BLE001  # a foreign file may break its readers in any way
        raise WordFormError(f"it cannot be read as a form ({type(error).__name__})") from None
    return frozenset(found)


def fill(content: bytes, values: Mapping[str, str], note: str = "") -> bytes:
    """Return a form with its placeholders filled; a value is text, whatever it looks like.

    Args:
        content: the form, as `placeholders` took it.
        values: placeholder → text; one that is missing stays empty.
        note: how far they were verified; at its placeholder, else at the end.

    Raises:
        WordFormError: as `placeholders`.
    """
    from docx.shared import Pt
    from docxtpl import DocxTemplate

    named = placeholders(content)
    form = DocxTemplate(io.BytesIO(content))
    form.render({name: {NOTE: note, **values}.get(name, "") for name in named}, _Only(autoescape=True))
    if note and NOTE not in named:
        form.docx.add_paragraph().add_run(note).font.size = Pt(_NOTE_PT)
    out = io.BytesIO()
    form.save(out)
    return out.getvalue()


def form_of(catalog: Catalog, service_item: str) -> bytes | None:
    """Return the form of a service item; None where its unit keeps none."""
    return catalog.files.get(f"{FOLDER}/{service_item}{ENDING}")


def tell_form_faults(catalog: Catalog, faults: Faults) -> None:
    """Check that forms are harmless, of a service item, and ask for fields that its form has."""
    for file, content in catalog.files.items():
        if not file.startswith(f"{FOLDER}/"):
            continue
        code = file.removeprefix(f"{FOLDER}/").removesuffix(ENDING)
        item = catalog.services.get(code)
        if item is None:
            mend = did_you_mean(code, catalog.services)
            faults.add("W02", file, 0, f'there is no service item "{code}"', mend=mend)
        try:
            named = placeholders(content)
        except WordFormError as error:
            faults.add("W01", file, 0, str(error))
            continue
        fields = {one.field for one in item.form} if item else set(named)
        for name in sorted(named - fields - {NOTE}):
            what = f'the form of "{code}" has no field "{name}"'
            faults.add("W02", file, 0, what, mend=did_you_mean(name, fields))


class _Only(SandboxedEnvironment):
    """Takes placeholders and nothing else of the template language."""

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        parsed = super()._parse(source, name, filename)
        for node in parsed.find_all(nodes.Node):
            if not isinstance(node, (nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name)):
                raise WordFormError("it says more than placeholders: only {{ field }} may stand in it")
        return parsed


def _tell_hostile(content: bytes) -> None:
    if len(content) > _MOST_BYTES:
        raise WordFormError(f"it is larger than {_MOST_BYTES // 1024 // 1024} MB")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            if len(parts) > _MOST_PARTS or sum(one.file_size for one in parts) > _MOST_UNPACKED:
                raise WordFormError("it unpacks to more than a form needs")
            if _BODY not in archive.namelist():
                raise WordFormError("it is no Word file (.docx)")
            for part in parts:
                _tell_part(part.filename, archive.read(part))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise WordFormError(f"it is no Word file (.docx) ({type(error).__name__})") from None


def _tell_part(name: str, content: bytes) -> None:
    if _FORBIDDEN.search(name):
        raise WordFormError(f"it holds {name}, which a form does not need")
    if not name.endswith((".xml", ".rels")):
        return
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise WordFormError(f"{name} declares entities")
    if _ELSEWHERE.search(content):
        raise WordFormError(f"{name} fetches something from elsewhere")
    if _RUNS.search(content):
        raise WordFormError(f"{name} holds macros, objects or fields that fetch something")
