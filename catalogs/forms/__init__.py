"""FORMS: the Excel forms that a campus fills in and hands on, written from the catalog and read back.

Belongs here: what each form's columns say of which entry, cells in Chinese words and the catalog's codes, the
faults of a workbook with sheet, row and column.
Does not belong here: deciding or storing a change (`catalogs.changes`), a list that nobody fills in (`catalogs.lists`).
In: a catalog; or a catalog and a workbook's bytes.
Out: a workbook's bytes; or edits (`catalogs.changes.edits.Edit`) and faults: a faulty workbook changes nothing.
"""
