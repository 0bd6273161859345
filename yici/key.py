"""`yici key`: the service's own keys, and new ones beside them."""

from typing import Literal

import typer

app = typer.Typer(help="The installation's own keys: list and rotate them.", no_args_is_help=True)
rotate = typer.Typer(help="Put a new key in force.", no_args_is_help=True)
app.add_typer(rotate, name="rotate")


@app.command("list")
def list_() -> None:
    """Show the keys, which are in force, and how much of the record each kind of digest covers."""
    import time
    from datetime import datetime

    from catalogs.settings import settings
    from service import keys
    from warehouse.connect import connect
    from warehouse.migrate import upgrade

    home = settings().home
    keys.load(home)
    upgrade()
    with connect(autocommit=True) as con:
        covered = dict(
            con.execute(
                "SELECT subject_key_id, count(*) FROM service.record_detail WHERE subject_key_id IS NOT NULL GROUP BY 1"
            ).fetchall()
        )
    for ring in keys.RINGS:
        kept = keys.ring_of(home, ring)
        used = keys.in_force(kept)
        for one in kept:
            if one is used:
                state = "in force"
            elif one.since > time.time():
                state = f"in force from {datetime.fromtimestamp(one.since):%Y-%m-%d %H:%M:%S}"
            else:
                state = "private half kept" if {"d", "secret"} & set(one.content) else "public half kept"
            entries = f", {covered.get(one.id, 0):,} entries" if ring == "subjects" else ""
            typer.echo(f"{ring:<9} {one.id:<17} {state}{entries}")


@rotate.command()
def tokens(
    stolen: bool = typer.Option(
        False, "--stolen", help="Take no token of the old key any more, from now on."
    ),
) -> None:
    """A new key for access tokens and receipts; tokens and receipts of the old one stay good."""
    if not stolen:
        _rotate("tokens", "It signs tokens and receipts")
        return
    from catalogs.settings import settings
    from service import keys

    new = keys.rotate(settings().home, "tokens", lead_s=0, is_stolen=True)
    typer.echo(
        f"Key {new.id} is made and in force. Within {keys.REREAD_S} seconds no token of the old key counts at any "
        "worker; clients get a new one by themselves. Receipts of the old key prove nothing alone: compare them with "
        "the record. Back up the folder keys/ now."
    )


@rotate.command()
def record() -> None:
    """A new key for checkpoints of the record, vouched for by the old one; old checkpoints stay good."""
    _rotate("record", "It signs checkpoints")


@rotate.command()
def subjects() -> None:
    """A new key for the digests of people in the record; what stands under the old one is still found."""
    _rotate("subjects", "People are put on record under it")


def _rotate(ring: Literal["tokens", "record", "subjects"], told: str) -> None:
    from catalogs.settings import settings
    from service import keys

    new = keys.rotate(settings().home, ring)
    typer.echo(
        f"Key {new.id} is made. {told} in a minute, when every worker knows it. Back up the folder keys/ now."
    )
