"""`python -m demo`: build the reference campus, let days pass, run its systems, ask as its hall, apply as a student."""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

from demo.applicants import APPLICANTS, applicants
from demo.target import Target, TargetError, built_target, campus_day, new_target, write_private

POSTGRES, FINANCE = "DEMO_POSTGRES_URL", "DEMO_FINANCE_URL"
SIZES = ("small", "campus", "province")
# The rows that the systems write wrongly by themselves.
TOLD = "told.json"
SYSTEMS = (
    "academic", "graduate", "finance", "research", "hr", "logistics", "assets", "student_affairs", "hall",
    "administration", "party", "library", "archives", "certificates_legacy", "government",
)  # fmt: skip
console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        return asked.run(asked)
    except TargetError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    build = commands.add_parser("build", help="fill the source systems anew")
    build.add_argument(
        "--postgres",
        default=os.environ.get(POSTGRES),
        help=f"address of a PostgreSQL role that may create databases; better {POSTGRES}, which nobody else sees",
    )
    build.add_argument(
        "--finance-url",
        default=os.environ.get(FINANCE),
        help=f"mysql+pymysql://… of a database for finance, better {FINANCE}; without it SQLite",
    )
    build.add_argument("--size", choices=SIZES, default="small")
    build.add_argument("--seed", type=int, default=1, help="same seed, same people")
    build.add_argument(
        "--env-file", type=Path, required=True, help="where hosts, ports and passwords are written"
    )
    build.add_argument("--database-prefix", default="", help="before the names of databases and roles")
    build.set_defaults(run=_build)

    advance = commands.add_parser("advance", help="let days pass")
    advance.add_argument("--days", type=int, default=1)
    advance.add_argument(
        "--postgres",
        default=os.environ.get(POSTGRES),
        help="the server's address, if it has moved since the build",
    )
    advance.set_defaults(run=_advance)

    serve = commands.add_parser("serve", help="run the HTTP systems (research, government)")
    serve.add_argument("--daemon", action="store_true", help="detach, and return when they answer")
    serve.set_defaults(run=_serve)

    stop = commands.add_parser("stop", help="stop the HTTP systems")
    stop.set_defaults(run=_stop)

    ask = commands.add_parser("ask", help="ask the service as the service hall does, for one applicant")
    ask.add_argument(
        "--service", required=True, help="address of the service, for example http://127.0.0.1:8080"
    )
    ask.add_argument("--service-item", default="RS-012")
    ask.add_argument("--applicant", help="staff or student number; without it one of the campus is chosen")
    ask.add_argument("--capacity", help="population in which the applicant acts")
    ask.set_defaults(run=_ask)

    report = commands.add_parser("report", help="fetch the rows of a reporting task, as its system does")
    report.add_argument("--service", required=True, help="address of the service")
    report.set_defaults(run=_report)

    scholarship = commands.add_parser("scholarship", help="run the example service system: a form")
    scholarship.add_argument("--service", required=True, help="address of the service")
    scholarship.add_argument("--port", type=int, default=8710)
    scholarship.set_defaults(run=_scholarship)

    apply = commands.add_parser("apply", help="apply for a scholarship once, and say what was filled")
    apply.add_argument("--form", required=True, help="address of the scholarship form")
    apply.set_defaults(run=_apply)

    faults = commands.add_parser("faults", help="spoil rows, or what is delivered, on purpose")
    faults.add_argument(
        "what", choices=("rows", "extracts", "keep"), help="keep: what today's files hold, to come again"
    )
    faults.add_argument("--kind", action="append", default=[], help="may be repeated; without it all kinds")
    faults.add_argument(
        "--rate", type=float, default=0.0012, help="share of a table's rows that one kind befalls"
    )
    faults.add_argument("--seed", type=int, default=1, help="same seed, same accidents")
    faults.add_argument("--labels", type=Path, help="where to write what was spoiled")
    faults.set_defaults(run=_faults)

    for command in (build, advance, serve, stop, ask, report, scholarship, faults):
        command.add_argument("--out", type=Path, required=True, help="folder of the campus")
    return parser


def _build(asked: argparse.Namespace) -> int:
    from demo.world import build_world

    if not asked.postgres:
        raise TargetError(f"no database server: give --postgres, or set {POSTGRES}; nothing was written")
    target = new_target(asked.out, asked.postgres, asked.finance_url, asked.env_file, asked.database_prefix)
    started = time.monotonic()
    world = build_world(asked.seed, asked.size)
    _run(target, world, "build")
    write_private(
        target.folder("hall") / APPLICANTS, json.dumps(applicants(world), ensure_ascii=False, indent=1)
    )
    told = [{"resource": fault.resource, "key": fault.key, "what": fault.what} for fault in world.faults]
    write_private(target.out / TOLD, json.dumps(told, ensure_ascii=False, indent=1))
    target.save(asked.seed, asked.size, day=0)
    console.print(
        f"{asked.size} campus, seed {asked.seed}, {campus_day(0)}: {time.monotonic() - started:.1f} s; "
        f"{len(world.faults)} rows break their contracts on purpose; variables in {asked.env_file}"
    )
    return 0


def _advance(asked: argparse.Namespace) -> int:
    from demo.world import build_world

    target, state = built_target(asked.out, asked.postgres)
    world = build_world(state["seed"], state["size"])
    for day in range(state["day"] + 1, state["day"] + asked.days + 1):
        _run(target, world, "advance", day)
        target.save(state["seed"], state["size"], day)
        console.print(f"It is {campus_day(day)} on the campus.")
    return 0


def _run(target: Target, world: object, step: str, day: int | None = None) -> None:
    """Build or advance every system, each once per day even if an earlier try broke off."""
    table = Table(title=f"Source systems: {step}", title_justify="left")
    for heading in ("system", "tables"):
        table.add_column(heading)
    for heading in ("rows", "seconds"):
        table.add_column(heading, justify="right")
    for name in SYSTEMS:
        module = import_module(f"demo.systems.{name}")
        if day is not None and target.reached(name) >= day:
            continue
        started = time.monotonic()
        counts = module.build(world, target) if day is None else module.advance(world, target, day)
        target.reach(name, day or 0)
        rows = {key: count for key, count in counts.items() if count}
        spent = f"{time.monotonic() - started:.1f}"
        table.add_row(
            name, ", ".join(f"{key} {count}" for key, count in rows.items()), str(sum(rows.values())), spent
        )
    console.print(table)


def _serve(asked: argparse.Namespace) -> int:
    from demo.report import prepare
    from demo.servers import running

    target, _ = built_target(asked.out)
    prepare(target)
    if asked.daemon:
        running.start(target)
    else:
        running.serve(target)
    return 0


def _stop(asked: argparse.Namespace) -> int:
    from demo.servers import running

    console.print("Stopped." if running.stop(asked.out.absolute()) else "Nothing was running.")
    return 0


def _faults(asked: argparse.Namespace) -> int:
    from demo.faults.extract_accidents import keep
    from demo.faults.inject import inject

    target, state = built_target(asked.out)
    if asked.what == "keep":
        keep(target)
        return 0
    labels = asked.labels or asked.out / "faults.jsonl"
    count = inject(target, state, asked.what, asked.kind, asked.rate, asked.seed, labels)
    console.print(f"{count} accidents; what they were is in {labels}")
    return 0


def _ask(asked: argparse.Namespace) -> int:
    from demo.ask import ask

    target, state = built_target(asked.out)
    return ask(target, state, asked.service, asked.service_item, asked.applicant, asked.capacity)


def _report(asked: argparse.Namespace) -> int:
    from demo.report import report

    target, _ = built_target(asked.out)
    return report(target, asked.service)


def _scholarship(asked: argparse.Namespace) -> int:
    import uvicorn

    from demo.scholarship.app import create_app

    target, _ = built_target(asked.out)
    app = create_app(target.folder("hall"), asked.service)
    print(f"scholarship form: http://127.0.0.1:{asked.port}", flush=True)
    uvicorn.run(app, host="127.0.0.1", port=asked.port, log_level="warning", server_header=False)
    return 0


def _apply(asked: argparse.Namespace) -> int:
    from demo.scholarship.show import apply

    console.print(f"奖学金申请表: {apply(asked.form)}", soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
