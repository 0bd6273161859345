"""`yici catalog`: check the campus's content and publish it."""

import typer

from yici import changes, checks, forms, publishing
from yici.lists import lists

app = typer.Typer(help="The sharing catalog: check it, publish it.", no_args_is_help=True)
app.command()(checks.check)
app.command()(checks.drift)
app.command()(lists)
app.command()(changes.propose)
app.command()(changes.diff)
app.command()(changes.proposals)
app.command()(changes.decide)
app.command()(changes.withdraw)
app.command()(changes.apply_due)
app.command()(changes.rollback)
app.command()(changes.versions)
app.command()(changes.log)
app.command()(forms.flow)
app.command()(publishing.publish)
app.command()(publishing.filing)
app.add_typer(forms.app, name="forms")
