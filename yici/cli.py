"""The command `yici`: one function per command, thin, with imports inside.

A group of commands (`db`, `catalog`, `release`, `demo`, …) is a module `yici/<group>.py` with a typer `app`,
added below; single commands (`run`, `serve`, `status`, `dev`) are functions here. A command that fails on
something the reader can mend raises one of the errors named in `yici.failures` and lets `app` print it.
"""

import typer

from yici import db
from yici.failures import FriendlyGroup

app = typer.Typer(
    name="yici",
    help="Ask once: the campus's verified data, gathered, governed and handed to services.",
    cls=FriendlyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(db.app, name="db")
