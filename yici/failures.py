"""Which errors a reader can mend, and how a command ends on them: a message, an exit code, no traceback."""

import sys
from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperGroup

# (module, error, exit code); subclasses included. By name, so that the command imports no room for them:
# an error of a module that was never imported cannot have been raised.
_KNOWN = (
    ("catalogs.settings", "ConfigurationError", 2),
    ("catalogs.faults", "CatalogError", 2),
    ("warehouse.placement", "EmbeddedServerError", 3),
    ("warehouse.backup", "BackupFailed", 3),
    ("connectors.base", "SourceError", 4),
    ("connectors.landing", "LandingError", 4),
    ("warehouse.releases", "NoSuchRelease", 2),
    ("warehouse.baseline", "NothingPublished", 2),
    ("warehouse.retention", "ClockInDoubt", 2),
    ("expectations.quarantine.desk", "QuarantineError", 2),
    ("expectations.purge", "PurgeRefused", 2),
    ("expectations.purge", "PurgeUnfinished", 5),
    ("expectations.rebuild", "CannotRebuild", 2),
    ("expectations.quality.desk", "TicketError", 2),
    ("expectations.quality.draws", "SampleError", 2),
    ("expectations.quality.frozen", "FreezeError", 2),
    ("warehouse.catalog_versions", "NoSuchVersion", 2),
    ("warehouse.catalog_changes", "Hindered", 2),
    ("warehouse.proposals", "ProposalError", 2),
    ("warehouse.identity.decisions", "IdentityError", 2),
    ("catalogs.changes.deciding", "MayNotDecide", 2),
    ("warehouse.releases", "ReleaseRunning", 5),
    ("expectations.admit", "AdmissionFailed", 3),
    ("pipelines.dbt", "DbtFailed", 6),
    ("certificates.keys", "KeyFault", 2),
)

_INTERRUPTIONS = (
    ("builtins", "KeyboardInterrupt"),
    ("dagster._core.errors", "DagsterExecutionInterruptedError"),
)
# Failures of the warehouse's database. Their own words may quote a row, so only the kind is told.
_DATABASE = (
    ("psycopg", "OperationalError"),
    ("psycopg", "InterfaceError"),
    ("sqlalchemy.exc", "OperationalError"),
    ("sqlalchemy.exc", "InterfaceError"),
)
_DATABASE_FAILED = 3
INTERRUPTED = 130  # what a shell reports of a program that Ctrl-C ended


class FriendlyGroup(TyperGroup):
    """A command group that shows known errors as messages; anything else stays a traceback."""

    def invoke(self, ctx: typer.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BaseException as error:
            if was_interrupted(error):
                typer.secho("yici: interrupted; what was published stays", fg="red", err=True)
                raise typer.Exit(INTERRUPTED) from None
            known = known_failure(error)
            if known is None:
                raise
            typer.secho(f"yici: {known[0]}", fg="red", err=True)
            raise typer.Exit(known[1]) from None


def known_failure(error: BaseException) -> tuple[str, int] | None:
    """What to tell of an error that a reader can mend, itself or behind another, and the exit code; None if none."""
    for cause in _causes(error):
        for module, name, code in _KNOWN:
            if _is(cause, module, name):
                return str(cause), code
        if isinstance(cause, Exception) and any(_is(cause, module, name) for module, name in _DATABASE):
            from warehouse.connect import told_safely

            return told_safely(cause), _DATABASE_FAILED
    return None


def _is(error: BaseException, module: str, name: str) -> bool:
    return isinstance(error, getattr(sys.modules.get(module), name, ()))


def was_interrupted(error: BaseException) -> bool:
    """Whether Ctrl-C ended the command, whatever a library in between made of it."""
    return any(_is(cause, module, name) for cause in _causes(error) for module, name in _INTERRUPTIONS)


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__
