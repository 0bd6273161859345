"""`make bench-portal`: how long every page of the portal takes, on a whole campus.

The reference campus is built and released into a warehouse of its own, unless `--home` names one that is. Then a
browser follows every link that it is shown, so that a page which is new needs no word here: first somebody of the data
office, then of each other role, for the pages that nobody before was led to. Of each route some addresses are asked for
again and again, in turns, one request at a time, of one server process over a database of usual, durable settings. The
service that the portal asks for people and clerks runs beside it. What no link leads to is made first (`portal_work`).
Beside the time that passes, the processor time of the portal, of the service and of their database connections is told,
as Linux counts it: on a machine that others keep busy it is what says whether a page is slow. What was found:
docs/performance.md.
"""

import argparse
import contextlib
import html
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pyotp
from rich.console import Console
from rich.table import Table
from starlette.routing import Match

from benchmarks import portal_work
from benchmarks.run import machine
from catalogs import load
from catalogs.derive import is_valid
from catalogs.lists.all import today
from catalogs.model import Catalog
from catalogs.model_posts import CLERK, DATA_OFFICE, MEMBER, ROLES, STEWARD, Numbered
from catalogs.settings import DEFAULT_CAMPUS
from portal import accounts
from portal.app import PAGE_MODULES
from portal.connecting import connect as known_to_service
from tests.support.http import free_port
from warehouse.connect import connect

GOAL_MS = 200
_PASSWORD = "for-the-benchmark-only"
_PER_ROUTE, _ROUNDS, _MOST_ADDRESSES = 5, 4, 3000
# How often somebody may ask about themselves is limited per minute: then the benchmark waits, and notes the next try.
_TOO_MANY, _QUOTA_S = 429, 10
_LINK = re.compile(r'href="(/[^"#]*)')
# What somebody looks for: a name, the initials of one, a code; no link leads to what is typed.
_TYPED = ("学生", "jzg", "XM")
# What ends a session, changes the language or is no page.
_NOT_FOLLOWED = ("/logout", "/language", "/assets/", "/login")


@dataclass
class Page:
    """A route as somebody of a role meets it: its addresses, and how long each answer took.

    `typed` is what is sent in the form whose answer is the page; None: the page is only asked for.
    """

    name: str
    role: str
    addresses: list[str] = field(default_factory=list)
    typed: Mapping[str, str] | None = None
    ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    size: int = 0


def main() -> None:
    """Measure, print a table and end with 1 if a page is slower than it may be."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.portal", description=__doc__)
    parser.add_argument("--size", default="campus", help="of the reference campus: small, campus or province")
    parser.add_argument(
        "--home", type=Path, help="a state folder with a published release; it is left as it is"
    )
    chosen = parser.parse_args()
    console = Console()
    console.print(machine())
    with _released(chosen.home, chosen.size) as home:
        os.environ |= {"YICI_HOME": str(home), "YICI_REFERENCE_CAMPUS": "1"}
        catalog = load(DEFAULT_CAMPUS)
        with _served(home, catalog) as (url, service, servers):
            found = measure(url, catalog, servers, portal_work.open_case(home, service))
    slow = _report(console, found)
    sys.exit(1 if slow else 0)


def measure(url: str, catalog: Catalog, servers: tuple[int, ...], case: str) -> list[Page]:
    """Return every route that somebody of some role is led to, measured.

    Args:
        url: where the portal is.
        catalog: names somebody for each role.
        servers: the processes of portal and service.
        case: an open one, for the window.
    """
    found: dict[str, Page] = {}
    for role, person in _people(catalog, today(catalog)).items():
        with _browser(url, role, person) as browser:
            _prepare(browser, role)
            pages = _followed(browser, role, set(found))
            if role == CLERK:
                pages["POST /window"] = Page("POST /window", role, ["/window"], {"case": case})
            csrf = portal_work.csrf(browser)
            processes = (*servers, *_backends())
            for _ in range(_ROUNDS):
                for one in pages.values():
                    for address in one.addresses:
                        _note(browser, one, address, csrf, processes)
            found |= pages
    return list(found.values())


def _prepare(browser: httpx.Client, role: str) -> None:
    """Make what a role's pages are about.

    Raises:
        RuntimeError: it could not be made.
    """
    if role == DATA_OFFICE and not portal_work.ask_for_certificate(browser):
        raise RuntimeError("no certificate came about")
    if role == DATA_OFFICE and not portal_work.propose(browser):
        raise RuntimeError("no proposal came about")
    if role == STEWARD and not portal_work.hand_in_workbook(browser):
        raise RuntimeError("no workbook with faults came about")


def _note(browser: httpx.Client, one: Page, address: str, csrf: str, processes: Iterable[int]) -> None:
    """Ask for a page once more, and note how long it took.

    Raises:
        RuntimeError: it did not come.
    """
    typed = None if one.typed is None else {**one.typed, "csrf": csrf}
    while True:
        began, worked = time.perf_counter(), _worked_ms(processes)
        answer = browser.request("GET" if typed is None else "POST", address, data=typed)
        if answer.status_code != _TOO_MANY:
            break
        time.sleep(_QUOTA_S)
    if answer.status_code != 200:
        raise RuntimeError(f"{one.name} was answered with {answer.status_code}")
    one.ms.append((time.perf_counter() - began) * 1000)
    one.cpu_ms.append(_worked_ms(processes) - worked)
    one.size = max(one.size, len(answer.content))


def _backends() -> list[int]:
    """Return the database's processes that serve portal and service."""
    with connect(autocommit=True) as con:
        found = con.execute(
            "SELECT pid FROM pg_stat_activity WHERE usename IN ('yici_portal', 'yici_desk', 'yici_service')"
        )
        return [pid for (pid,) in found]


def _worked_ms(processes: Iterable[int]) -> float:
    """Return the processor time of processes until now; it is counted in ticks, so only a mean of several says much."""
    told = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in processes]
    return sum(int(one[11]) + int(one[12]) for one in told) * 1000 / os.sysconf("SC_CLK_TCK")


def _followed(browser: httpx.Client, role: str, known: set[str]) -> dict[str, Page]:
    """Follow every link from the first page; of each route, the first addresses, of a known one only the first."""
    pages: dict[str, Page] = {}
    waiting = ["/", *(f"/search?{urlencode({'q': typed})}" for typed in _TYPED)]
    seen = set(waiting)
    while waiting and len(seen) < _MOST_ADDRESSES:
        address = waiting.pop(0)
        name = _route(address)
        one = pages.setdefault(name, Page(name, role)) if name else None
        if one is None or len(one.addresses) >= (1 if name in known else _PER_ROUTE):
            continue
        while (answer := browser.get(address)).status_code == _TOO_MANY:
            time.sleep(_QUOTA_S)
        if answer.status_code >= 500:
            raise RuntimeError(f"{address} was answered with {answer.status_code}")
        if answer.status_code != 200:
            continue
        one.addresses.append(address)
        if answer.headers["content-type"].startswith("text/html"):
            for link in map(html.unescape, _LINK.findall(answer.text)):
                if link not in seen and not link.startswith(_NOT_FOLLOWED):
                    seen.add(link)
                    waiting.append(link)
    return {name: one for name, one in pages.items() if one.addresses and name not in known}


def _route(address: str) -> str:
    """Return the path of the route that an address leads to; empty if none does."""
    scope = {"type": "http", "method": "GET", "path": address.partition("?")[0], "headers": []}
    for module in PAGE_MODULES:
        for route in module.router.routes:
            if route.matches(scope)[0] is Match.FULL:
                return route.path
    return ""


def _people(catalog: Catalog, day: date) -> dict[str, Numbered]:
    """Return role → the number of somebody who has it on a day, whoever sees most first, a member without post last."""
    found = {one.role: one.person for one in catalog.holdings if is_valid(one.valid_from, one.valid_to, day)}
    ordered = (DATA_OFFICE, *(role for role in ROLES if role != DATA_OFFICE))
    kind = catalog.campus.holder_id_type
    numbers = {role: found[role] for role in ordered if role in found} | {MEMBER: "0"}
    return {role: Numbered(kind, number) for role, number in numbers.items()}


@contextlib.contextmanager
def _browser(url: str, role: str, person: Numbered) -> Iterator[httpx.Client]:
    """A browser in which somebody has logged in."""
    with connect(autocommit=True) as con:
        secret = accounts.make(con, f"bench-{role}", person, _PASSWORD).secret
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as browser:
        csrf = portal_work.csrf(browser, "/login")
        told = {"csrf": csrf, "name": f"bench-{role}", "password": _PASSWORD, "next": "/"}
        answer = browser.post("/login/account", data=told | {"code": pyotp.TOTP(secret).now()})
        if answer.status_code != 303:
            raise RuntimeError(f"the login of the role {role} was answered with {answer.status_code}")
        yield browser


@contextlib.contextmanager
def _released(home: Path | None, size: str) -> Iterator[Path]:
    """A state folder with a published release of the reference campus."""
    if home is not None:
        yield home
        return
    folder = Path(tempfile.mkdtemp(prefix="yici-portal-"))
    environment = {**os.environ, "YICI_HOME": str(folder)}
    yici = [sys.executable, "-m", "yici"]
    try:
        subprocess.run([*yici, "demo", "build", "--size", size], env=environment, check=True)
        subprocess.run([*yici, "run"], env=environment, check=True)
        yield folder
    finally:
        subprocess.run([*yici, "demo", "stop"], env=environment, check=False)
        subprocess.run([*yici, "db", "remove", "--yes"], env=environment, check=False)
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _served(home: Path, catalog: Catalog) -> Iterator[tuple[str, str, tuple[int, int]]]:
    """Portal and service, each in a process of its own, once they answer: their addresses and processes."""
    url, service = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    told = os.environ | {
        "YICI_SERVICE_URL": service,
        "YICI_PORTAL_SERVICE": service,
        "YICI_PORTAL_KEY": str(known_to_service(home, catalog, "portal")),
    }
    with _process("service", service, told, home) as asked, _process("portal", url, told, home) as server:
        yield url, service, (server, asked)


@contextlib.contextmanager
def _process(module: str, url: str, told: Mapping[str, str], home: Path) -> Iterator[int]:
    """Run a server until the block ends; yields its process once it answers."""
    log = (home / f"bench-{module}.log").open("w")
    command = [sys.executable, "-m", module, "--port", url.rpartition(":")[2]]
    server = subprocess.Popen(command, env=told, stdout=log, stderr=log)
    try:
        for _ in range(600):
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{url}/healthz", trust_env=False).status_code == 200:
                    break
            if server.poll() is not None:
                raise RuntimeError(f"{module} did not start; see {log.name}")
            time.sleep(0.1)
        yield server.pid
    finally:
        server.terminate()
        server.wait()
        log.close()


def _report(console: Console, found: list[Page]) -> list[Page]:
    """Print every route, the slowest first; returns what is slower than it may be."""
    table = Table(title="Pages of the portal")
    for head in ("route", "role", "addresses", "median ms", "p95 ms", "processor ms", "KiB"):
        table.add_column(head, overflow="fold")  # a route is told whole where the terminal is narrow
    ordered = sorted(found, key=lambda one: -statistics.mean(one.cpu_ms))
    slow = [one for one in ordered if statistics.mean(one.cpu_ms) > GOAL_MS]
    for one in ordered:
        p95 = sorted(one.ms)[int(len(one.ms) * 0.95)]
        table.add_row(
            one.name,
            one.role,
            str(len(one.addresses)),
            f"{statistics.median(one.ms):.0f}",
            f"{p95:.0f}",
            f"{statistics.mean(one.cpu_ms):.0f}{' ✕' if one in slow else ''}",
            f"{one.size / 1024:.0f}",
        )
    console.print(table)
    reached = {one.name for one in found}
    every = {
        route.path for module in PAGE_MODULES for route in module.router.routes if "GET" in route.methods
    }
    console.print(
        f"{len(reached)} routes measured; not reached by a link: {', '.join(sorted(every - reached))}"
    )
    console.print(f"{len(slow)} need more than {GOAL_MS} ms of processor time in the mean")
    return slow


if __name__ == "__main__":
    main()
