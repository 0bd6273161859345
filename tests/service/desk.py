"""A running service over a small warehouse, and how service systems talk to it."""

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import ECKey
from psycopg.rows import dict_row

from catalogs.model import Catalog
from service import clients
from tests.service import campus

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CANARY = "鸑鷟"  # in every name: whatever is not an answer must not hold it

STAFF: list[dict[str, Any]] = [
    {"staff_no": "T001", "name": f"{CANARY}甲", "id_no": "110101198001010015", "status": "11", "unit": "物理系",
     "hired_on": "2005-09-01", "phone": "13900000001"},
    {"staff_no": "T002", "name": f"{CANARY}乙", "id_no": "110101198501010029", "status": "21", "unit": "化学系",
     "hired_on": "2010-09-01", "phone": "13900000002"},
    # an employed student: two capacities, one person
    {"staff_no": "T003", "name": f"{CANARY}丙", "id_no": "110101199501010036", "status": "11", "unit": "图书馆",
     "hired_on": "2020-09-01", "phone": None},
    # its source no longer reports this one
    {"staff_no": "T004", "name": f"{CANARY}丁", "id_no": "110101197001010042", "status": "11", "unit": "数学系",
     "hired_on": "1995-09-01", "phone": "13900000004"},
]  # fmt: skip
GONE = [STAFF[3] | {"_state": "former"}]
STUDENTS: list[dict[str, Any]] = [
    {"student_no": "X003", "name": f"{CANARY}丙", "id_no": "110101199501010036", "unit": "外语学院",
     "is_enrolled": True},
    # re-admitted: two numbers, the older one is history
    {"student_no": "X010", "name": f"{CANARY}戊", "id_no": "110101200001010050", "unit": "法学院",
     "is_enrolled": False},
    {"student_no": "X011", "name": f"{CANARY}戊", "id_no": "110101200001010050", "unit": "商学院",
     "is_enrolled": True},
]  # fmt: skip
GUESTS: list[dict[str, Any]] = [
    {"guest_no": "G001", "name": f"{CANARY}己", "id_no": "110101196001010068", "unit": "保密单位"}
]
PAYROLL: list[dict[str, Any]] = [
    {"staff_no": "T001", "month": "2026-08", "amount": "8000.00"},
    {"staff_no": "T001", "month": "2026-09", "amount": "9000.50"},
    {"staff_no": "T003", "month": "2026-09", "amount": "4000.00"},
]
ROWS = {"hr.staff": STAFF, "hr.guests": GUESTS, "academic.students": STUDENTS, "finance.payroll": PAYROLL}
T001 = {"id_type": "staff_no", "id": "T001"}


@dataclass
class Desk:
    """What a test needs of the service: its address, its clients' keys, the warehouse behind it."""

    url: str
    catalog: Catalog
    owner: psycopg.Connection
    home: Path
    app: FastAPI | None = None
    keys: dict[str, ECKey] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.url, timeout=20, trust_env=False)

    def register(self, client_id: str, folder: Path, unit: str = "DT") -> None:
        """Register a client with a key of its own."""
        key = ECKey.generate_key("P-256", {"kid": client_id})
        file = folder / f"{client_id}.json"
        file.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
        clients.register(client_id, unit, f"系统 {client_id}", file)
        self.keys[client_id] = key

    def assertion(self, client_id: str, key: ECKey | None = None, **changes: Any) -> str:
        """Return a client assertion; `changes` replace claims, None removes one."""
        moment = int(time.time())
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": f"{self.url}/oauth2/token",
            "iat": moment,
            "exp": moment + 60,
            "jti": uuid.uuid4().hex,
        }
        claims = {name: value for name, value in (claims | changes).items() if value is not None}
        key = key or self.keys[client_id]
        return jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key)

    def ask_token(self, assertion: str, **form: str) -> httpx.Response:
        given = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION,
            "client_assertion": assertion,
        }
        return self.http.post("/oauth2/token", data=given | form)

    def headers(self, client_id: str = campus.HALL) -> dict[str, str]:
        """Return headers with a token of the client."""
        if client_id not in self.tokens:
            reply = self.ask_token(self.assertion(client_id))
            assert reply.status_code == 200, reply.text
            self.tokens[client_id] = reply.json()["access_token"]
        return {"Authorization": f"Bearer {self.tokens[client_id]}"}

    def post(self, path: str, body: Any, client_id: str = campus.HALL, **headers: str) -> httpx.Response:
        sent = {"Content-Type": "application/json", **self.headers(client_id), **headers}
        return self.http.post(path, content=json.dumps(body), headers=sent)

    def get(self, path: str, client_id: str = campus.HALL) -> httpx.Response:
        return self.http.get(path, headers=self.headers(client_id))

    def new_case(
        self, service_item: str = campus.EMPLOYED, parties: Sequence[Mapping[str, str]] = (),
        client_id: str = campus.HALL, key: str | None = None, **more: Any,
    ) -> httpx.Response:  # fmt: skip
        body = {
            "service_item": service_item,
            "parties": list(parties) or [{"role": "applicant", **T001}],
        } | more
        return self.post("/v1/cases", body, client_id, **{"Idempotency-Key": key or uuid.uuid4().hex})

    def case(self, *args: Any, **kwargs: Any) -> str:
        """Register a case and return its number."""
        reply = self.new_case(*args, **kwargs)
        assert reply.status_code == 201, reply.text
        return reply.json()["case_id"]

    def facts(
        self, elements: Sequence[str], subject: Mapping[str, str] = T001, case_id: str | None = None,
        service_item: str = campus.EMPLOYED, client_id: str = campus.HALL, **more: Any,
    ) -> httpx.Response:  # fmt: skip
        number = {name: value for name, value in subject.items() if name != "capacity"}
        body = {
            "subject": dict(subject),
            "service_item": service_item,
            "case_id": case_id or self.case(service_item, [{"role": "applicant", **number}]),
            "actor": {"user_id": "U1", "role": "officer"},
            "elements": list(elements),
        } | more
        return self.post("/v1/facts:query", body, client_id)

    def claims(
        self, stated: Sequence[tuple[str, str, str | None]], subject: Mapping[str, str] = T001,
        service_item: str = campus.EMPLOYED, client_id: str = campus.HALL, case_id: str | None = None,
    ) -> httpx.Response:  # fmt: skip
        body = {
            "subject": dict(subject),
            "service_item": service_item,
            "case_id": case_id or self.case(service_item, [{"role": "applicant", **subject}], client_id),
            "actor": {"user_id": "U1", "role": "officer"},
            "claims": [
                {"element": element, "op": op} | ({} if value is None else {"value": value})
                for element, op, value in stated
            ],
        }
        return self.post("/v1/claims:verify", body, client_id)

    def fact(self, element: str, subject: Mapping[str, str] = T001, **more: Any) -> dict[str, Any]:
        """Return one fact of an allowed query."""
        reply = self.facts([element], subject, **more)
        assert reply.status_code == 200, reply.text
        return reply.json()["facts"][element]

    def prefill(
        self, subject: Mapping[str, str] = T001, service_item: str = campus.EMPLOYED
    ) -> dict[str, Any]:
        number = {name: value for name, value in subject.items() if name != "capacity"}
        body = {
            "subject": dict(subject),
            "case_id": self.case(service_item, [{"role": "applicant", **number}]),
            "actor": {"user_id": "U1", "role": "applicant"},
        }
        reply = self.post(f"/v1/service-items/{service_item}:prefill", body)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def last(self) -> dict[str, Any]:
        """Return the record's newest entry."""
        return self.record("seq = (SELECT max(seq) FROM service.record)")[0]

    def record(self, where: str = "true", *values: Any) -> list[dict[str, Any]]:
        """Return the record's entries in order."""
        with self.owner.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(
                f"SELECT * FROM service.record WHERE {where} ORDER BY seq", values
            ).fetchall()

    def details(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        """Return who asked about whom in which case: what of an entry may be deleted one day."""
        with self.owner.cursor(row_factory=dict_row) as cursor:
            found = cursor.execute("SELECT * FROM service.record_detail WHERE seq = %s", [entry["seq"]])
            return found.fetchone()
