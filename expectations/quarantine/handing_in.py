"""A corrected workbook is handed in: read, judged as the next release will judge it, and filed only if it is right.

The command and the portal's process both come here, so that a row is treated alike wherever its correction came from.
All or nothing: with one fault, nothing is filed.
"""

from dataclasses import dataclass

import psycopg

from catalogs.forms.sheets import SheetFault
from catalogs.model import Catalog, Resource
from expectations.admit import engine
from expectations.quarantine import desk, workbook


@dataclass(frozen=True)
class HandedIn:
    """What became of a workbook.

    Attributes:
        rows: corrected rows that the next release takes up; 0 if there are faults.
        unchanged: rows as they were.
        faults: why nothing was taken, each with its place.
    """

    rows: int
    unchanged: int
    faults: tuple[SheetFault, ...] = ()


def hand_in(
    con: psycopg.Connection,
    catalog: Catalog,
    resource: Resource,
    content: bytes,
    name: str,
    post: str,
    person: str,
) -> HandedIn:
    """Judge the corrected rows of a workbook, and file them if none has a fault.

    Args:
        con: the owner's connection, in autocommit mode.
        catalog: in force.
        resource: the contract; whoever calls has seen that the post answers for it.
        content: the workbook.
        name: of the file.
        post, person: who hands it in.

    Raises:
        duckdb.Error, psycopg.Error: nothing was filed.
    """
    corrected = workbook.read(resource, desk.rows(con, resource.name), content, name)
    faults = corrected.faults
    if not faults and corrected.corrections:
        with engine() as duck:
            broken = desk.judge_corrections(con, duck, catalog, resource, corrected.corrections)
        faults = workbook.faults_of(resource, corrected, broken)
    if faults:
        return HandedIn(0, corrected.unchanged, faults)
    rows = desk.resubmit(con, resource.name, corrected.corrections, post, person)
    return HandedIn(rows, corrected.unchanged)
