"""`make bench-identity`: how well it is found out who is who, on a campus whose truth is known.

The people of the reference campus (`python -m demo.truth`) stand in five registers with the mistakes of
`benchmarks.identity_noise`. They are landed, admitted, linked and searched by the same code as ever, in a warehouse of
their own. Then a reviewer decides every pair of the queue by the truth, and the next release carries it out.

A link is counted as a pair of natural keys (numbers of registers) that are one subject's.
"""

import argparse
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import combinations
from math import sqrt
from pathlib import Path
from random import Random
from typing import TypeVar

from benchmarks.identity_noise import READERS, Row, registers

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "docs" / "identity.md"
SYSTEM = "people"
_ID_TYPES = {
    "academic.students": "student_no",
    "graduate.students": "grad_student_no",
    "hr.staff": "staff_no",
    "certificates_legacy.graduation": "alumni_student_no",
    READERS: "reader_no",
}
_COLUMNS = (
    "number",
    "name",
    "former_name",
    "sex",
    "born_on",
    "phone",
    "id_type",
    "id_no",
    "id_country",
    "old_id_no",
)
_CONTRACT = """apiVersion: "v3.2.0"
kind: "DataContract"
id: "people-{table}"
name: "people.{table}"
version: "1.0.0"
status: "active"
description: {{purpose: "人员"}}
team: {{name: "人事处", members: [{{username: "post:steward", role: "steward"}}]}}
customProperties:
  - {{property: "system", value: "people"}}
  - {{property: "resourceCode", value: "3070201/00000{place}"}}
  - {{property: "tier", value: "campus"}}
  - {{property: "secrecy", value: "none"}}
  - {{property: "shareType", value: "conditional"}}
  - {{property: "shareCondition", value: "逐项申请"}}
  - {{property: "updateCycle", value: "daily"}}
  - {{property: "ingest", value: {{mode: "full"}}}}
  - {{property: "subject", value: {{type: "person", key: "number", idType: "{id_type}", identity: {{number: "id_no", type: "id_type", country: "id_country", name: "name", formerNumber: "old_id_no", formerName: "former_name", birthday: "born_on", sex: "sex", phone: "phone"}}}}}}
schema:
  - name: "{table}"
    physicalName: "{table}"
    physicalType: "table"
    businessName: "登记表{place}"
    description: "一行 = 一人"
    properties:
      - {{name: "number", businessName: "编号", logicalType: "string", required: true, primaryKey: true, primaryKeyPosition: 1}}
      - {{name: "born_on", businessName: "出生日期", logicalType: "date"}}
"""  # noqa: E501 - a contract as YAML
_ITEM = '      - {{name: "{name}", businessName: "{name}", logicalType: "string"}}\n'
T = TypeVar("T")


@dataclass(frozen=True)
class Cost:
    """Seconds of this process's processors, and memory beyond what it held before, in MB."""

    cpu_s: float
    memory_mb: float

    def __str__(self) -> str:
        return f"{self.cpu_s:.1f} s, {self.memory_mb:,.0f} MB"


def measured(work: Callable[[], T]) -> tuple[Cost, T]:
    """Run once; its cost and what it returned. Memory is told by Linux only."""
    held, started = _memory_mb("VmRSS"), time.process_time()
    if held:
        Path("/proc/self/clear_refs").write_text("5")  # let the peak begin anew
    result = work()
    return Cost(time.process_time() - started, max(0.0, _memory_mb("VmHWM") - held)), result


def _memory_mb(name: str) -> float:
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:")), 0.0)


@dataclass(frozen=True)
class Score:
    """Pairs of natural keys: how many are one subject's, and how many of those, and of the true ones, are right."""

    linked: int
    right: int
    true: int

    @property
    def precision(self) -> float:
        return self.right / self.linked if self.linked else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.true if self.true else 1.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval of the precision at 95 %."""
        return wilson(self.right, self.linked)


def wilson(right: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """Return Wilson's score interval of a share."""
    if not of:
        return 0.0, 1.0
    share, square = right / of, z * z / of
    centre = (share + square / 2) / (1 + square)
    half = z * sqrt(share * (1 - share) / of + square / (4 * of)) / (1 + square)
    return max(0.0, centre - half), min(1.0, centre + half)


def files() -> dict[str, bytes]:
    """Return the catalog of the five registers."""
    found = {
        "campus.yaml": 'code: "BENCH"\nnameZh: "测速大学"\nnameEn: "Benchmark University"\ntimeZone: "Asia/Shanghai"\n',
        "systems.yaml": '- system: "people"\n  nameZh: "人员"\n  provider: "RS"\n  kind: "sqlite"\n'
        '  file: "env:YICI_PEOPLE_FILE"\n  delivers: "05:30"\n',
        "units.csv": "code,nameZh,nameEn,parent,kind,uscc,accountable,steward,contact,successor,validFrom,validTo\n"
        "RS,人事处,HR,,机关,,post:director,post:steward,,,2000-01-01,\n",
    }
    for place, (register, id_type) in enumerate(_ID_TYPES.items(), start=1):
        table = _table(register)
        text = _CONTRACT.format(table=table, place=place, id_type=id_type)
        text += "".join(_ITEM.format(name=name) for name in _COLUMNS if name not in ("number", "born_on"))
        found[f"resources/people/{table}.odcs.yaml"] = text
    return {name: text.encode() for name, text in found.items()}


def fill(path: Path, rows: Sequence[Row]) -> None:
    """Write the rows into one SQLite file, a table per register."""
    by_register: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_register[row.register].append(row)
    with closing(sqlite3.connect(path)) as con, con:
        for register, found in by_register.items():
            con.execute(f"CREATE TABLE {_table(register)} ({', '.join(f'{name} text' for name in _COLUMNS)})")
            con.executemany(
                f"INSERT INTO {_table(register)} VALUES ({', '.join('?' * len(_COLUMNS))})",
                [[row.values[name] for name in _COLUMNS] for row in found],
            )


class Campus:
    """The warehouse of the five registers."""

    def __init__(self) -> None:
        import catalogs
        from catalogs.settings import settings
        from connectors.landing import Landing
        from warehouse.migrate import upgrade

        upgrade()
        self.catalog = catalogs.load(files())
        self.landing = Landing(settings().landing)
        self.linking = Cost(0.0, 0.0)

    def land(self) -> None:
        """Read the registers."""
        from warehouse.extraction import land_system

        for landed in land_system(self.catalog, SYSTEM, self.landing):
            if landed.error:
                raise SystemExit(f"bench: {landed.resource}: {landed.error}")

    def release(self) -> None:
        """Admit what landed, carry out decisions, link, publish."""
        from catalogs.versions import pack
        from expectations.admit import admit, engine
        from warehouse import identity, releases

        with releases.open_candidate(self.catalog, pack(self.catalog.files)) as candidate:
            for resource in self.catalog.resources.values():
                with engine() as duck:
                    done = admit(duck, candidate, self.catalog, resource, self.landing)
                if done.outcome == "refused":
                    raise SystemExit(f"bench: {resource.name}: {done.reason}")
            self.linking, _ = measured(lambda: identity.update(candidate.con, candidate.id, self.catalog))
            releases.publish(candidate, list(self.catalog.resources.values()), {})

    def find(self):
        """Look for probable pairs."""
        from warehouse.connect import connect
        from warehouse.identity.probable import find

        with connect(autocommit=True) as con:
            return find(con, self.catalog)

    def subjects(self) -> dict[tuple[str, str], int]:
        """Return (kind, number) → subject of every natural key."""
        from warehouse.connect import connect

        with connect(autocommit=True) as con:
            rows = con.execute(
                "SELECT id_type, key, subject_id FROM yici.link WHERE _to IS NULL AND NOT starts_with(id_type, 'doc:')"
            )
            return {(id_type, key): subject for id_type, key, subject in rows}

    def review(self, person: Mapping[tuple[str, str], str]) -> Counter[str]:
        """Let a reviewer who knows the truth decide every open pair; returns the verdicts."""
        from warehouse.connect import connect
        from warehouse.identity.decisions import DIFFERENT, SAME, By, decide_review
        from warehouse.identity.queue import reviews

        humans: dict[int, set[str]] = defaultdict(set)
        for key, subject in self.subjects().items():
            humans[subject].add(person[key])
        verdicts: Counter[str] = Counter()
        by = By("post:steward", "bench", "knows the truth")
        with connect(autocommit=True) as con:
            for one in reviews(con, limit=10**6):
                same = len(humans[one.subject_a] | humans[one.subject_b]) == 1
                verdict = SAME if same else DIFFERENT
                decide_review(con, one.id, verdict, by)
                verdicts[verdict] += 1
        return verdicts


def score(subjects: Mapping[tuple[str, str], int], person: Mapping[tuple[str, str], str]) -> Score:
    """Compare which keys are one subject's with which are one human being's."""

    def pairs(groups: Mapping[tuple[str, str], object]) -> set[tuple]:
        by_group: dict[object, list[tuple[str, str]]] = defaultdict(list)
        for key in subjects:
            by_group[groups[key]].append(key)
        return {pair for keys in by_group.values() for pair in combinations(sorted(keys), 2)}

    linked, true = pairs(subjects), pairs(person)
    return Score(len(linked), len(linked & true), len(true))


def by_kind(rows: Sequence[Row], subjects: Mapping[tuple[str, str], int]) -> dict[str, tuple[int, int, int]]:
    """Return kind of row → rows admitted, one subject with another key of their person, with a stranger's."""
    people: dict[int, Counter[str]] = defaultdict(Counter)
    for row in rows:
        if (subject := subjects.get(_key(row))) is not None:
            people[subject][row.person] += 1
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in rows:
        if (subject := subjects.get(_key(row))) is None:
            continue
        counts = found[
            row.kind if row.register == READERS or row.kind != "as it is" else "the other registers"
        ]
        counts[0] += 1
        counts[1] += people[subject][row.person] > 1
        counts[2] += len(people[subject]) > 1
    return {kind: (admitted, own, strange) for kind, (admitted, own, strange) in found.items()}


@contextmanager
def installation() -> Iterator[Path]:
    """A state folder with an embedded server, for this process; gone afterwards."""
    from warehouse.embedded import EmbeddedServer

    folder = Path(tempfile.mkdtemp(prefix="yici-bench-"))
    folder.chmod(0o711)
    os.environ.pop("YICI_DATABASE_URL", None)
    os.environ |= {"YICI_HOME": str(folder), "YICI_PEOPLE_FILE": str(folder / "people.sqlite")}
    server = EmbeddedServer(folder)
    try:
        server.ensure()
        yield folder
    finally:
        server.remove()
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Found:
    """What one campus came to.

    Attributes:
        automatic, reviewed: pairs of keys before any decision, and after all.
        kinds, after: by the way in which a row is written, before and after.
        verdicts: of the reviewer.
        linking, finding: what the rule and the search cost.
    """

    order: str
    rows: int
    people: int
    automatic: Score
    reviewed: Score
    kinds: dict[str, tuple[int, int, int]]
    after: dict[str, tuple[int, int, int]]
    verdicts: Counter[str]
    linking: Cost
    finding: Cost


def measure(size: str, seed: int, order: str) -> Found:
    """Find out who is who on one campus."""
    with installation() as folder:
        truth = folder / "truth.jsonl"
        command = [sys.executable, "-m", "demo.truth", "--size", size, "--seed", str(seed), str(truth)]
        subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)
        lines = [json.loads(line) for line in truth.read_text(encoding="utf-8").splitlines()]
        rows = registers(lines, Random(f"{seed}:identity"), order)
        person = {_key(row): row.person for row in rows}
        fill(folder / "people.sqlite", rows)
        campus = Campus()
        campus.land()
        campus.release()
        linking = campus.linking
        automatic, kinds = score(campus.subjects(), person), by_kind(rows, campus.subjects())
        finding, _ = measured(campus.find)
        campus.release()
        verdicts = campus.review(person)
        campus.release()
        reviewed, after = score(campus.subjects(), person), by_kind(rows, campus.subjects())
    people = len(set(person.values()))
    return Found(order, len(rows), people, automatic, reviewed, kinds, after, verdicts, linking, finding)


def page(size: str, seed: int, found: Sequence[Found]) -> str:
    """Return the figures as Markdown."""
    lines = [
        f"Size `{size}`, seed {seed}: {found[0].people:,} people in five registers, in fair and in poor order.",
        "",
        "| registers in | pairs of keys linked | right | true pairs | precision (95 % interval) | recall |",
        "|---|---|---|---|---|---|",
    ]
    for one in found:
        lines += [_line(f"{one.order} order, by itself", one.automatic)]
        lines += [_line(f"{one.order} order, after review", one.reviewed)]
    lines += [
        "",
        "| registers in | rows | pairs asked about | one person | two | linking | searching |",
        "|" + "---|" * 7,
    ]
    for one in found:
        asked = f"{one.verdicts.total():,} | {one.verdicts['same']:,} | {one.verdicts['different']:,}"
        lines.append(f"| {one.order} order | {one.rows:,} | {asked} | {one.linking} | {one.finding} |")
    worst = found[-1]
    lines += [
        "",
        f"In {worst.order} order, row by row:",
        "",
        "| how the row is written | rows | linked by itself | after review | to a stranger |",
        "|---|---|---|---|---|",
    ]
    for kind, (count, linked, _) in sorted(worst.kinds.items(), key=lambda one: -one[1][0]):
        _, after, strange = worst.after.get(kind, (0, 0, 0))
        lines.append(f"| {kind} | {count:,} | {linked:,} | {after:,} | {strange:,} |")
    return "\n".join(lines)


def _line(when: str, one: Score) -> str:
    low, high = one.interval
    shares = f"{one.precision:.5f} ({low:.5f} to {high:.5f}) | {one.recall:.4f}"
    return f"| {when} | {one.linked:,} | {one.right:,} | {one.true:,} | {shares} |"


def _key(row: Row) -> tuple[str, str]:
    return _ID_TYPES[row.register], row.values["number"] or ""


def _table(register: str) -> str:
    return register.replace(".", "_")


def main() -> None:
    """Measure, print, and with --write put the figures into docs/identity.md."""
    parser = argparse.ArgumentParser(prog="bench-identity", description=__doc__)
    parser.add_argument("--size", choices=("small", "campus", "province"), default="campus")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="put the figures into docs/identity.md")
    asked = parser.parse_args()
    figures = page(
        asked.size, asked.seed, [measure(asked.size, asked.seed, order) for order in ("fair", "poor")]
    )
    print(figures)
    if asked.write:
        text = PAGE.read_text(encoding="utf-8")
        marked = re.compile(r"(<!-- measured -->\n).*?(<!-- end -->)", re.DOTALL)
        PAGE.write_text(marked.sub(lambda found: f"{found[1]}{figures}\n{found[2]}", text), encoding="utf-8")


if __name__ == "__main__":
    main()
