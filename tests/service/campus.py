"""A small campus whose facts are asked for: staff, students, payroll, a register that answers one by one."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql

import catalogs
from catalogs.model import Catalog
from catalogs.settings import now
from catalogs.versions import pack
from warehouse import identity, releases
from warehouse.key_ring import ring
from warehouse.sealing import sealed_columns
from warehouse.store import SOURCE_SUFFIX, shape_hash, value_columns

HALL, PORTAL, STRANGER, HR = "hall", "portal", "stranger", "hr-desk"
# The university's portal, which asks as the person who is logged in, and for clerks at a window.
PAGES = "pages"
EMPLOYED, TRANSFER = "S-EMPLOYED", "S-TRANSFER"
HOUSEHOLD, IDENTITY = "/household", "/identity-check"

_CSV = {
    "units.csv": """code,nameZh,nameEn,parent,kind,uscc,accountable,steward,contact,successor,validFrom,validTo
RS,人事处,HR,,机关,,post:a,post:b,,,2000-01-01,
JW,教务处,Academic affairs,,机关,,post:a,post:b,,,2000-01-01,
CW,财务处,Finance,,机关,,post:a,post:b,,,2000-01-01,
DT,大厅,Hall,,机关,,post:a,post:b,,,2000-01-01,
GA,公安,Police,,校外,11990000YX00030X3T,post:a,post:b,,,2000-01-01,
""",
    "elements.csv": """code,nameZh,nameEn,type,codeTable,subjectType,population,dataLevel,piClass,mask,format,norm
XM,姓名,Name,C,,person,,2,personal,,,
GH,工号,Staff number,C,,person,,2,personal,,,
XH,学号,Student number,C,,person,,2,personal,,,
SFZJH,身份证件号,Identity number,C,,person,,4,sensitive,"keep:6,4",,
ZT,在职状态,Employment status,C,staff_status,person,,2,personal,,,
DW,所在单位,Unit,C,,person,,1,personal,,,
RZRQ,入职日期,Hired on,D,,person,,2,personal,,,
GZ,最近月工资,Latest pay,N,,person,,4,sensitive,,,
HJ,户籍核验,Household check,C,,person,,4,sensitive,,,
HJRQ,迁入日期,Moved in on,D,,person,,2,personal,,,
HY,身份核验,Identity check,C,check_results,person,,2,personal,,,
DH,电话,Telephone,C,,person,,3,personal,last:4,,
WU,无数源的数据元,Nobody's,C,,person,,2,personal,,,
""",
    "codes/index.csv": "table,norm,version,nameZh,status\nstaff_status,local,2026,在职状态,current\n"
    "check_results,local,2026,核验结果,current\n",
    "codes/check_results.csv": "code,nameZh,nameEn,parent,validFrom,validTo\n1,一致,Same,,,\n2,不一致,Differ,,,\n",
    "codes/staff_status.csv": "code,nameZh,nameEn,parent,validFrom,validTo\n11,在职,Active,,,\n21,离职,Left,,,\n",
    "populations.csv": """code,nameZh,nameEn,subjectType,register,rule,formerRule,precedence,note
staff,教职工,Staff,person,hr.staff,status = '11',status = '21',10,
undergrad,本科生,Undergraduates,person,academic.students,is_enrolled,NOT is_enrolled,10,
guest,特邀人员,Guests,person,hr.guests,,,20,
""",
    "calendar.csv": "day,kind\n2026-01-01,法定节假\n2026-12-31,教学\n",
}
_SYSTEMS = [
    {"system": "hr", "nameZh": "人事", "provider": "RS", "kind": "sqlite", "file": "env:F", "delivers": "05:30"},
    {"system": "academic", "nameZh": "教务", "provider": "JW", "kind": "sqlite", "file": "env:F", "delivers": "05:30"},
    {"system": "finance", "nameZh": "财务", "provider": "CW", "kind": "sqlite", "file": "env:F", "delivers": "05:30"},
    {
        "system": "gov", "nameZh": "政务", "provider": "GA", "kind": "lookup", "base_url": "env:TEST_GOV_URL",
        "auth": {"type": "bearer", "token": "env:TEST_GOV_TOKEN"}, "reason_header": "X-Reason",
        "limits": {"timeout_s": 1.5, "per_minute": 1000},
    },
]  # fmt: skip
_CLIENTS = [
    {
        "client": HALL,
        "nameZh": "办事大厅",
        "unit": "DT",
        "quota": {"perMinute": 100000},
        "jobs": True,
        "channels": ["online", "window"],
    },
    {"client": PORTAL, "nameZh": "报账系统", "unit": "CW", "quota": {"perMinute": 100000}, "usages": True},
    {"client": HR, "nameZh": "人事系统", "unit": "RS", "quota": {"perMinute": 100000}, "corrections": True},
    {
        "client": PAGES,
        "nameZh": "校务数据门户",
        "unit": "DT",
        "quota": {"perMinute": 100000},
        "sessions": True,
        "windows": True,
    },
    {"client": STRANGER, "nameZh": "无授权系统", "unit": "CW", "quota": {"perMinute": 20}},
]


def item(name: str, name_zh: str, kind: str = "string", key: int = 0, **custom: Any) -> dict[str, Any]:
    """Return an item of a contract; `key` is its place in the primary key, `custom` its custom properties."""
    found: dict[str, Any] = {"name": name, "physicalName": name, "businessName": name_zh, "logicalType": kind}
    if key:
        found |= {"required": True, "primaryKey": True, "primaryKeyPosition": key}
    if custom:
        found["customProperties"] = [{"property": one, "value": value} for one, value in custom.items()]
    return found


def contract(
    name: str,
    name_zh: str,
    provider: str,
    subject: Mapping[str, Any],
    items: Sequence[dict],
    cycle: str = "daily",
    is_shared: bool = True,
    read: Mapping[str, Any] | None = None,
    authoritative_for: Sequence[str] = (),
) -> bytes:
    """Return a contract as the content of its file."""
    system, _, table = name.partition(".")
    sharing = {"tier": "campus", "shareType": "conditional", "shareCondition": "逐项申请"}
    if not is_shared:
        sharing = {"tier": "office", "shareType": "none", "noShareBasis": "试验规定第一条"}
    custom = {
        "system": system,
        "resourceCode": f"3070201/{name}",
        "secrecy": "none",
        **sharing,
        "provider": provider,
        "updateCycle": cycle,
        "ingest": {"mode": "full", "onAbsence": "keep_as_former"},
        "subject": dict(subject),
    }
    if read:
        custom["read"] = dict(read)
    if authoritative_for:
        custom["authoritativeFor"] = list(authoritative_for)
    content = {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": name.replace(".", "-"),
        "name": name,
        "version": "1.0.0",
        "status": "active",
        "description": {"purpose": name_zh},
        "team": {"name": name_zh, "members": [{"username": "post:b", "role": "steward"}]},
        "customProperties": [{"property": one, "value": value} for one, value in custom.items()],
        "schema": [
            {
                "name": table,
                "physicalName": table,
                "physicalType": "table",
                "businessName": name_zh,
                "description": f"一行 = 一条{name_zh}",
                "properties": list(items),
            }
        ],
    }
    return json.dumps(content, ensure_ascii=False).encode()


def _identity(key: str, id_type: str, population: str) -> dict[str, Any]:
    document = {"number": "id_no", "type": "=1", "country": "=CHN", "name": "name"}
    return {
        "type": "person",
        "key": key,
        "idType": id_type,
        "populations": [population],
        "identity": document,
    }


def files() -> dict[str, bytes]:
    """Return the campus's catalog as files."""
    source = {"authoritative": True}
    contracts = {
        "hr/staff": contract(
            "hr.staff", "教职工", "RS", _identity("staff_no", "staff_no", "staff"),
            [
                item("staff_no", "工号", key=1, element="GH", **source),
                item("name", "姓名", element="XM", **source),
                item("id_no", "证件号", element="SFZJH", **source),
                item("status", "状态", element="ZT", codeTable="staff_status", **source),
                item("unit", "单位", element="DW", **source),
                item("hired_on", "入职", "date", element="RZRQ", **source),
                item("phone", "电话", element="DH", subjectView="masked", **source),
            ],
        ),
        "hr/guests": contract(
            "hr.guests", "特邀人员", "RS", _identity("guest_no", "guest_no", "guest"),
            [
                item("guest_no", "证号", key=1),
                item("name", "姓名", element="XM", **source),
                item("id_no", "证件号"),
                item("unit", "单位", element="DW", **source),
            ],
            is_shared=False,
        ),
        "academic/students": contract(
            "academic.students", "学生", "JW", _identity("student_no", "student_no", "undergrad"),
            [
                item("student_no", "学号", key=1, element="XH", **source),
                item("name", "姓名", element="XM", **source),
                item("id_no", "证件号", element="SFZJH", **source),
                item("unit", "学院", element="DW", **source),
                item("is_enrolled", "在籍", "boolean"),
            ],
        ),
        "finance/payroll": contract(
            "finance.payroll", "工资", "CW", {"type": "person", "key": "staff_no", "idType": "staff_no"},
            [
                item("staff_no", "工号", key=1),
                item("month", "月份", key=2),
                item(
                    "amount", "金额", "number", element="GZ", pick={"orderBy": "month desc"}, subjectView="none",
                    subjectViewBasis="试验规定第三条", **source,
                ),
            ],
            cycle="monthly",
        ),
        "gov/household": contract(
            "gov.household", "户籍核验", "GA", {"type": "person", "key": "id_no", "idType": "doc:1:CHN"},
            [
                item("id_no", "证件号", key=1),
                item("name", "姓名", element="XM"),
                item("place", "户籍地", element="HJ", **source),
                item("since", "迁入日期", "date", element="HJRQ", **source),
            ],
            cycle="realtime",
            read={
                "path": HOUSEHOLD, "params": {"id_no": "id_no", "xm": "name"}, "evidence": "$.serial",
                "accept": {"$.code": "0"},
            },
            authoritative_for=["staff"],
        ),
        "gov/identity": contract(
            "gov.identity", "身份核验", "GA", {"type": "person", "key": "id_no", "idType": "doc:1:CHN"},
            [
                item("id_no", "证件号", key=1),
                item("result", "结果", element="HY", codeMap={"一致": "1", "不一致": "2"}, **source),
            ],
            cycle="realtime",
            read={"path": IDENTITY, "params": {"id_no": "id_no"}, "evidence": "$.serial"},
        ),
    }  # fmt: skip
    services = [_service(EMPLOYED, "在职证明"), _service(TRANSFER, "学籍变动")]
    granted = {"state": "granted", "by": ["post:b"], "on": "2026-01-01"}
    demands = [
        _demand(
            "D-1",
            HALL,
            EMPLOYED,
            ["XM", "GH", "SFZJH", "ZT", "DW", "RZRQ", "GZ", "HJ", "HJRQ", "HY"],
            granted,
        ),
        _demand("D-2", HALL, TRANSFER, ["XM", "XH"], granted),
        _demand("D-3", PORTAL, EMPLOYED, ["GH"], granted, unmasked=["GH"]),
        _demand("D-4", PORTAL, TRANSFER, ["XM"], granted, validFrom="2020-01-01", validTo="2020-12-31"),
        _demand("D-5", PORTAL, TRANSFER, ["XH"], {"state": "refused", "by": ["post:b"], "on": "2026-01-01"}),
    ]
    proves = {
        "M-ID": [{"element": "SFZJH", "predicate": "is_known"}],
        "M-STATUS": [{"element": "ZT", "predicate": "in:在职"}],
        "M-PAY": [{"element": "GZ", "predicate": "ge:5000"}],
        "M-HOUSEHOLD": [{"element": "HJ", "predicate": "is_known"}],
        "M-PHONE": [{"element": "DH", "predicate": "is_known"}],
    }
    materials = [
        {"code": code, "nameZh": f"材料 {code}", "kind": "证明", "source": "校内", "facts": facts}
        for code, facts in proves.items()
    ]
    materials.append(
        {"code": "M-GAP", "nameZh": "无人有的材料", "kind": "证明", "source": "校外", "gap": "无源"}
    )
    materials.append(
        {
            "code": "M-SEAL",
            "nameZh": "盖章的在职证明",
            "kind": "证明",
            "source": "校内",
            "issuer": "RS",
            "originalRequired": True,
            "originalBasis": "试验规定第二条",
            "facts": [{"element": "ZT", "predicate": "in:在职"}],
        }
    )
    plain = {
        "campus.yaml": {
            "code": "T",
            "nameZh": "试验大学",
            "nameEn": "Test University",
            "timeZone": "Asia/Shanghai",
        },
        "systems.yaml": _SYSTEMS,
        "clients.yaml": _CLIENTS,
        "materials.yaml": materials,
        "services/all.yaml": services,
        "demands/all.yaml": demands,
    }
    found = {name: text.encode() for name, text in _CSV.items()}
    found |= {name: json.dumps(content, ensure_ascii=False).encode() for name, content in plain.items()}
    return found | {f"resources/{path}.odcs.yaml": content for path, content in contracts.items()}


def _service(code: str, name_zh: str) -> dict[str, Any]:
    form = [
        ("xm", "XM", False),
        ("gh", "GH", False),
        ("zjh", "SFZJH", False),
        ("dh", "DH", True),
        ("yt", "", True),
    ]
    materials = ["M-ID", "M-STATUS", "M-PAY", "M-HOUSEHOLD", "M-PHONE", "M-GAP", "M-SEAL"]
    return {
        "code": code,
        "nameZh": name_zh,
        "leadUnit": "RS",
        "audience": ["staff"],
        "kind": "证明",
        "caseType": "即办件",
        "promisedLimit": {"value": 0, "unit": "workday"},
        "channels": ["online"],
        "onlineDepth": "IV",
        "visits": 0,
        "form": [
            {"field": field, "nameZh": field, "element": element, "editable": editable}
            for field, element, editable in form
        ],
        "materials": [{"material": one, "necessity": "required"} for one in materials],
        "steps": [{"seq": 1, "nameZh": "受理", "unit": "RS", "role": "system"}],
        "legalBasis": [{"title": "试验"}],
        "claims": [{"element": "DW", "predicate": "in:物理系,化学系"}],
    }


def _demand(
    number: str, client: str, service: str, elements: Sequence[str], decision: Mapping[str, Any], **more: Any
) -> dict[str, Any]:
    return {
        "demandId": number,
        "requesterUnit": "RS",
        "purpose": {"serviceItem": service},
        "elements": list(elements),
        "basis": "校人〔2025〕7号",
        "ground": "statutory_duty",
        "client": client,
        "frequency": "per_case",
        "retention": "结案后 30 日销毁",
        "validFrom": "2026-01-01",
        "validTo": "2099-12-31",
        "decision": dict(decision),
    } | more


def catalog() -> Catalog:
    """Return the campus's catalog, checked."""
    return catalogs.load(files())


def publish(
    con: psycopg.Connection,
    content: Catalog,
    rows: Mapping[str, Sequence[Mapping[str, Any]]],
    taken_at: datetime | None = None,
    outcomes: Mapping[str, str] | None = None,
) -> int:
    """Publish a release that adds these rows to the store; returns its number.

    Args:
        con: the owner's connection.
        content: the catalog.
        rows: resource → rows; `_state` is reported unless a row says otherwise.
        taken_at: when the extracts were taken; default: now.
        outcomes: resource → outcome where it is not applied.
    """
    at = taken_at or now() - timedelta(minutes=5)
    with releases.open_candidate(content, pack(content.files)) as opened:
        for name, own in rows.items():
            extract = _extract(con, content, name, len(own), at)
            for row in own:
                _insert(con, content, name, row, extract, opened.id)
            con.execute(
                "INSERT INTO yici.release_resource (release, resource, extract_id, outcome, rows_in, admitted,"
                " quarantined, inserted, ended, seconds, judged) VALUES (%s, %s, %s, %s, %s, %s, 0, %s, 0, 0, %s)",
                [opened.id, name, extract, (outcomes or {}).get(name, "applied"), *[len(own)] * 3, [extract]],
            )
        identity.update(opened.con, opened.id, content)
        releases.publish(opened, list(content.resources.values()), {})
        return opened.id


def _extract(con: psycopg.Connection, content: Catalog, name: str, rows: int, at: datetime) -> int:
    (number,) = con.execute("SELECT nextval('yici.extract_id')").fetchone()
    con.execute(
        "INSERT INTO yici.extract (id, resource, ordinal, mode, scope, taken_at, finished_at, rows, excluded_rows,"
        " path, digest, contract_version, contract_hash, state, seconds) VALUES (%s, %s, %s, 'full',"
        """ '{"kind": "full", "lists_keys": true}', %s, %s, %s, 0, '', '', '1.0.0', %s, 'landed', 0)""",
        [number, name, number, at, at, rows, shape_hash(content.resources[name])],
    )
    return number


def _insert(
    con: psycopg.Connection, content: Catalog, name: str, row: Mapping[str, Any], extract: int, release: int
) -> None:
    resource = content.resources[name]
    sealed = sealed_columns(resource, SOURCE_SUFFIX)
    values = {column: row.get(column) for column, _, _ in value_columns(resource)}
    for column, context in sealed.items():
        if (value := values[column]) is not None:
            values[column] = ring().seal(
                str(value).lower() if isinstance(value, bool) else str(value), context
            )
    values |= {"_extract": extract, "_state": row.get("_state", "reported"), "_from": release}
    if values["_state"] != "reported":
        values["_last_extract"] = extract
    table, key = sql.Identifier("store", resource.table), resource.key
    con.execute(
        sql.SQL("UPDATE {} SET _to = {} WHERE _to IS NULL AND {}").format(
            table,
            sql.Literal(release),
            sql.SQL(" AND ").join(
                sql.SQL("{} = {}").format(sql.Identifier(one), sql.Literal(values[one])) for one in key
            ),
        )
    )
    con.execute(
        sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            table,
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(map(sql.Literal, values.values())),
        )
    )
