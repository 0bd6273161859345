"""`yici key`: the installation's keys and new ones in their place: of the service, the store, the landing zone.

No command shows a secret.
"""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    import psycopg

app = typer.Typer(help="The installation's own keys: list and rotate them.", no_args_is_help=True)
rotate = typer.Typer(help="Put a new key in force.", no_args_is_help=True)
app.add_typer(rotate, name="rotate")


@app.command("list")
def list_() -> None:
    """Show the keys, which are in force, and how much each one covers.

    Exit code 1 if a key is lost that values are sealed or extracts encrypted with.
    """
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
        stores = _store_keys(con)
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
    lines = [*stores, *_landing_keys()]
    for what, name, state in lines:
        typer.echo(f"{what:<9} {name:<17} {state}")
    if any(state.startswith(_LOST) for _, _, state in lines):
        typer.echo(
            "What a lost key sealed cannot be read: restore the folder keys/ from its backup.", err=True
        )
        raise typer.Exit(1)


_LOST = "LOST"


def _store_keys(con: "psycopg.Connection") -> list[tuple[str, str, str]]:
    """Say of each key that sensitive items were ever sealed with what it does now."""
    from warehouse import key_ring
    from warehouse.sealing import lost

    held = key_ring.ring()
    known = con.execute(
        "SELECT id, proof, destroyed_at FROM yici.store_key ORDER BY made_at DESC, id"
    ).fetchall()
    missing = lost(held, [(name, proof) for name, proof, destroyed_at in known if destroyed_at is None])
    states = {key.id: "opens what it sealed" for key in held.keys} | {held.keys[0].id: "in force"}
    for name, _, destroyed_at in known:
        if destroyed_at is not None:
            states[name] = f"destroyed {destroyed_at:%Y-%m-%d %H:%M}"
        elif name in missing:
            states[name] = _LOST
    return [("store", name, state) for name, state in states.items()]


def _landing_keys() -> list[tuple[str, str, str]]:
    """Say of each key of the landing zone how many extracts need it."""
    from catalogs.settings import settings
    from connectors import landing_keys
    from connectors.landing import Landing

    extracts = Landing(settings().landing).keys()
    names = list(landing_keys.ring())
    states = dict.fromkeys(names, "opens what it encrypted") | dict.fromkeys(names[:1], "in force")
    states |= {name: _LOST for name in extracts if name not in states}
    return [("landing", name, f"{state}, {extracts[name]:,} extracts") for name, state in states.items()]


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


@rotate.command()
def store(
    grace: Annotated[
        float, typer.Option(min=0, help="Seconds that running services have to notice the new key.")
    ] = 15.0,
) -> None:
    """Seal all sensitive items with a new key and destroy the old one; goes on where it was interrupted."""
    from catalogs.settings import settings
    from warehouse import releases, rotation
    from yici.screen import console
    from yici.warehouse import open_warehouse

    with open_warehouse() as con, console.status("…") as line:
        releases.hold(con)
        releases.recover(con)
        old, new = rotation.exchange(
            con,
            settings().home,
            lambda table, rows: line.update(f"{table}: {rows:,} rows sealed again"),
            grace,
        )
    typer.echo(
        f"Everything is sealed with key {new}; key {old} is destroyed. Back up the folder keys/ now. Copies of the "
        "database from before can be read only with a backup of keys that still has the old one."
    )


@rotate.command()
def landing() -> None:
    """A new key for the extracts to come; an old one is destroyed when no extract needs it any more."""
    from catalogs.settings import settings
    from connectors import landing_keys
    from connectors.landing import Landing
    from warehouse import releases
    from yici.warehouse import load_catalog, open_warehouse

    found = settings()
    catalog = load_catalog()
    with open_warehouse() as con:
        # A reading under way has chosen its key, and its extract does not say so yet.
        for system in catalog.systems:
            releases.hold_landing(con, system)
        needed = Landing(found.landing).keys()
        fresh = landing_keys.add(found.home)
        gone = landing_keys.forget(found.home, set(needed))
    typer.echo(f"Key {fresh} is made and encrypts the extracts to come. Back up the folder keys/ now.")
    if gone:
        typer.echo(f"Destroyed, since no extract needs them: {', '.join(gone)}.")


def _rotate(ring: Literal["tokens", "record", "subjects"], told: str) -> None:
    from catalogs.settings import settings
    from service import keys

    new = keys.rotate(settings().home, ring)
    typer.echo(
        f"Key {new.id} is made. {told} in a minute, when every worker knows it. Back up the folder keys/ now."
    )
