"""Which errors a reader can mend, and how a command ends on them: a message, an exit code, no traceback."""

import sys
from typing import Any

import typer
from typer.core import TyperGroup

# (module, error, exit code); subclasses included. By name, so that the command imports no room for them:
# an error of a module that was never imported cannot have been raised.
_KNOWN = (
    ("catalogs.settings", "ConfigurationError", 2),
    ("catalogs.faults", "CatalogError", 2),
    ("warehouse.placement", "EmbeddedServerError", 3),
    ("connectors.base", "SourceError", 4),
    ("connectors.landing", "LandingError", 4),
    ("warehouse.releases", "ReleaseRunning", 5),
    ("pipelines.dbt", "DbtFailed", 6),
)


class FriendlyGroup(TyperGroup):
    """A command group that shows known errors as messages; anything else stays a traceback."""

    def invoke(self, ctx: typer.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            code = exit_code(error)
            if code is None:
                raise
            typer.secho(f"yici: {error}", fg="red", err=True)
            raise typer.Exit(code) from None


def exit_code(error: Exception) -> int | None:
    """The exit code of an error that a reader can mend; None for all others."""
    for module, name, code in _KNOWN:
        known = getattr(sys.modules.get(module), name, None)
        if known is not None and isinstance(error, known):
            return code
    return None
