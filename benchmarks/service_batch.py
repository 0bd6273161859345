"""How fast a job is answered, beside one question at a time: people per second, and where the time goes.

The same code answers both, in this process, without HTTP: every check, the entry in the record, answers kept encrypted.
Receipts are signed when answers are fetched, which is measured by itself. `make bench-service` measures a whole job
with all its processes; this one says where its time goes: `python -m benchmarks.service_batch FOLDER PEOPLE`.
"""

import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg

from benchmarks.service_campus import ELEMENTS, SERVICE_ITEM, Campus, make
from catalogs.settings import now
from service import jobs, queries, record, store_keys, working
from service.configuration import configuration
from service.decisions import Surroundings
from service.jobs import JobRequest
from service.keys import load
from service.lists import Lists
from service.login import Login
from service.lookups import Lookups
from service.queries import FactsQuery
from service.quotas import Quotas
from service.reads import Reads
from service.record import Recorder
from service.state import State, keep_loaded
from service.tokens import Client
from tests.service.campus import HALL
from warehouse.connect import connect, pg_params
from warehouse.migrate import upgrade

ALONE, WARM_UP = 500, 500
_CASE = (
    'INSERT INTO service."case" (id, client_id, external_no, service_item, status, parties, registered_at, expires_at)'
    " SELECT gen_random_uuid(), %s, key, %s, 'draft', jsonb_build_array(jsonb_build_object('id_type', 'staff_no', 'id',"
    " key, 'role', 'applicant')), now(), now() + interval '1 day' FROM raw.links WHERE id_type = 'staff_no'"
    " ORDER BY key LIMIT %s RETURNING id, external_no"
)


def measure(campus: Campus, people: int) -> dict[str, float]:
    """Answer all elements of the benchmark's service item about people, in a job and alone.

    Args:
        campus: with a published release.
        people: how many to ask about.

    Returns:
        `subjects_per_s` of the job and `fetched_per_s` of its answers; `alone_per_s` of single questions; per subject
        of the job `python_us` and `database_us` of processor time.
    """
    os.environ |= campus.environment()
    upgrade()
    with connect(autocommit=True) as con:
        release = con.execute("SELECT yici.current()").fetchone()[0]
        con.execute(f"SET yici.release = {release:d}")
        con.execute(
            "INSERT INTO service.client (client_id, unit, name, jwks, registered_at)"
            " VALUES (%s, 'DT', 'bench', '{}', now()) ON CONFLICT DO NOTHING",
            [HALL],
        )
        cases = con.execute(_CASE, [HALL, SERVICE_ITEM, people]).fetchall()
        con.execute('ANALYZE service."case"')
    return asyncio.run(_measured(campus.folder / "home", cases))


async def _measured(home: Path, cases: Sequence[tuple[UUID, str]]) -> dict[str, float]:
    params = pg_params("service")
    pool = await asyncpg.create_pool(**store_keys.jobs(params), min_size=4, max_size=10)
    keys, chosen = load(home), configuration()
    recorder = Recorder(pool, keys)
    state = State()
    around = Surroundings(
        pool=pool, keys=keys, state=state, recorder=recorder, quotas=Quotas(), configuration=chosen,
        lookups=Lookups(home, pool), lists=Lists(), login=Login(None), reads=Reads(pool),
    )  # fmt: skip
    client = Client(HALL, "DT", "bench", "active", None, None)
    asked = [_question(case_id, number) for case_id, number in cases]
    request = JobRequest(service_item=SERVICE_ITEM, elements=list(ELEMENTS))
    try:
        current = await state.current(pool)
        keep_loaded()  # as processes do that answer jobs
        for lines in (_lines(cases[:WARM_UP]), _lines(cases)):
            async with pool.acquire() as con, con.transaction():
                job = await jobs.file(con, keys, HALL, request, lines, now())
            started, own, servers = time.perf_counter(), time.process_time(), _of_servers()
            await working.work(around)
            took, python = time.perf_counter() - started, time.process_time() - own
            database = _of_servers() - servers
        found = await jobs.find(pool, HALL, UUID(job["job_id"]))
        assert (found["state"], found["answered"]) == ("done", len(cases)), found
        started, fetched = time.perf_counter(), 0
        async for _, one in jobs.answers(pool, keys, UUID(job["job_id"]), -1, now()):
            assert one["answer"]["facts"] and record.receipt(keys, one["receipt"])
            fetched += 1
        fetching = time.perf_counter() - started
        asked = [_question(case_id, number) for case_id, number in cases[:ALONE]]
        started = time.perf_counter()
        for query in asked:
            await queries.query_facts(around, client, current, query, now())
        alone = time.perf_counter() - started
    finally:
        await recorder.stop()
        await pool.close()
    return {
        "subjects_per_s": round(len(cases) / took),
        "fetched_per_s": round(fetched / fetching),
        "alone_per_s": round(len(asked) / alone),
        "python_us": round(python / len(cases) * 1e6),
        "database_us": round(database / len(cases) * 1e6),
    }


def _lines(cases: Sequence[tuple[UUID, str]]) -> list[bytes]:
    return [
        _question(*case).model_dump_json(include={"subject", "case_id", "actor"}).encode() for case in cases
    ]


def _question(case_id: UUID, number: str) -> FactsQuery:
    subject = {"id_type": "staff_no", "id": number}
    actor = {"user_id": f"U-{uuid4().hex[:8]}", "role": "applicant"}
    body = {
        "subject": subject, "case_id": str(case_id), "actor": actor, "service_item": SERVICE_ITEM,
        "elements": list(ELEMENTS),
    }  # fmt: skip
    return FactsQuery.model_validate(body)


def _of_servers() -> float:
    """Return the processor seconds of all server processes of PostgreSQL that are ours; 0 where they cannot be seen."""
    ticks, total = os.sysconf("SC_CLK_TCK"), 0.0
    home = os.environ["YICI_HOME"]
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if home in str((stat.parent / "cwd").readlink()):
                fields = stat.read_text().rpartition(")")[2].split()
                total += (int(fields[11]) + int(fields[12])) / ticks
        except OSError:
            continue
    return total


def main() -> None:
    """Make a campus of that many people, measure, and remove it."""
    folder, people = Path(sys.argv[1]), int(sys.argv[2])
    campus = make(folder, people) if not (folder / "home").exists() else Campus(folder, people)
    try:
        campus.run()
        print(json.dumps(measure(campus, people)))
        print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")
    finally:
        if "--keep" not in sys.argv:
            campus.remove()


if __name__ == "__main__":
    main()
