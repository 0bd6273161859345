"""Reading in a process of its own, which can be stopped at any moment, whatever the source does.

DuckDB and database drivers wait for a source inside C: a dead network holds a thread for ever, and an interrupt is
seen only when the source answers. So a system is read by a child, and a child that takes too long, or whose parent
stops, is killed: landing is made for that (an extract counts from its ledger entry on), and what it held goes with it,
connections, memory and temporary files.

Children are forked from a server process that has imported everything and opened nothing: starting one takes some
hundredths of a second.
"""

import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from catalogs.model import Catalog
from connectors.base import SourceUnavailable
from connectors.landing import Landing
from warehouse.connect import connect
from warehouse.extraction import Landed, land_system, note_failed

# Longest time that reading one resource may take; the source's own limit on one statement is far below.
_READING_S = 3600.0
_PRELOADED = ["warehouse.reading", "connectors.postgres", "connectors.mysql", "connectors.rest"]


@dataclass(frozen=True)
class _Order:
    """What a child is to read; `environment` because the server process keeps that of its own start."""

    catalog: Catalog
    system: str
    landing: str
    resources: tuple[str, ...] | None
    options: Mapping[str, Any]
    environment: Mapping[str, str] = field(repr=False)


def read_system(
    catalog: Catalog,
    system: str,
    landing: str,
    resources: Iterable[str] | None = None,
    report: Callable[[Landed], None] = lambda landed: None,
    **options: Any,
) -> list[Landed]:
    """Land what is new in one system, in a process of its own; see `warehouse.extraction.land_system`.

    Args:
        catalog: whose contracts say what and how; the system's `limits.reading_s` bounds the reading of one resource.
        system: code of the system.
        landing: address of the landing zone.
        resources: names to read; None reads all of the system's.
        report: called here as each resource is done.
        options: further arguments of `land_system`.

    Raises:
        SourceUnavailable: also if reading one resource took too long, or the process died.
        SourceRefused, ConfigurationError: the system as a whole cannot be read.
    """
    listed = None if resources is None else tuple(resources)
    order = _Order(catalog, system, landing, listed, options, dict(os.environ))
    limit_s = float(catalog.systems[system].limits.get("reading_s", _READING_S))
    here, there = multiprocessing.Pipe()
    child = _process()(target=_serve, args=(order, there), name=f"yici reads {system}", daemon=True)
    child.start()
    there.close()
    told: set[str] = set()
    try:
        while here.poll(limit_s):
            try:
                kind, value = here.recv()
            except EOFError:
                child.join()
                raise _given_up(order, told, _died(system, child.exitcode)) from None
            if kind == "done":
                return value
            if kind == "failed":
                raise value
            told.add(value.resource)
            report(value)
        raise _given_up(order, told, _took_too_long(system, limit_s))
    finally:
        child.kill()
        child.join()
        here.close()


def _process() -> Callable[..., BaseProcess]:
    """Return what makes a process that inherits nothing from this one."""
    if os.name != "posix":
        return multiprocessing.get_context("spawn").Process
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context.Process


def _given_up(order: _Order, told: set[str], error: SourceUnavailable) -> SourceUnavailable:
    """Note what the child could not note itself, and return the error."""
    named = order.resources or [r.name for r in order.catalog.resources.values() if r.system == order.system]
    with connect(autocommit=True) as con:
        note_failed(con, order.system, [name for name in named if name not in told], error)
    return error


def _took_too_long(system: str, limit_s: float) -> SourceUnavailable:
    return SourceUnavailable(
        f"{system}: reading one resource took more than {limit_s:,.0f} s and was stopped; nothing was landed from "
        f"it, what was published stays and it will be tried again. If it is that large, raise limits.reading_s of "
        f"{system} in systems.yaml, or read it by watermark or partition"
    )


def _died(system: str, code: int | None) -> SourceUnavailable:
    return SourceUnavailable(
        f"{system}: the process that read it ended before it was done (code {code}; -9 is often too little memory); "
        f"nothing was landed from the resource that it was reading, what was published stays and it will be tried again"
    )


def _serve(order: _Order, parent: Connection) -> None:
    """Run in the child: read, tell the parent, and die with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    os.environ.clear()
    os.environ.update(order.environment)
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()
    try:
        done = land_system(
            order.catalog,
            order.system,
            Landing(order.landing),
            order.resources,
            report=lambda landed: parent.send(("landed", landed)),
            **order.options,
        )
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent raises it
        parent.send(("failed", _portable(error)))
    else:
        parent.send(("done", done))


def _die_with(parent: Connection) -> None:
    """Wait for the parent's end of the pipe to close, which its death does as well."""
    try:
        parent.recv()
    except (EOFError, OSError):
        os._exit(1)


def _portable(error: Exception) -> Exception:
    """The error, if it can be handed to another process; else its kind alone, since its text may quote a row."""
    try:
        return pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - an error may fail to travel in any way
        return RuntimeError(type(error).__name__)
