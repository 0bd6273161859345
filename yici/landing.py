"""`yici landing`: check the landing zone, and write the baseline that a rebuild begins with."""

import typer

app = typer.Typer(help="The landing zone: check it, secure it.", no_args_is_help=True)


@app.command()
def verify() -> None:
    """Compare every file of the landing zone with its manifest, and the manifests with the ledger.

    Exit code 1 if anything is missing, altered, or named by nobody.
    """
    from catalogs.counting import counted
    from catalogs.settings import settings
    from connectors.landing import Landing
    from warehouse.inspection import inspect
    from yici.screen import console
    from yici.warehouse import open_warehouse

    found = settings()
    with open_warehouse() as con, console.status("reading the landing zone") as line:
        seen = inspect(
            con,
            Landing(found.landing),
            found.home,
            lambda done, total: line.update(f"{done / 1e6:,.0f} of {total / 1e6:,.0f} MB compared"),
        )
    for fault in seen.faults:
        console.print(f"✕ {fault}", soft_wrap=True)
    console.print(
        f"{seen.extracts:,} extracts and {seen.sealed:,} baselines and ledgers compared, {seen.bytes / 1e6:,.1f} MB;"
        f" {seen.purged:,} carry a tombstone of a purge, {seen.removed:,} were removed by retention,"
        f" {seen.under_way:,} are being written.",
        soft_wrap=True,
    )
    console.print(f"{counted(len(seen.faults), 'fault')}." if seen.faults else "No fault.")
    if seen.faults:
        raise typer.Exit(1)


@app.command()
def baseline() -> None:
    """Write a signed baseline of the newest release: with landing since then, it is what a rebuild begins with."""
    from catalogs.settings import settings
    from connectors.landing import Landing
    from warehouse import history, releases
    from warehouse.baseline import write
    from yici.screen import console
    from yici.warehouse import open_warehouse

    found = settings()
    landing = Landing(found.landing)
    with open_warehouse() as con, console.status("…") as line:
        releases.hold(con)
        history.export(con, landing, found.home)
        path = write(con, landing, found.home, lambda table: line.update(table))
    console.print(f"The baseline is in {path}. Keep a copy of {found.home}/keys apart.", soft_wrap=True)
