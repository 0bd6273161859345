"""`yici source`: what is in a campus's systems, and contracts drafted from what is there."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from catalogs.counting import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from catalogs.model import Catalog, System
    from expectations.drafting import Draft

app = typer.Typer(help="Source systems: look into them, draft contracts from them.", no_args_is_help=True)

_TABLES = (
    "Only this table, as `yici source probe` writes it; may be repeated. REST systems need it: their paths."
)
_KEY = (
    "A column of the key, as the source spells it, where the source does not declare it; may be repeated, for a "
    "key of several. Needs exactly one --table."
)
_EXCLUDE = "Rows that may never be read, as a predicate in the source's own SQL; needs exactly one --table."


@app.command()
def probe(
    system: Annotated[str, typer.Argument(help="Its code in systems.yaml.")],
    table: Annotated[list[str] | None, typer.Option(help=_TABLES)] = None,
) -> None:
    """List what a system holds: tables, views, files or paths, with rows, columns and keys; no value of a row."""
    from catalogs.settings import scratch
    from connectors import open_source
    from connectors.probe import probe as look
    from yici.screen import console, found_tables

    _, entry = _system(system)
    with scratch("probe") as folder, open_source(entry, temp_dir=folder) as source:
        tables = look(source, table or [])
    console.print(found_tables(tables))
    for one in tables:
        for note in one.notes:
            console.print(f"{one.physical_name}: {note}", soft_wrap=True)
    if not tables:
        console.print(
            "Nothing is there that this user may read. Check in systems.yaml whether it is the right place (database, "
            "schema, root), and let the user read (GRANT SELECT; USAGE of the schema)."
        )
        return
    console.print(f"{len(tables)} found. `yici source draft {system} --out DIR` drafts contracts from them.")


@app.command()
def draft(
    system: Annotated[str, typer.Argument(help="Its code in systems.yaml.")],
    out: Annotated[Path, typer.Option(help="Campus folder to write into; nothing is overwritten.")],
    table: Annotated[list[str] | None, typer.Option(help=_TABLES)] = None,
    exclude: Annotated[str, typer.Option(help=_EXCLUDE)] = "",
    key: Annotated[list[str] | None, typer.Option(help=_KEY)] = None,
    rows: Annotated[int, typer.Option(min=1, help="Rows to look at per table.")] = 2_000_000,
) -> None:
    """Write a contract per table, drafted from the live source, with everything guessed marked for a person to decide.

    Exit code 1 if a table got no contract: it is named with the reason.
    """
    from catalogs.draft import Drafter, registers_of
    from catalogs.settings import ConfigurationError, now, scratch
    from connectors import open_source
    from connectors.probe import probe as look
    from expectations.drafting import draft as draft_from
    from yici.screen import console

    if exclude and len(table or []) != 1:
        raise ConfigurationError("--exclude says what may not be read of one table: name it with --table")
    if key and len(table or []) != 1:
        raise ConfigurationError("--key says what tells apart the rows of one table: name it with --table")
    catalog, entry = _system(system)
    drafter = Drafter(entry, catalog, registers_of(catalog), now().date(), exclude, key or ())
    with scratch("draft") as folder, open_source(entry, temp_dir=folder) as source:
        tables = look(source, table or [])
        known = {r.physical_name: r.name for r in catalog.resources.values() if r.system == system}
        done = [one.physical_name for one in tables if one.physical_name in known]
        for name in done:
            console.print(f"{name}: has a contract, {known[name]}; not drafted again")
        with console.status("looking") as line:
            result = draft_from(
                source,
                drafter,
                [one for one in tables if one.physical_name not in known],
                folder,
                rows,
                lambda name, what: line.update(f"{name}  {what}"),
            )
    written = _write(result, out, catalog.files)
    _summary(result, written)
    if result.undrafted:
        raise typer.Exit(1)


def _summary(result: "Draft", written: list[str]) -> None:
    from yici.screen import console, drafted

    if result.contracts:
        console.print(drafted(result))
    for one in result.contracts:
        for rule, count in result.refused[one.resource].items():
            console.print(
                f"{one.resource}: {count:,} of {result.rows[one.resource]:,} rows break {rule} and would wait in "
                f"quarantine",
                soft_wrap=True,
            )
    for none in result.undrafted:
        console.print(f"✕ {none.table}: no contract: {none.reason}", soft_wrap=True)
    guesses = sum(len(one.guesses) for one in result.contracts)
    console.print(
        f"{counted(len(result.contracts), 'contract')}, {counted(len(written) - len(result.contracts), 'other file')}, "
        f"{counted(guesses, 'guess', 'guesses')}: "
        f"`grep -rn 'guess:'` finds them. Nothing is shared with anybody: status is draft, shareType none."
    )
    secret = [
        f"{one.resource}.{item}"
        for one in result.contracts
        for item, words in one.guesses
        if "state secrets" in words
    ]
    if secret:
        console.print(
            f"✕ Before the first run: {', '.join(secret)} may mark state secrets. Write ingest.exclude, or remove the "
            f"contract.",
            soft_wrap=True,
        )


def _write(result: "Draft", out: Path, known: "Mapping[str, bytes]") -> list[str]:
    """Write everything or nothing; what is there stays, but for an index of code tables that was added to."""
    from catalogs.settings import ConfigurationError

    there = [one.file for one in result.contracts if (out / one.file).exists()]
    if there:
        raise ConfigurationError(
            f"{out}: {', '.join(there)} is already there; nothing was written. Remove it, or give another --out"
        )
    written = []
    for name, text in result.files.items():
        path = out / name
        if path.exists() and path.read_bytes() != known.get(name):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(name)
    return written


def _system(code: str) -> "tuple[Catalog, System]":
    """Return the campus as far as it exists, and one of its systems; contracts may be missing or at fault."""
    from catalogs.faults import CatalogError, did_you_mean
    from catalogs.loading import REQUIRED_FILES, read
    from catalogs.settings import ConfigurationError, settings

    sources, faults = read(settings().campus)
    wrong = [fault for fault in faults.errors() if fault.file in REQUIRED_FILES]
    if wrong:
        raise CatalogError(wrong)
    systems = sources.catalog.systems
    if code not in systems:
        hint = did_you_mean(code, systems) or f"there are: {', '.join(systems)}"
        raise ConfigurationError(f"{code}: no such system in {settings().campus / 'systems.yaml'}; {hint}")
    provider, units = systems[code].provider, sources.catalog.units
    if provider not in units:
        hint = did_you_mean(provider, units) or f"add it, or name one of {', '.join(units)}"
        raise ConfigurationError(f"systems.yaml: {code}.provider: {provider} is no unit of units.csv; {hint}")
    return sources.catalog, systems[code]
