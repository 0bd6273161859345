"""A workbook that people filled in → the edits it means, or every fault in it with sheet, row and column.

A workbook with a fault gives no edit at all: half of what somebody wrote is nobody's wish. Its sheets are recognised
by their headings, whatever they are called; a sheet that is no form is left alone and told.
"""

from dataclasses import dataclass

from catalogs.changes.edits import Edit
from catalogs.faults import CatalogError
from catalogs.forms.form import Draft, Told
from catalogs.forms.known import forms_of
from catalogs.forms.sheets import NotAWorkbookError, SheetFault, open_sheets, tables
from catalogs.model import Catalog

_ENDS = ("填表人:", "单位负责人签字", "备注:", "注:", "说明:")


@dataclass(frozen=True)
class Reading:
    """What a workbook says.

    Attributes:
        edits: what it changes; none if there are faults.
        faults: every one, by sheet, row and column.
        forms: names of the forms found in it.
        left_alone: sheets that are no form.
    """

    edits: tuple[Edit, ...]
    faults: tuple[SheetFault, ...]
    forms: tuple[str, ...] = ()
    left_alone: tuple[str, ...] = ()


def read_workbook(content: bytes, name: str, catalog: Catalog) -> Reading:
    """Read a workbook against the catalog that it is to change.

    Args:
        content: the file's bytes.
        name: its name, for messages.
        catalog: what it is compared with.
    """
    try:
        sheets = open_sheets(content, name)
    except NotAWorkbookError as error:
        return Reading((), (error.fault,))
    forms = forms_of(catalog)
    known = [headings for form in forms for headings in form.headings()]
    owner = {table: form for form in forms for table in form.tables}
    draft, told = Draft(catalog), Told()
    read: dict[str, None] = {}
    left_alone = []
    for sheet in sheets:
        ends = (*_ENDS, *(end for form in forms for end in form.ends))
        found = list(tables(sheet, known, ends))
        if not found:
            left_alone.append(sheet.name)
            continue
        told += sheet.faults.values()
        for form in dict.fromkeys(owner[table.name] for table in found):
            read[form.name] = None
            try:
                form.read([table for table in found if owner[table.name] is form], draft, told)
            except CatalogError as error:
                told.append(
                    SheetFault(sheet.name, 0, "", str(error.faults[0]), "a catalog that can be read", "")
                )
    if not read:
        titles = "、".join(form.title for form in forms)
        told.append(
            SheetFault(
                "", 0, "", "no sheet is a form that is known", f"the headings of {titles}", "take a form anew"
            )
        )
    faults = tuple(
        sorted(set(told), key=lambda one: (one.sheet, one.row, len(one.column), one.column, one.what))
    )
    return Reading(() if faults else draft.edits(), faults, tuple(read), tuple(left_alone))
