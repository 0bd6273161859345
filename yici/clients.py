"""`yici client`: which service systems may ask."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import typer

app = typer.Typer(help="Service systems: register them, suspend them.", no_args_is_help=True)
keys = typer.Typer(help="The public keys by which a service system is known.", no_args_is_help=True)
app.add_typer(keys, name="key")
_DAY = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


@contextmanager
def _of_a_client() -> Iterator[None]:
    """Tell in words that there is no such client or key."""
    from catalogs.settings import ConfigurationError

    try:
        yield
    except LookupError as error:
        raise ConfigurationError(str(error)) from None


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
    from service import clients

    with _of_a_client():
        clients.let_propose(client_id, allow)
    typer.echo(f"Client {client_id} may {'propose' if allow else 'not propose'} changes of the catalog.")


@app.command()
def suspend(client_id: str, lift: bool = typer.Option(False, "--lift", help="Let it in again.")) -> None:
    """Refuse a service system from its next request on."""
    from service import clients

    with _of_a_client():
        clients.suspend(client_id, not lift)
    typer.echo(f"Client {client_id} is {'active' if lift else 'suspended'}.")


@app.command("list")
def list_() -> None:
    """Show the registered service systems, how many keys each has, and notices that never arrived."""
    from service import clients

    for one in clients.listed():
        dead = f", {one.dead_notices} notices given up" if one.dead_notices else ""
        published = ", publishes its keys" if one.jwks_url else ""
        typer.echo(
            f"{one.client_id:<20} {one.unit:<6} {one.status:<10} {one.keys} keys{published}{dead}  {one.name}"
        )


@keys.command()
def add(
    client_id: str,
    jwks: Path | None = typer.Option(None, help="File with its further public keys (JWK set)."),
    address: str | None = typer.Option(None, help="Address where it publishes its keys, instead of a file."),
    since: datetime | None = typer.Option(None, formats=_DAY, help="From when on they count."),
    until: datetime | None = typer.Option(None, formats=_DAY, help="When they end."),
) -> None:
    """Take further keys of a service system beside those it has."""
    from catalogs.settings import ConfigurationError
    from service import clients

    if (jwks is None) == (address is None):
        raise ConfigurationError("give either --jwks with a file or --address; no key was added")
    with _of_a_client():
        if jwks is not None:
            added = clients.add_keys(client_id, jwks, _local(since), _local(until))
            typer.echo(f"Client {client_id} may sign with {', '.join(added)}, too.")
        else:
            clients.publish_at(client_id, str(address))
            typer.echo(
                f"Client {client_id} is known by the keys at its address, too; they are read every minute."
            )


@keys.command("list")
def list_keys(client_id: str) -> None:
    """Show a service system's keys."""
    from service import clients

    with _of_a_client():
        known, address = clients.keys_of(client_id)
    for one in known:
        times = " ".join(
            f"{word} {at:%Y-%m-%d %H:%M}" for word, at in (("from", one.since), ("until", one.until)) if at
        )
        typer.echo(
            f"{one.kid:<40} {one.kind:<12} {'counts' if one.counts else 'does not count'} {times}".rstrip()
        )
    if address:
        typer.echo(f"and those at {address}")


@keys.command()
def retire(client_id: str, kid: str) -> None:
    """Take a key no longer, at once and in every worker."""
    from service import clients

    with _of_a_client():
        clients.retire_key(client_id, kid)
    typer.echo(
        f"Client {client_id} can sign with {kid} no longer. Tokens that it has end within ten minutes."
    )


def _local(at: datetime | None) -> datetime | None:
    return at.astimezone() if at else None
