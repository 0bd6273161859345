"""Commands over what is kept: rebuild, purge, retention. What they delete is recorded, and none shows a value."""

from pathlib import Path
from typing import Annotated

import typer

from catalogs.counting import counted

_LOST = """Not part of it, and so lost where the database is: the service's record, cases, clients and tokens
(schema service; kept by --replace), notes of failed readings, and Dagster's run history. Marts are built anew."""


def rebuild(
    from_landing: Annotated[bool, typer.Option("--from-landing", help="From baseline, ledger and landing.")],
    replace: Annotated[bool, typer.Option("--replace", help="Clear a warehouse that is not empty.")] = False,
    public_key: Annotated[
        Path | None, typer.Option(help="Public key of the installation that wrote the zone.")
    ] = None,
    release: Annotated[bool, typer.Option(help="Make a release afterwards, which builds the marts.")] = True,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Rebuild the warehouse from landing: the newest baseline, and every release after it judged again.

    Exit code 1 if admission decides otherwise today than the ledger says it did.
    """
    from catalogs.settings import settings
    from connectors.landing import Landing
    from expectations.rebuild import plan
    from expectations.rebuild import rebuild as carry_out
    from warehouse import sealed
    from yici.screen import console
    from yici.warehouse import open_warehouse

    found = settings()
    landing = Landing(found.landing)
    key = sealed.public_key(public_key) if public_key else sealed.trusted_key(found.home)
    with console.status("checking signatures and every extract"):
        planned = plan(landing, key)
    start = f"the baseline of release {planned.begins}" if planned.start else "the first release"
    console.print(
        f"From {start}, {len(planned.ledgers)} releases with {len(planned.extracts)} extracts ({planned.rows:,} rows)"
        f" are played again, up to release {planned.ends}.\n{_LOST}",
        soft_wrap=True,
    )
    if not yes:
        typer.confirm("Rebuild the warehouse?", abort=True)
    with open_warehouse() as con, console.status("…") as line:
        done = carry_out(
            con, landing, planned, replace, lambda what, result: line.update(f"{what}  {result}")
        )
    for difference in done.differences:
        console.print(f"✕ {difference}", soft_wrap=True)
    console.print(f"Release {done.release} is current again; {done.judged} extracts were judged.")
    if done.entered:
        console.print(f"{done.entered} extracts that no release had judged wait for the next one.")
    if release:
        from pipelines.run import run as run_jobs  # takes seconds to import

        number = run_jobs([], release=True).release
        console.print(f"Release {number} is current, with its marts.")
    if done.differences:
        raise typer.Exit(1)


def purge(
    resource: Annotated[str, typer.Argument(help="As the catalog names it, for example hr.staff.")],
    reason: Annotated[
        str, typer.Option(help="Why, for the record; write no name and no number of a person.")
    ],
    key: Annotated[
        list[str] | None, typer.Option(help="Key of a row, its parts joined by |; may be repeated.")
    ] = None,
    where: Annotated[str, typer.Option(help="Or a predicate over items, DuckDB SQL.")] = "",
    by: Annotated[str, typer.Option(help="Who orders it; default: the account that runs this.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count only.")] = False,
    release: Annotated[
        bool, typer.Option(help="Make a release afterwards: until then marts keep it.")
    ] = True,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove rows that should never have come (泄密) from landing, store, quarantine, baselines and marts.

    With a number that no row names any more goes what the service and the portal keep under it.
    """
    import getpass

    from catalogs.settings import ConfigurationError, settings
    from connectors.landing import Landing
    from expectations.admit import engine
    from expectations.purge import Order, check, is_unfinished
    from expectations.purge import purge as carry_out
    from service.erasure import elsewhere
    from service.keys import load as load_keys
    from warehouse import releases
    from yici.screen import console
    from yici.warehouse import load_catalog, open_warehouse, tell_unknown

    catalog, found = load_catalog(), settings()
    tell_unknown("RESOURCE", [resource], catalog.resources)
    order = Order(catalog.resources[resource], tuple(key or ()), where, by or getpass.getuser(), reason)
    check(order)
    if not reason.strip():
        raise ConfigurationError("--reason: say why; the record will tell it. Nothing was changed")
    landing = Landing(found.landing)

    def go(dry: bool):
        with open_warehouse() as con, engine() as duck, console.status("looking for them") as line:
            return carry_out(
                con,
                duck,
                catalog,
                landing,
                found.home,
                order,
                dry,
                lambda *said: line.update("  ".join(said)),
                elsewhere(load_keys(found.home), catalog),
            )

    counted = go(dry=True)
    _print_purged(counted, "would go" if dry_run else "will go")
    with open_warehouse() as con:
        is_needless = counted.is_empty and not is_unfinished(con, landing, resource)
    if dry_run or is_needless:
        return
    if not yes:
        typer.confirm("Remove them for good?", abort=True)
    done = go(dry=False)
    if release:
        from pipelines.run import run as run_jobs  # takes seconds to import

        number = run_jobs([], release=True).release
        with open_warehouse() as con:
            unread = releases.forget_builds(con)
        console.print(
            f"Removed. Release {number} is current; derived resources and marts were computed anew."
        )
        for model in unread:
            console.print(f"✕ dbt model {model} failed; what an earlier build of it showed was dropped")
    else:
        console.print("Removed. Marts still show them until two more releases have been made (`yici run`).")
    _print_what_remains(done, resource)


def _print_purged(done, what: str) -> None:
    from yici.screen import console

    if done.is_empty:
        console.print("No such row is kept anywhere.")
        return
    for name in sorted({*done.rows, *done.versions, *done.quarantined}):
        console.print(
            f"{name}: {counted(done.rows[name], 'row')} in landing,"
            f" {counted(done.versions[name], 'version')} in the store,"
            f" {counted(done.quarantined[name], 'row')} in quarantine {what}."
        )
    for place, count in done.elsewhere.items():
        console.print(f"{place}: {count:,} kept of whoever no row names any more {what}.")
    console.print(f"{len(done.extracts)} extracts and {len(done.baselines)} baselines are written anew.")


def _print_what_remains(done, resource: str) -> None:
    from catalogs.settings import now
    from warehouse.backup import made_since
    from yici.screen import console

    backups = "".join(
        f"  {one.file} ({one.at:%Y-%m-%d %H:%M} UTC{'' if one.file.exists() else '; no longer there: moved?'})\n"
        for one in made_since(done.first_at)
    )
    since = f"from {done.first_at:%Y-%m-%d %H:%M} UTC" if done.first_at else "of an unknown time"
    console.print(
        "Not reached, and yours to see to:\n"
        f"- backups of the database and of the landing zone {since} to {now():%Y-%m-%d %H:%M} UTC, and the\n"
        "  database's write-ahead log until it is written over, still hold them"
        f"{': of `yici db backup` these,' if backups else ';'}\n{backups}"
        f"- the source still has them: unless the contract of {resource} excludes them (ingest.exclude), the next\n"
        "  reading brings them back;\n"
        "- what services were told meanwhile is in the service's record.",
        soft_wrap=True,
    )
    if done.untied:
        console.print(
            f"About other subjects, so computed anew but with their history kept: {', '.join(done.untied)}.",
            soft_wrap=True,
        )


def retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go.")] = False,
    clock_is_right: Annotated[
        bool, typer.Option("--clock-is-right", help="Delete although nothing was published for two months.")
    ] = False,
) -> None:
    """Delete what is older than its rule allows: landing extracts, ended versions, settled quarantine.

    Contracts and campus.yaml say how long; what goes is recorded. The scheduled job does the same every night.
    """
    from catalogs.settings import now, settings
    from connectors.landing import Landing
    from service.erasure import elsewhere
    from service.keys import load as load_keys
    from warehouse.connect import connect
    from warehouse.retention import due, enforce
    from yici.screen import console, overdue
    from yici.warehouse import load_catalog, open_warehouse

    catalog, found = load_catalog(), settings()
    kept = elsewhere(load_keys(found.home), catalog)
    with open_warehouse() as con:
        if dry_run:
            gone = due(con, catalog, now(), kept)
        else:
            with connect("retention", autocommit=True) as pruner, console.status("…") as line:
                gone = enforce(
                    con, pruner, catalog, Landing(found.landing), found.home,
                    lambda *said: line.update("  ".join(said)), clock_is_right, kept,
                )  # fmt: skip
    if not gone:
        console.print("Nothing is older than its rule allows.")
        return
    console.print(overdue(gone))
    for place, count in (pair for one in gone.values() for pair in one.elsewhere.items()):
        console.print(f"{place}: {count:,} kept of people whose time is over.")
    console.print(
        "Nothing was deleted yet." if dry_run else "Deleted and recorded; a new baseline holds the rest."
    )
