"""Which errors a reader can mend, and how a command ends on them: a message, an exit code, no traceback."""

import importlib
from typing import Any, NoReturn

import click
import typer
from typer.core import TyperGroup

# (module, error, exit code). By name: an error of a room that was never imported cannot have been raised.
_KNOWN = (
    ("catalogs.settings", "ConfigurationError", 2),
    ("warehouse.placement", "EmbeddedServerError", 3),
)


class FriendlyGroup(TyperGroup):
    """A command group that shows known errors as messages; anything else stays a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except _known_errors() as error:
            _fail(error)


def _known_errors() -> tuple[type[Exception], ...]:
    return tuple(_error_type(module, name) for module, name, _ in _KNOWN)


def _fail(error: Exception) -> NoReturn:
    typer.secho(f"yici: {error}", fg="red", err=True)
    code = next(code for module, name, code in _KNOWN if isinstance(error, _error_type(module, name)))
    raise typer.Exit(code)


def _error_type(module: str, name: str) -> type[Exception]:
    return getattr(importlib.import_module(module), name)
