"""`yici portal`: pages for people in a browser."""

import os
import sys

import typer

app = typer.Typer(help="The portal: serve it, make accounts of the reference campus.", no_args_is_help=True)


@app.command()
def serve(
    host: str = typer.Option("127.0.0.1", help="Address to listen on."),
    port: int = typer.Option(8800, help="Port to listen on."),
    workers: int = typer.Option(1, help="Worker processes."),
) -> None:
    """Serve the portal until interrupted."""
    from portal.configuration import configuration
    from warehouse.connect import pg_params

    configuration()
    pg_params("portal")
    command = [sys.executable, "-m", "portal", "--host", host, "--port", str(port), "--workers", str(workers)]
    os.execv(sys.executable, command)


@app.command()
def connect(
    client: str = typer.Option("portal", help="The portal's name at the service, as clients.yaml has it."),
) -> None:
    """Make the portal's key pair, once, register its public half at the service, and print what to set."""
    from catalogs.settings import settings
    from portal.connecting import connect as make
    from yici.warehouse import load_catalog

    key = make(settings().home, load_catalog(), client)
    typer.echo(f"The service knows {client} by the public half of {key}. Set for the portal:")
    typer.echo(
        f"YICI_PORTAL_KEY={key}\nYICI_PORTAL_CLIENT={client}\nYICI_PORTAL_SERVICE=<address of the service>"
    )


@app.command()
def account(
    name: str = typer.Argument(..., help="What is typed to log in."),
    person: str = typer.Option(..., help="The person's number."),
    kind: str = typer.Option("staff_no", help="Of which kind it is."),
    password: str = typer.Option(
        ..., prompt=True, hide_input=True, confirmation_prompt=True, help="Asked for if absent."
    ),
) -> None:
    """Make an account of the reference campus, or replace it; prints what an authenticator reads, once."""
    from catalogs.model_posts import Numbered
    from catalogs.settings import ConfigurationError
    from portal import accounts
    from portal.configuration import configuration
    from warehouse.connect import connect
    from warehouse.migrate import upgrade

    if not configuration().is_reference_campus:
        raise ConfigurationError(
            "local accounts are for the reference campus (YICI_REFERENCE_CAMPUS=1); a campus logs in by its own"
            " provider. Nothing was made"
        )
    upgrade()
    with connect(autocommit=True) as con:
        made = accounts.make(con, name, Numbered(kind, person), password)
    typer.echo(f"Account {made.name} is made. Let an authenticator read this; it is not shown again:")
    typer.echo(made.address("Yici"))
