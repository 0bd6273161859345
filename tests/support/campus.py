"""A small campus for tests of warehouse and admission: one register of people, written as a data office would."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import catalogs
from catalogs.model import Catalog
from catalogs.settings import now
from catalogs.versions import pack
from connectors.base import Reading, Scope
from connectors.duck import literal, session
from connectors.landing import Landing
from expectations.admit import Admitted, admit, engine
from tests.support import kept, migrated
from warehouse import identity, ledger, releases
from warehouse.connect import connect
from warehouse.store import shape_hash

FILES = {
    "campus.yaml": """code: "T"
nameZh: "试验大学"
nameEn: "Test University"
timeZone: "Asia/Shanghai"
""",
    "systems.yaml": """- system: "hr"
  nameZh: "人事系统"
  provider: "RS"
  kind: "sqlite"
  file: "env:YICI_HR_FILE"
  delivers: "05:30"
""",
    "units.csv": """code,nameZh,nameEn,parent,kind,uscc,accountable,steward,contact,successor,validFrom,validTo
RS,人事处,HR,,机关,,post:hr-director,post:hr-steward,,,2000-01-01,
""",
}
CONTRACT = """apiVersion: "v3.2.0"
kind: "DataContract"
id: "hr-staff"
name: "hr.staff"
version: "1.0.0"
status: "active"
description: {{purpose: "教职工"}}
team: {{name: "人事处", members: [{{username: "post:hr-steward", role: "steward"}}]}}
customProperties:
  - {{property: "system", value: "hr"}}
  - {{property: "resourceCode", value: "3070201/000001"}}
  - {{property: "tier", value: "campus"}}
  - {{property: "secrecy", value: "none"}}
  - {{property: "shareType", value: "conditional"}}
  - {{property: "shareCondition", value: "逐项申请"}}
  - {{property: "updateCycle", value: "daily"}}
  - {{property: "ingest", value: {{mode: "{mode}", onAbsence: "{absence}"{extra}}}}}
  - {{property: "subject", value: {{type: "person", key: "staff_no", idType: "staff_no", identity: {{number: "id_no", type: "=1", country: "=CHN", name: "name"}}}}}}
schema:
  - name: "staff"
    physicalName: "staff"
    physicalType: "table"
    businessName: "教职工"
    description: "一行 = 一名教职工"
    properties:
      - {{name: "staff_no", physicalName: "gh", businessName: "工号", logicalType: "string", required: true, primaryKey: true, primaryKeyPosition: 1}}
      - {{name: "name", physicalName: "xm", businessName: "姓名", logicalType: "string", required: true}}
      - {{name: "id_no", physicalName: "zjhm", businessName: "证件号", logicalType: "string"}}
      - {{name: "sex", physicalName: "xb", businessName: "性别", logicalType: "string", customProperties: [{{property: "codeMap", value: {{"男": "1", "女": "2"}}}}]}}
      - {{name: "born_on", physicalName: "csrq", businessName: "出生日期", logicalType: "date"}}
      - {{name: "salary", physicalName: "gz", businessName: "工资", logicalType: "number", logicalTypeOptions: {{multipleOf: 0.01, minimum: 0}}}}
      - {{name: "updated_at", physicalName: "gxsj", businessName: "更新时间", logicalType: "timestamp"}}
"""
# Links of all times, the numbers of documents opened.
LINKS = """(SELECT id, subject_id, id_type, _from, _to, CASE WHEN starts_with(id_type, 'doc:')
    THEN yici.unseal(decode(key, 'hex'), id_type) ELSE key END AS key FROM yici.link) AS link"""
COLUMNS = ("staff_no", "name", "id_no", "sex", "born_on", "salary", "updated_at")


def row(number: int, **changes: str | None) -> dict[str, str | None]:
    """Return one made-up person as the source would send it, all text."""
    values: dict[str, str | None] = {
        "staff_no": f"{number:05d}",
        "name": f"试{number}",
        "id_no": None,
        "sex": "男" if number % 2 else "女",
        "born_on": "1980-02-29",
        "salary": f"{number}.50",
        "updated_at": "2026-01-02 03:04:05",
    }
    return values | changes


def catalog(
    mode: str = "full", absence: str = "keep_as_former", extra: str = "", contract: str | None = None
) -> Catalog:
    """Return the small campus's catalog; `extra` continues the mapping `ingest`, `contract` replaces the whole."""
    contract = contract or CONTRACT.format(mode=mode, absence=absence, extra=extra)
    files = {name: text.encode() for name, text in FILES.items()}
    return catalogs.load(files | {"resources/hr/staff.odcs.yaml": contract.encode()})


class Warehouse:
    """A fresh warehouse that a test lands rows into and releases from, without Dagster, dbt or GX."""

    def __init__(self, folder: Path, content: Catalog) -> None:
        self.landing = Landing(str(folder / "landing"))
        self.catalog = content
        migrated.begin()

    @classmethod
    def again(cls, root: str, content: Catalog) -> Self:
        """Open the warehouse and the landing zone that another process has begun."""
        self = cls.__new__(cls)
        self.landing, self.catalog = Landing(root), content
        return self

    def empty(self) -> None:
        """Forget everything, landing zone included, as if newly made."""
        migrated.begin_again()
        self.landing = Landing(f"{self.landing.root}-again")

    def made_once(self, name: str, make: Callable[[], None]) -> None:
        """Be as `make` leaves this warehouse, which the first test of a session that asks does for all."""
        if self.landing.local is None:
            make()
            return
        name = f"{name}_{self.catalog.version[:12]}"
        kept.made_once(name, migrated.current(), self.landing.local.parent, make)

    def land(self, rows: Sequence[dict], scope: Scope | None = None, watermark: str | None = None) -> int:
        """Land rows as an extract of hr.staff and register it; returns its id."""
        resource = self.catalog.resources["hr.staff"]
        con = session()
        shown = ", ".join(COLUMNS)
        if rows:
            tuples = ", ".join(
                "(" + ", ".join("NULL" if r[c] is None else literal(r[c]) for c in COLUMNS) + ")"
                for r in rows
            )
            query = f"SELECT * FROM (VALUES {tuples}) AS t ({shown})"
        else:
            query = "SELECT " + ", ".join(f"NULL::VARCHAR AS {c}" for c in COLUMNS) + " WHERE false"
        reading = Reading(
            resource,
            con,
            query,
            scope or Scope.full(),
            dict.fromkeys(COLUMNS, "text"),
            watermark_to=watermark,
        )
        with connect(autocommit=True) as pg:
            manifest = self.landing.write(reading, ledger.next_extract_id(pg), now())
            with pg.transaction():
                ledger.register(
                    pg, manifest, manifest.path, manifest.digest, shape_hash(resource), datetime.now(UTC)
                )
        con.close()
        return manifest.extract_id

    @contextlib.contextmanager
    def candidate(self) -> Iterator[releases.Candidate]:
        with releases.open_candidate(self.catalog, pack(self.catalog.files)) as opened:
            yield opened

    def admit(self, opened: releases.Candidate) -> Admitted:
        """Admit what waits into an open candidate."""
        with engine() as con:
            return admit(con, opened, self.catalog, self.catalog.resources["hr.staff"], self.landing)

    def release(self) -> Admitted:
        """Admit what waits, link identities, publish; returns what became of hr.staff."""
        with self.candidate() as opened:
            done = self.admit(opened)
            identity.update(opened.con, opened.id, self.catalog)
            releases.publish(opened, list(self.catalog.resources.values()), {})
        return done

    def served(self, release: int | None = None) -> list[dict]:
        """Return hr.staff as the release (None: the current one) shows it, by staff number."""
        from psycopg.rows import dict_row

        with connect(autocommit=True) as pg:
            number = release if release is not None else releases.current(pg)
        with connect(release=number) as pg, pg.cursor(row_factory=dict_row) as cursor:
            return cursor.execute("SELECT * FROM raw.hr__staff ORDER BY staff_no").fetchall()

    def scalar(self, statement: str, *values: object) -> object:
        """Return the first value of a query on the warehouse."""
        with connect(autocommit=True) as pg:
            return pg.execute(statement, values).fetchone()[0]

    def digest(self) -> str:
        with connect(autocommit=True) as pg:
            return releases.digest(pg, self.catalog)
