"""The command `yici`: one function per command, thin, with imports inside.

A group of commands (`db`, `catalog`, `release`, …) is a typer `app` in a module of this package, added below;
single commands (`run`, `status`, …) are functions. A command that fails on something the reader can mend raises
one of the errors named in `yici.failures` and lets `app` print it.
"""

import typer

from yici import (
    catalog,
    certificate,
    clients,
    db,
    demo,
    dev,
    identity,
    keeping,
    key,
    landing,
    portal,
    quality,
    quarantine,
    record,
    sandbox,
    serving,
    source,
    warehouse,
)
from yici.failures import FriendlyGroup

app = typer.Typer(
    name="yici",
    help="Ask once: the campus's verified data, gathered, governed and handed to services.",
    cls=FriendlyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(warehouse.run)
app.command()(warehouse.status)
app.command()(keeping.purge)
app.command()(keeping.rebuild)
app.command()(keeping.retention)
app.command()(serving.serve)
app.command()(sandbox.sandbox)
app.command()(dev.dev)
app.add_typer(catalog.app, name="catalog")
app.add_typer(source.app, name="source")
app.add_typer(warehouse.release_app, name="release")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(identity.app, name="identity")
app.add_typer(quality.app, name="quality")
app.add_typer(landing.app, name="landing")
app.add_typer(clients.app, name="client")
app.add_typer(portal.app, name="portal")
app.add_typer(key.app, name="key")
app.add_typer(certificate.app, name="certificate")
app.add_typer(record.app, name="record")
app.add_typer(demo.app, name="demo")
app.add_typer(db.app, name="db")
