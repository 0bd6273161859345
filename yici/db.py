"""`yici db`: start, stop and look at the embedded PostgreSQL; back up and restore the database, wherever it is."""

from pathlib import Path

import typer

app = typer.Typer(
    help="The embedded PostgreSQL, an external one is never touched; backup and restore of either.",
    no_args_is_help=True,
)


@app.command()
def start(
    tcp: bool = typer.Option(False, "--tcp", help="Also listen on 127.0.0.1, on a port that stays."),
) -> None:
    """Start the server if it is not running; other commands do so by themselves."""
    if _external():
        return
    address = _server().ensure(tcp=tcp or None)
    where = f"127.0.0.1:{address.port} and {address.socket_dir}" if address.tcp else str(address.socket_dir)
    typer.echo(f"The embedded server runs: {where}")


@app.command()
def stop() -> None:
    """Stop the server, ending open connections; its data stays."""
    stopped = _server().stop()
    typer.echo("The embedded server is stopped." if stopped else "The embedded server was not running.")


@app.command()
def status() -> None:
    """Say whether it runs, since when, and where its data is. Exit code 3 if it does not run."""
    if _external():
        return
    found = _server().status()
    typer.echo(f"state     {found.state}")
    typer.echo(f"data      {found.data}")
    if found.socket_dir:
        typer.echo(f"socket    {found.socket_dir} (port {found.port})")
    if found.tcp:
        typer.echo(f"tcp       127.0.0.1:{found.port}")
    if found.pid and found.started_at:
        typer.echo(f"process   {found.pid}, since {found.started_at:%Y-%m-%d %H:%M:%S} UTC")
    if found.state != "running":
        raise typer.Exit(3)


@app.command()
def remove(yes: bool = typer.Option(False, "--yes", help="Do not ask.")) -> None:
    """Stop the server and delete its data, wherever that lies. The landing zone stays."""
    server = _server()
    if not yes:
        typer.confirm(f"Delete the warehouse in {server.status().data}?", abort=True)
    server.remove()
    typer.echo("The embedded server and its data are gone.")


@app.command()
def backup(
    file: Path = typer.Argument(help="A new file; it will hold everything, personal data too."),
) -> None:
    """Write the whole database into one file, as it is at one moment. Landing zone and keys are copied apart."""
    from warehouse.backup import backup as write

    size = write(file)
    typer.echo(
        f"{file}: {size / 1e6:,.1f} MB. Copy the landing zone and the keys after it (docs/operations.md)."
    )


@app.command()
def restore(file: Path = typer.Argument(help="What `yici db backup` wrote.")) -> None:
    """Bring a backup back into an empty database, then run the migrations that are newer than it."""
    from warehouse.backup import restore as bring_back
    from warehouse.migrate import upgrade

    bring_back(file)
    upgrade()
    typer.echo("Restored. Now: yici record verify, yici landing verify, yici release digest.")


def _server():
    from catalogs.settings import settings
    from warehouse.embedded import EmbeddedServer

    return EmbeddedServer(settings().home)


def _external() -> bool:
    from catalogs.settings import settings

    if settings().database_url is None:
        return False
    typer.echo("YICI_DATABASE_URL is set: Yici uses that server; there is no embedded one to start.")
    return True
