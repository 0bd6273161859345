"""`yici certificate`: the keys by which this installation certifies, and the papers that wait for them."""

from pathlib import Path

import typer

app = typer.Typer(
    help="Certificates (证明): the root, the keys of a year, what was revoked, the queue.",
    no_args_is_help=True,
)
_ROOT = typer.Option(..., "--root", help="The root's file, brought for this.")
_PASSPHRASE = typer.Option(
    ..., envvar="YICI_ROOT_PASSPHRASE", prompt="Passphrase of the root", hide_input=True, help="Of the root."
)


def for_made_up_campus(home: Path, address: str) -> None:
    """Give the reference campus keys without a hand; nothing happens where no made-up campus was built."""
    if not (home / "demo" / "state.json").is_file():
        return
    from catalogs.loading import load
    from catalogs.settings import now, settings
    from service import certificate_authority

    certificate_authority.reference_keys(home, load(settings().campus).campus.name_zh, address, now())


@app.command()
def root(
    out: Path = typer.Option(..., help="File that you take away; never overwritten."),
    passphrase: str = _PASSPHRASE,
) -> None:
    """Make the root, once, and trust it from now on. Keep its file and passphrase offline, apart from each other."""
    from catalogs.loading import load
    from catalogs.settings import now, settings
    from service import certificate_authority

    campus = load(settings().campus).campus
    made = certificate_authority.make_root(settings().home, campus.name_zh, out.absolute(), passphrase, now())
    until = made.certificate.not_valid_after_utc
    typer.echo(f"The root is in {out}, good until {until:%Y-%m-%d}: take the file away from this machine.")
    typer.echo("Next: yici certificate rotate --root FILE --issuer https://…")


@app.command()
def rotate(
    file: Path = _ROOT,
    issuer: str = typer.Option(
        ..., envvar="YICI_SERVICE_URL", help="Public address of the service: tokens and codes lead there."
    ),
    name: str = typer.Option("证明专用章", help="Who seals, as readers of a paper see it."),
    only: str = typer.Option("", help="seal or token; both by default."),
    passphrase: str = _PASSPHRASE,
) -> None:
    """Certify new keys for a year; they are in force within seconds, and what the old ones sealed holds on."""
    from catalogs.settings import ConfigurationError, now, settings
    from certificates.pki import Root
    from service import certificate_authority
    from service.certificate_keys import SEAL, TOKEN

    if only not in ("", SEAL, TOKEN):
        raise ConfigurationError(f"--only: expected {SEAL} or {TOKEN}; nothing was changed")
    home, address = settings().home, issuer.rstrip("/")
    opened = Root.open(file, passphrase)
    for use, whose in ((SEAL, name), (TOKEN, address)):
        if only in ("", use):
            made = certificate_authority.certify(home, opened, use, whose, now(), f"{address}/pki/crl")
            typer.echo(f"{use:<6} {made.name} is certified for a year.")
    typer.echo("Back up the folder keys/ now, and take the root's file away.")


@app.command()
def keys() -> None:
    """Show the keys: which are in force, until when they sign, until when their papers hold."""
    from catalogs.settings import now, settings
    from certificates import pki
    from certificates.keys import open_signer
    from service import certificate_authority
    from service.certificate_keys import SEAL, TOKEN, addresses, passphrase

    home, at = settings().home, now()
    for use in (SEAL, TOKEN):
        signers = [open_signer(one, passphrase(home)) for one in addresses(home, use)]
        used = pki.current(signers, at)
        for one in signers:
            own = one.chain[0]
            state = "in force" if one is used else "not in force"
            typer.echo(
                f"{use:<6} {own.serial_number:x}  {state}, signs until {pki.signs_until(own):%Y-%m-%d}, "
                f"holds until {own.not_valid_after_utc:%Y-%m-%d}"
            )
        if not signers:
            typer.echo(f"{use:<6} there is none: yici certificate root, then yici certificate rotate")
    for due in certificate_authority.renewal(home, at):
        typer.secho(due, fg="yellow")


@app.command()
def crl(
    file: Path = _ROOT,
    revoke: str = typer.Option(
        "", help="Serial number, as `keys` shows it, of a key that somebody else may have."
    ),
    passphrase: str = _PASSPHRASE,
) -> None:
    """Publish the revocation list anew; with --revoke, nothing counts any more that this key ever signed."""
    from catalogs.settings import ConfigurationError, now, settings
    from certificates.pki import Root
    from service import certificate_authority

    opened = Root.open(file, passphrase)
    if not revoke:
        certificate_authority.renew_list(settings().home, opened, now())
    else:
        try:
            serial = int(revoke, 16)
        except ValueError:
            raise ConfigurationError("--revoke: expected a serial number as `keys` shows it") from None
        certificate_authority.revoke(settings().home, opened, serial, now())
        typer.echo("Papers and tokens of this key are judged invalid from now on: issue them anew.")
    typer.echo("The list is published at /pki/crl within seconds.")


@app.command()
def queue(
    again: bool = typer.Option(False, "--again", help="Try those once more that could not be printed."),
) -> None:
    """Show how many papers are printed, wait, or could not be printed; and when the last one is expected."""
    from catalogs.settings import now
    from service.certificates import PACE, expected_at
    from warehouse.connect import connect
    from warehouse.migrate import upgrade

    upgrade()
    with connect(autocommit=True) as con:
        if again:
            con.execute(
                "UPDATE service.certificate SET state = 'waiting', attempts = 0 WHERE state = 'failed'"
            )
        found = dict(con.execute("SELECT state, count(*) FROM service.certificate GROUP BY 1").fetchall())
        longest = con.execute(
            "SELECT min(issued_at) FROM service.certificate WHERE state = 'waiting'"
        ).fetchone()
        pace = con.execute(PACE).fetchone()
    for state in ("waiting", "ready", "failed", "destroyed"):
        typer.echo(f"{state:<10} {found.get(state, 0):>8,}")
    if longest and longest[0]:
        per_s = pace[0] if pace else None
        last = expected_at(found["waiting"] - 1, per_s, now())
        made = f"{per_s:.1f} a second are made" if per_s else "few were made in the last minute"
        typer.echo(
            f"The first waits since {longest[0]:%H:%M:%S}; {made}; the last is expected by {last:%H:%M} UTC."
        )
