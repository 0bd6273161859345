"""`yici record`: is the record of decisions what it was."""

import typer

app = typer.Typer(help="The record of the service's decisions.", no_args_is_help=True)


@app.command()
def verify() -> None:
    """Check every entry and every checkpoint; names the first that does not hold, and exits 1."""
    from catalogs.settings import settings
    from service.keys import load
    from service.verification import verify as verified
    from warehouse.connect import connect
    from warehouse.migrate import upgrade

    upgrade()
    with connect(autocommit=True) as con:
        found = verified(con, load(settings().home))
    typer.echo(
        f"{found.entries:,} entries, {found.checkpoints:,} checkpoints, the newest over {found.sealed:,}; "
        f"{found.without_details:,} without details, whose time is over"
    )
    for fault in found.faults:
        typer.echo(f"✕ {fault}", err=True)
    if found.faults:
        typer.echo(
            "The record was changed from there on. Keep the database as it is, compare with a backup and with the "
            "checkpoints and receipts that clients hold.",
            err=True,
        )
        raise typer.Exit(1)
    typer.echo("✓ Nothing was changed or removed.")


@app.command()
def lift(
    client: str = typer.Argument(..., help="The system that was told."),
    task: str = typer.Argument(..., help="The task's code in the catalog."),
    by: str = typer.Option(..., help="The post that answers for it."),
    reason: str = typer.Option(..., help="Why it may be known now."),
) -> None:
    """Let people see that a confidential task was given their data until now; cannot be taken back."""
    from catalogs.settings import now
    from service import lifting
    from warehouse.connect import connect
    from warehouse.migrate import upgrade

    upgrade()
    with connect(autocommit=True) as con:
        try:
            entries = lifting.lift(con, client, task, by, reason, now())
        except lifting.NothingHidden as nothing:
            typer.echo(f"✕ {nothing}", err=True)
            raise typer.Exit(1) from None
    typer.echo(f"✓ {entries:,} entries are seen by whom they are about from now on.")


@app.command()
def signals(
    post: str = typer.Option(..., "--as", help="The post that looks; the look is on record."),
    days: int = typer.Option(30, min=1, help="How far back to look."),
) -> None:
    """Show what the record has to be looked at for: bursts, guesses, cases nobody handled, unused grants."""
    import asyncio
    from datetime import timedelta

    from catalogs.settings import now, settings
    from service.looking import put_on_record
    from service.problems import Problem
    from service.signals import signals as found_in
    from warehouse.connect import connect
    from warehouse.migrate import upgrade
    from yici.identity import require_post
    from yici.warehouse import load_catalog

    upgrade()
    at, catalog = now(), load_catalog()
    require_post(catalog, post)
    with connect(autocommit=True) as con:
        found = found_in(con, catalog, at - timedelta(days=days), at)
    try:
        told = [[one.kind, one.who, one.count, one.detail] for one in found]
        asyncio.run(put_on_record("record_signals", post, {"days": days}, told, at, settings().home))
    except Problem:
        typer.echo("✕ The look could not be put on record, so nothing is shown. Run it again.", err=True)
        raise typer.Exit(3) from None
    for one in found:
        typer.echo(f"{one.kind:<13} {one.count:>6,}  {one.who}: {one.detail}")
    if not found:
        typer.echo(f"✓ Nothing to look at in the last {days} days.")
