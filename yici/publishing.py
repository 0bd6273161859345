"""`yici catalog publish` and `filing`: the catalog in forms that others read."""

from pathlib import Path

import typer

_FIGURES = typer.Option(True, help="Measure in the warehouse what lists can show of it.")


def publish(
    out: Path = typer.Option(..., "--out", help="Folder to write into; an earlier publication is replaced."),
    tier: list[str] = typer.Option(
        ["public", "campus"], "--tier", help="For whom: public, campus, office; each gets a folder."
    ),
    figures: bool = _FIGURES,
) -> None:
    """Write the catalog as a site, guides, lists, contracts, JSON, RDF and Excel, for each tier of readers."""
    from catalogs.publish import publish as write
    from catalogs.views import TIERS

    unknown = sorted(set(tier) - set(TIERS))
    if unknown:
        raise typer.BadParameter(f"one of {', '.join(TIERS)}", param_hint=f"--tier {unknown[0]}")
    catalog, faults, measured = _checked(figures)
    write(catalog, out, tuple(dict.fromkeys(tier)), faults, measured)
    typer.echo(f"Catalog {catalog.version[:12]} is in {out}: open {out / tier[0] / 'index.html'}")


def filing(
    out: Path = typer.Option(..., "--out", help="The .zip file to write."), figures: bool = _FIGURES
) -> None:
    """Write the filing pack (备案): forms, lists, contracts, guides, a manifest, a cover sheet to be signed."""
    from catalogs.exports.filing import filing_pack
    from catalogs.lists import derived_lists
    from catalogs.lists.all import today

    catalog, faults, measured = _checked(figures)
    pack = filing_pack(catalog, derived_lists(catalog, faults, measured), today(catalog))
    fresh = out.with_name(f".{out.name}.new")
    fresh.write_bytes(pack)
    fresh.replace(out)
    typer.echo(f"Catalog {catalog.version[:12]} is in {out}; print and sign cover.pdf")


def _checked(figures: bool):
    """Return the catalog in force, every fault of it, and the figures of the warehouse, if wanted and there."""
    from catalogs.faults import CatalogError
    from catalogs.loading import read
    from yici.lists import measured_figures
    from yici.warehouse import content_in_force

    sources, faults = read(content_in_force())
    if faults.errors():
        raise CatalogError(faults.errors())
    return sources.catalog, faults.all(), measured_figures(sources.catalog) if figures else None
