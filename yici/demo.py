"""`yici demo`: the reference campus, from its source systems to an answered query.

The campus is another program (`python -m demo`): it is started, never imported, and meets Yici over a database
port, a folder and an HTTP address only.
"""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import typer

from yici.certificate import for_made_up_campus

app = typer.Typer(help="The reference campus: made-up people in real source systems.", no_args_is_help=True)

SIZES = ("small", "campus", "province")
_FORM_READY_S = 20
# The systems of the campus that ask: client, name, folder of its keys.
_CLIENTS = (("service-hall", "网上办事大厅", "hall"), ("data-reporting", "统计上报任务", "reporting"))
_WINDOW_CLERK = "20199001"
_REFERENCE = "YICI_REFERENCE_CAMPUS"


@app.command()
def build(
    size: str = typer.Option("small", help="small, campus or province."),
    seed: int = typer.Option(1, help="Same seed, same people."),
) -> None:
    """Fill the source systems and start those that speak HTTP; afterwards `yici run` reads them."""
    home = _home()
    arguments = ["build", "--out", str(home / "demo"), "--size", size]
    arguments += ["--seed", str(seed), "--env-file", str(home / "sources.env")]
    # Addresses hold passwords, and arguments are for everybody on the machine to see.
    addresses = {"DEMO_POSTGRES_URL": _sources_url()}
    if finance := os.environ.get("YICI_DEMO_FINANCE_URL"):
        addresses["DEMO_FINANCE_URL"] = finance
    _campus(*arguments, **addresses)
    for_made_up_campus(home, "http://127.0.0.1:8700")
    serve_systems(home)


@app.command()
def advance(days: int = typer.Option(1, min=1, help="How many days pass.")) -> None:
    """Let days pass on the campus: new grades, payments, cases; `yici run` then moves only those."""
    if not _is_built(_home()):
        from catalogs.settings import ConfigurationError

        raise ConfigurationError("there is no campus yet: run `yici demo build` or `yici demo run` first")
    _sources_url()
    _campus("advance", "--out", str(_home() / "demo"), "--days", str(days))
    serve_systems(_home())


def serve_systems(home: Path) -> None:
    """Start the campus's database server and HTTP systems if they do not run; nothing where no campus was built."""
    if _is_built(home):
        _sources_url()
        _campus("serve", "--out", str(home / "demo"), "--daemon")


@app.command()
def stop() -> None:
    """Stop the campus's HTTP systems."""
    _campus("stop", "--out", str(_home() / "demo"))


@app.command()
def run(
    size: str = typer.Option("small", help="small, campus or province."),
    seed: int = typer.Option(1, help="Same seed, same people."),
    keep: bool = typer.Option(False, help="Leave campus, service and warehouse running."),
) -> None:
    """From nothing to a filled form: build the campus, run the pipeline, serve, ask as the hall, apply as a student."""
    from yici import clients, serving, warehouse
    from yici.screen import console

    started = time.monotonic()
    home = _home()
    try:
        console.rule("1 The campus's systems")
        if _is_built(home):
            serve_systems(home)
        else:
            build(size, seed)
        _load_sources(home)
        console.rule("2 From the systems to a release")
        warehouse.run()
        warehouse.status()
        console.rule("3 A service system asks for one applicant")
        for client, name, folder in _CLIENTS:
            keys = home / "demo" / folder / "client_public.jwks.json"
            clients.register(client, unit="XX", name=name, jwks=keys)
        with contextlib.ExitStack() as outlives:
            with serving.running(home) as address:
                _campus("ask", "--out", str(home / "demo"), "--service", address)
                console.rule("4 A reporting task is given the rows that its demand grants, once")
                _campus("report", "--out", str(home / "demo"), "--service", address)
                console.rule("5 A form that fills itself, and one when the service is silent")
                form = outlives.enter_context(_scholarship_form(home, address))
                _campus("apply", "--form", form)
            console.print("The service is stopped. The same form:")
            _campus("apply", "--form", form)
        console.rule("Where to look next")
        _look_next()
        console.print(f"Done in {time.monotonic() - started:.0f} s.")
    finally:
        if not keep:
            _campus("stop", "--out", str(home / "demo"))
            _server().stop()


@app.command()
def scholarship(
    service: str = typer.Option("http://127.0.0.1:8700", help="Address of the service."),
    port: int = typer.Option(8710, help="Port to listen on."),
) -> None:
    """The example service system: a scholarship form that fills itself, beside a running `yici serve`."""
    arguments = ["scholarship", "--out", str(_home() / "demo"), "--service", service, "--port", str(port)]
    os.execve(sys.executable, [sys.executable, "-m", "demo", *arguments], _surroundings())


@contextlib.contextmanager
def _scholarship_form(home: Path, service: str) -> Iterator[str]:
    """Run the example service system beside this process until the block ends; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ["scholarship", "--out", str(home / "demo"), "--service", service, "--port", str(port)]
    log = home / "logs" / "scholarship.log"
    with log.open("a", encoding="utf-8") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "demo", *arguments], stdout=out, stderr=out, env=_surroundings()
        )
    try:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + _FORM_READY_S
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/", timeout=2).close()
                break
            if process.poll() is not None or time.monotonic() > deadline:
                typer.secho(f"yici: the scholarship form did not start; see {log}", fg="red", err=True)
                raise typer.Exit(4)
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=_FORM_READY_S)


def _look_next() -> None:
    from yici.screen import console

    yici = os.path.relpath(sys.argv[0])
    for command, what in (
        (f"{yici} status", "systems, ages, quarantine, release"),
        (f"{yici} demo advance --days 1 && {yici} run", "the next day: only what changed moves"),
        (f"{yici} quarantine list", "rows that broke their contract, by rule"),
        (
            f"{_REFERENCE}=1 {yici} portal account clerk --person {_WINDOW_CLERK}",
            "an account of the portal: a clerk at a window (other posts: docs/portal.md)",
        ),
        (
            f"{_REFERENCE}=1 make serve",
            "the portal, http://127.0.0.1:8800, and the service, http://127.0.0.1:8700",
        ),
        (f"{yici} demo scholarship", "beside it: a form that fills itself, in the browser"),
        (f"{yici} dev", "Dagster's pages and the service"),
    ):
        console.print(f"  {command}\n      {what}", soft_wrap=True)


def _campus(*arguments: str, **variables: str) -> None:
    """Run the campus's own program; its exit code is ours."""
    command = [sys.executable, "-m", "demo", *arguments]
    done = subprocess.run(command, env=_surroundings() | variables, check=False)
    if done.returncode:
        raise typer.Exit(done.returncode)


def _surroundings() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parent.parent)}


def _is_built(home: Path) -> bool:
    return (home / "demo" / "state.json").is_file()


def _home() -> Path:
    from catalogs.settings import settings

    return settings().home


def _server():
    from warehouse.embedded import EmbeddedServer

    return EmbeddedServer(_home())


def _sources_url() -> str:
    """Address of a PostgreSQL in which the campus may create its databases: the embedded one, or a named one."""
    if named := os.environ.get("YICI_DEMO_POSTGRES_URL"):
        return named
    return _server().ensure(tcp=True).url("postgres", over_tcp=True)


def _load_sources(home: Path) -> None:
    """Take over what the campus wrote about its systems, also where this process knew an earlier campus."""
    for line in (home / "sources.env").read_text(encoding="utf-8").splitlines():
        name, equals, value = line.partition("=")
        if equals and not name.startswith("#"):
            os.environ[name.strip()] = value.strip().strip("\"'")
