"""`yici catalog check` and `drift`: does the content keep its rules, and is it true of the systems and the store."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from catalogs.faults import Fault
    from warehouse.drift import Comparison

_FOLDER = "Default: the campus of the settings."
_JSON = "For machines: one JSON object."
_SYSTEM = "Compare only this system; may be repeated."


def check(
    folder: Annotated[Path | None, typer.Argument(help=_FOLDER)] = None,
    as_json: Annotated[bool, typer.Option("--json", help=_JSON)] = False,
) -> None:
    """Report every fault with file, line, rule and mend; exit 1 if any is an error.

    Warnings are told apart: nothing is stopped by them. docs/catalog-rules.md explains each rule.
    """
    import catalogs
    from catalogs.rules import ERROR
    from catalogs.settings import settings

    faults = catalogs.check(folder or settings().campus, processes=os.cpu_count() or 1)
    errors = [fault for fault in faults if fault.severity == ERROR]
    warnings = [fault for fault in faults if fault.severity != ERROR]
    if as_json:
        typer.echo(_as_json(faults, len(errors)))
    else:
        for head, part in (("Errors: nothing runs on this catalog.", errors), ("Warnings:", warnings)):
            if part:
                typer.echo("\n".join([head, *map(str, part), ""]))
        typer.echo(f"{len(errors)} errors, {len(warnings)} warnings")
    if errors:
        raise typer.Exit(1)


def _as_json(faults: "Sequence[Fault]", errors: int) -> str:
    rows = [asdict(fault) for fault in faults]
    return json.dumps(
        {"errors": errors, "warnings": len(rows) - errors, "faults": rows}, ensure_ascii=False, indent=1
    )


def drift(
    system: Annotated[list[str] | None, typer.Option("--system", "-s", help=_SYSTEM)] = None,
    as_json: Annotated[bool, typer.Option("--json", help=_JSON)] = False,
) -> None:
    """Compare the catalog with its systems and the warehouse, both ways; no row is read and nothing is changed.

    Exit code 1 if something declared is missing, or something is there that is neither declared nor ignored.
    What could not be looked at is named.
    """
    from catalogs.settings import scratch
    from warehouse.drift import drift as compare
    from yici.warehouse import load_catalog, open_warehouse, tell_unknown

    catalog = load_catalog()
    tell_unknown("--system", system or [], catalog.systems)
    with scratch("drift") as folder, open_warehouse() as con:
        found = compare(catalog, con, system or [], folder)
    typer.echo(_drift_json(found) if as_json else _drift_text(found))
    if found.drifts:
        raise typer.Exit(1)


def _drift_json(found: "Comparison") -> str:
    told = {
        "compared": found.compared,
        "unseen": found.unseen,
        "drifts": [asdict(one) for one in found.drifts],
    }
    return json.dumps(told, ensure_ascii=False, indent=1)


def _drift_text(found: "Comparison") -> str:
    lines = [f"{one.place}  {one.name}  {one.kind}: {one.what}" for one in found.drifts]
    lines += [f"{place}  not looked at: {why}" for place, why in found.unseen.items()]
    places = ", ".join(f"{place} {count}" for place, count in found.compared.items())
    return "\n".join(
        [*lines, f"{len(found.drifts)} differences; declared tables compared: {places or 'none'}"]
    )
