"""`yici client`: which service systems may ask."""

from pathlib import Path

import typer

app = typer.Typer(help="Service systems: register them, suspend them.", no_args_is_help=True)


@app.command()
def register(
    client_id: str = typer.Argument(..., help="As the demands of the catalog name it."),
    unit: str = typer.Option(..., help="Code of the unit that answers for it."),
    name: str = typer.Option(..., help="Name for people."),
    jwks: Path = typer.Option(..., help="File with its public keys (JWK set)."),
) -> None:
    """Register a service system, or replace its keys."""
    from service import clients

    clients.register(client_id, unit, name, jwks)
    typer.echo(f"Client {client_id} is registered.")


@app.command()
def proposals(
    client_id: str,
    allow: bool = typer.Option(True, "--allow/--forbid", help="Whether it may propose."),
) -> None:
    """Let a service system propose changes of the catalog, or no longer. It can never decide one."""
    from catalogs.settings import ConfigurationError
    from service import clients

    try:
        clients.let_propose(client_id, allow)
    except LookupError as error:
        raise ConfigurationError(str(error)) from None
    typer.echo(f"Client {client_id} may {'propose' if allow else 'not propose'} changes of the catalog.")


@app.command()
def suspend(client_id: str, lift: bool = typer.Option(False, "--lift", help="Let it in again.")) -> None:
    """Refuse a service system from its next request on."""
    from catalogs.settings import ConfigurationError
    from service import clients

    try:
        clients.suspend(client_id, not lift)
    except LookupError as error:
        raise ConfigurationError(str(error)) from None
    typer.echo(f"Client {client_id} is {'active' if lift else 'suspended'}.")
