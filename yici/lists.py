"""`yici catalog lists`: the derived lists on the screen, or as Excel and JSON."""

from pathlib import Path

import typer


def lists(
    name: str = typer.Argument(None, help="Print this list; without it, all their names."),
    out: Path = typer.Option(
        None, "--out", help="Write every list into this folder: one workbook, and JSON."
    ),
    figures: bool = typer.Option(True, help="Measure in the warehouse what can be measured there."),
) -> None:
    """Derive the lists that the reform asks for, each row with its reason.

    Without a warehouse, or before its first release, figures that would be measured say 未测.
    """
    from catalogs.faults import CatalogError
    from catalogs.lists import derived_list, derived_lists
    from catalogs.lists.all import today
    from catalogs.lists.files import heading, write_lists
    from catalogs.loading import read
    from yici.warehouse import content_in_force

    sources, faults = read(content_in_force())
    if faults.errors():
        raise CatalogError(faults.errors())
    catalog = sources.catalog
    measured = measured_figures(catalog) if figures else None
    if name:
        _print(derived_list(name, catalog, faults.all(), measured))
        return
    told = derived_lists(catalog, faults.all(), measured)
    if out is None:
        for one in told:
            typer.echo(f"{one.name:<18} {len(one.rows):>6}  {one.title_zh}")
        return
    written = write_lists(told, out, heading(catalog, today(catalog), measured))
    rows = sum(len(one.rows) for one in told)
    typer.echo(f"{len(told)} lists with {rows:,} rows are in {out}: {written[-1].name}, and JSON for each")


def measured_figures(catalog):
    """Return the figures of the warehouse, or None with the reason on the error stream."""
    from catalogs.settings import settings
    from warehouse.embedded import EmbeddedServer

    found = settings()
    if found.database_url is None and EmbeddedServer(found.home).status().state == "absent":
        typer.echo("No warehouse here: measured figures say 未测.", err=True)
        return None
    from warehouse.connect import connect
    from warehouse.measured import measure

    with connect(autocommit=True) as con:
        measured = measure(con, catalog)
    if measured is None:
        typer.echo("No release yet: measured figures say 未测.", err=True)
    for gap in measured.gaps if measured else ():
        typer.echo(f"! {gap}", err=True)
    return measured


def _print(one) -> None:
    from catalogs.lists.base import NUMBER, WHY, join
    from yici.screen import console

    console.print(f"{one.title_zh} ({one.title_en})", style="bold")
    for key, value in one.summary.items():
        console.print(f"  {key}: {value}", soft_wrap=True)
    shown = [column for column in one.columns if column.key not in (NUMBER, WHY)]
    for row in one.rows:
        cells = []
        for column in shown:
            value = row[column.key]
            text = join(value) if isinstance(value, tuple) else str(value)
            if text:
                cells.append(f"{column.zh} {text}")
        console.print(f"{row[NUMBER]:>5}  {' | '.join(cells)}", soft_wrap=True, markup=False)
        console.print(f"       {row[WHY]}", style="dim", soft_wrap=True, markup=False)
