"""Commands that run the pipeline and look at the warehouse: run, status, release."""

from collections.abc import Collection, Iterable
from typing import Annotated

import typer

release_app = typer.Typer(help="Releases: what the service answers from.", no_args_is_help=True)


_NEW = "new in its source and not in its contract: "
_SYSTEM = "Land only this system; may be repeated."
_RESOURCE = "Land only this resource; may be repeated."
_PARTITION = "Read this partition of the resource again: a day, 2026-09-01, or a term."
_FROM = "Read the resource again from this partition, or watermark, on."
_TO = "The last one of them, inclusive."
_BELIEVE = "Land this resource however few rows it has: its provider confirmed them; may be repeated."


def run(
    system: Annotated[list[str] | None, typer.Option("--system", "-s", help=_SYSTEM)] = None,
    release: Annotated[bool, typer.Option(help="Judge and publish what was landed.")] = True,
    believe: Annotated[list[str] | None, typer.Option(help=_BELIEVE)] = None,
    resource: Annotated[list[str] | None, typer.Option("--resource", "-r", help=_RESOURCE)] = None,
    partition: Annotated[str | None, typer.Option(help=_PARTITION)] = None,
    low: Annotated[str | None, typer.Option("--from", help=_FROM)] = None,
    high: Annotated[str | None, typer.Option("--to", help=_TO)] = None,
) -> None:
    """Land what is new in the systems, then judge it and publish a release.

    A system or resource that is named is tried even if the system did not answer lately.

    Exit code 1 if a system, a resource or a model failed: it is named, its last good state stays, and the rest
    was released.
    """
    from pipelines.assets import landed_systems
    from pipelines.progress import listening
    from pipelines.run import give_way
    from pipelines.run import run as run_jobs
    from warehouse.connect import connect
    from warehouse.report import (
        check_counts,
        failed_models,
        failing_sources,
        new_columns,
        refused_partitions,
        resource_states,
        rows_held,
    )
    from yici.screen import by_reason, checks, console, in_words, progress, resources_moved, systems_moved

    catalog = take_up_catalog()
    give_way()
    tell_unknown("--system", system or [], landed_systems(catalog))
    tell_unknown("--believe", believe or [], catalog.resources)
    only = resource or []
    scope = _asked_for(catalog, system or [], only, partition, low, high)
    systems = system or list(dict.fromkeys(name.partition(".")[0] for name in only))
    with progress() as listener, listening(listener):
        report = run_jobs(systems or None, release, believe or [], only, scope)
    failures = []
    with connect(autocommit=True) as con:
        if report.release is not None:
            states, held = resource_states(con, catalog, report.release), rows_held(con)
            console.print(systems_moved(states, report.seconds))
            if any(
                state.outcome == "applied" and state.inserted < held.get(state.resource, 0)
                for state in states
            ):
                console.print(resources_moved(states, held))
            console.print(in_words(states, held))
            console.print(checks(check_counts(con, report.release)))
            failures += [
                f"{state.resource} {state.outcome}: {state.reason}"
                for state in states
                if state.outcome in ("refused", "held")
            ]
            failures += [f"{name}: {why}" for name, why in refused_partitions(con, report.release)]
            failures += [
                f"dbt model {model}: {why}; it stays as the last good release built it"
                for model, why in failed_models(con, report.release).items()
            ]
        tried = {r.name for r in catalog.resources.values() if r.system in report.seconds}
        failing = {name: why for name, why in failing_sources(con).items() if name in tried}
        failures += [f"{names}: not read: {why}" for names, why in by_reason(failing)]
        noted = {name.partition(".")[0] for name in failing}
        failures += [
            f"{code}: not read: {why}" for code, why in report.failed_systems.items() if code not in noted
        ]
        for name, columns in new_columns(con, catalog).items():
            console.print(f"! {name}: {_NEW}{', '.join(columns)}", soft_wrap=True)
    for failure in failures:
        console.print(f"✕ {failure}", soft_wrap=True)
    if report.release is not None:
        console.print(f"Release {report.release} is current.")
    if failures or report.failed_systems:
        raise typer.Exit(1)


def status() -> None:
    """Show systems, last extract, age against promise, quarantine and the current release on one screen."""
    from warehouse import releases
    from warehouse.breaker import failing_systems
    from warehouse.report import failing_sources, new_columns, resource_states
    from yici.screen import console
    from yici.screen import status as table

    catalog = load_catalog()
    with open_warehouse() as con:
        number = releases.current(con)
        console.print(table(resource_states(con, catalog), failing_sources(con)))
        for failing in failing_systems(con):
            until = failing.paused_until
            pause = f"; not tried before {until:%Y-%m-%d %H:%M} UTC" if until else ""
            times = f"not reached {failing.failures} times in a row{pause}"
            console.print(f"✕ {failing.system}: {times}: {failing.reason}", soft_wrap=True)
        for name, columns in new_columns(con, catalog).items():
            console.print(f"! {name}: {_NEW}{', '.join(columns)}", soft_wrap=True)
        if number is None:
            console.print("No release yet: run `yici run`.")
            return
        row = con.execute(
            "SELECT r.published_at, v.hash FROM yici.release r JOIN yici.catalog_version v"
            " ON v.id = r.catalog_version WHERE r.id = %s",
            [number],
        ).fetchone()
        console.print(f"Release {number}, published {row[0]:%Y-%m-%d %H:%M} UTC, catalog {row[1][:12]}.")


@release_app.command("list")
def list_releases(limit: int = 20) -> None:
    """List the newest releases."""
    from yici.screen import console

    with open_warehouse() as con:
        current = con.execute("SELECT yici.current()").fetchone()[0]
        rows = con.execute(
            "SELECT id, state, opened_at, code_version FROM yici.release ORDER BY id DESC LIMIT %s", [limit]
        )
        for number, state, opened, code in rows.fetchall():
            mark = " ← current" if number == current else ""
            console.print(f"{number:>6}  {state:<10} {opened:%Y-%m-%d %H:%M} UTC  {code}{mark}")


@release_app.command()
def checks(number: int = typer.Argument(None, help="Default: the current release.")) -> None:
    """List the checks that failed at a release, worst first, with the rows that failed them."""
    from warehouse import releases
    from warehouse.report import failed_findings
    from yici.screen import console, failed_checks

    with open_warehouse() as con:
        shown = number if number is not None else releases.current(con)
        failed = failed_findings(con, shown) if shown is not None else []
    console.print(failed_checks(failed) if failed else "No check failed.")


@release_app.command()
def digest() -> None:
    """Print a hash of everything the current release serves, without ids and times."""
    from warehouse import releases

    with open_warehouse() as con:
        typer.echo(releases.digest(con, load_catalog()))


@release_app.command()
def docs() -> None:
    """Write the Data Docs of the current release: what each rule found, in counts; every release does it."""
    from catalogs.settings import settings
    from expectations import data_docs

    folder = settings().home / data_docs.FOLDER
    with open_warehouse() as con:
        pages = data_docs.write(con, load_catalog(), folder)
    where = f"{pages} pages: {folder / 'index.html'}"
    typer.echo(where if pages else "Nothing was released yet: run `yici run`.")


@release_app.command()
def rollback(number: int) -> None:
    """Let the service answer from an earlier release again."""
    from warehouse import releases

    with open_warehouse() as con:
        releases.roll_back(con, number)
    typer.echo(f"Release {number} is current.")


def _asked_for(
    catalog, systems: list[str], names: list[str], partition: str | None, low: str | None, high: str | None
):
    """Return the part that is to be read again, or None; it has to be a part of every resource that is named."""
    from catalogs.settings import ConfigurationError
    from connectors.base import Scope
    from pipelines.assets import landed_systems
    from warehouse.extraction import check_scope

    landed = landed_systems(catalog)
    tell_unknown("--resource", names, [n for n, r in catalog.resources.items() if r.system in landed])
    if systems and names:
        raise ConfigurationError("--system, --resource: a resource names its system; give one of the two")
    if partition is None and low is None and high is None:
        return None
    if not names:
        raise ConfigurationError("--partition, --from, --to: of which resource? Name it with --resource")
    if partition is not None and (low is not None or high is not None):
        raise ConfigurationError(
            "--partition is one partition, --from and --to are a range; give one of the two"
        )
    scope = Scope.of_range(low, high) if partition is None else Scope.of_partition(partition)
    for name in names:
        check_scope(catalog.resources[name], scope)
    return scope


def tell_unknown(option: str, named: Iterable[str], known: Collection[str]) -> None:
    from catalogs.faults import did_you_mean
    from catalogs.settings import ConfigurationError

    for name in named:
        if name not in known:
            hint = did_you_mean(name, known) or "`yici status` lists them"
            raise ConfigurationError(f"{option} {name}: not in the catalog, or not to be landed; {hint}")


def open_warehouse():
    """Connect to the warehouse, prepared if no run has done so yet."""
    from warehouse.connect import connect, tell_missing_role
    from warehouse.migrate import upgrade

    tell_missing_role()
    upgrade()
    return connect(autocommit=True)


def load_catalog():
    """The published version of the catalog; before the first run the folder's content."""
    import catalogs
    from catalogs.settings import settings
    from warehouse.catalog_changes import Desk

    with open_warehouse() as con:
        found = Desk(con, settings()).look()
    return found.catalog if found else catalogs.load(settings().campus)


def content_in_force():
    """Return what lists, forms and publications are made of: the files of the published version of the catalog.

    Where there is no warehouse, or nothing was ever published, it is the campus folder. What somebody changed in the
    folder and nobody decided is left out, and the error stream says so.
    """
    from catalogs.loading import read_files, version_of
    from catalogs.settings import settings
    from warehouse import catalog_versions
    from warehouse.connect import connect
    from warehouse.embedded import EmbeddedServer

    found = settings()
    if found.database_url is None and EmbeddedServer(found.home).status().state == "absent":
        return found.campus
    with connect(autocommit=True) as con:
        prepared = con.execute("SELECT to_regclass('yici.catalog_publication')").fetchone()[0]
        published = catalog_versions.newest(con) if prepared else None
        if published is None:
            return found.campus
        files = catalog_versions.files_of(con, published)
    if published.digest != version_of(read_files(found.campus)):
        typer.echo("! The campus folder has changes that are not in force; they are left out.", err=True)
    return files


def take_up_catalog():
    """Let what is due take effect, say what its reader should know, and return the catalog to run by."""
    from catalogs.settings import settings
    from warehouse.catalog_changes import Desk
    from yici.screen import console

    with open_warehouse() as con:
        found = Desk(con, settings()).take_up()
    for note in found.notes:
        console.print(f"! {note}", soft_wrap=True, markup=False)
    return found.catalog
