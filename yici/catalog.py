"""`yici catalog`: check the campus's content and publish it."""

from pathlib import Path

import typer

app = typer.Typer(help="The sharing catalog: check it, publish it.", no_args_is_help=True)


@app.command()
def check(folder: Path = typer.Argument(None, help="Default: the campus of the settings.")) -> None:
    """Report every fault with file, line, rule and mend; exit 1 if any is an error."""
    import catalogs
    from catalogs.settings import settings

    faults = catalogs.check(folder or settings().campus)
    for fault in faults:
        typer.echo(str(fault))
    errors = sum(fault.severity == "error" for fault in faults)
    typer.echo(f"{errors} errors, {len(faults) - errors} warnings")
    if errors:
        raise typer.Exit(1)


@app.command()
def publish(out: Path = typer.Option(..., "--out", help="Folder to write into.")) -> None:
    """Write the catalog, its contracts and its lists."""
    import catalogs
    from catalogs.publish import publish as write
    from catalogs.settings import settings

    catalog = catalogs.load(settings().campus)
    write(catalog, out)
    typer.echo(f"Catalog {catalog.version[:12]} is in {out}")
