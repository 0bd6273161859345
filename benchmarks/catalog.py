"""A made-up catalog of any size: content files that pass the check without a fault or a warning.

What checks, lists and exports are measured on. Deterministic: the same sizes give the same bytes. It is shaped as a
grown campus: each resource is the source of some elements, copies others and keeps technical items of its own; two
service items in three decide something and stand on the power list; every second one has a granted demand.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

Row = dict[str, Any]

_UNITS = 30
_SYSTEMS = 20
_SITES = ("东校区", "西校区")
# Of every resource's items: sources of elements, copies of others' elements; the rest is technical.
_OWN, _COPIES = 8, 12
_FORM_FIELDS, _MATERIALS = 10, 4
# Share types of the resources, in turn.
_SHARES = ("unconditional", "conditional", "conditional", "conditional", "none")


def made_up(resources: int, items: int, services: int) -> dict[str, bytes]:
    """Return the content files of a catalog (relative POSIX path → bytes), as `catalogs.load` takes them.

    Args:
        resources: number of contracts, at least 1.
        items: items of each contract, at least 24.
        services: number of service items; materials, powers and demands grow with them.
    """
    own_elements = [f"E{number:06d}" for number in range(resources * _OWN)]
    files: dict[str, str] = {
        "campus.yaml": _mapping(_campus()),
        "systems.yaml": _list(_system(number) for number in range(_SYSTEMS)),
        "units.csv": _units(),
        "elements.csv": _elements(own_elements),
        "codes/index.csv": "table,norm,version,nameZh,status\nsex,GB/T 2261.1,2003,性别,V\n",
        "codes/sex.csv": "code,nameZh\n0,未知\n1,男\n2,女\n9,未说明\n",
        "populations.csv": (
            "code,nameZh,subjectType,register,rule,precedence\n"
            f"everybody,全体师生,person,{_resource_name(0)},person_no IS NOT NULL,1\n"
        ),
        "calendar.csv": "day,to,kind,working\n2026-01-01,2027-12-31,教学,\n",
        "clients.yaml": _list([{"client": "hall", "nameZh": "办事大厅", "unit": "U00"}]),
        "materials.yaml": _list(_material(number, own_elements) for number in range(_materials(services))),
        "powers.yaml": _list(_power(number) for number in range(services) if _decides(number)),
    }
    for number in range(resources):
        files[f"resources/{_system_code(number)}/r{number:05d}.odcs.yaml"] = _contract(
            number, items, own_elements
        )
    for number in range(services):
        files[f"services/{_service_code(number)}.yaml"] = _mapping(_service(number, services, own_elements))
        if number % 2 == 0:
            files[f"demands/D-{number:05d}.yaml"] = _mapping(_demand(number, services, own_elements))
    return {path: text.encode() for path, text in sorted(files.items())}


def _scalar(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _mapping(data: Mapping[str, Any], indent: str = "") -> str:
    """Block style to the depth at which people write it, flow style below; every string quoted."""
    lines = []
    for key, value in data.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            lines += [f"{indent}{key}:", *(f"{indent}  - {_scalar(row)}" for row in value)]
        else:
            lines.append(f"{indent}{key}: {_scalar(value)}")
    return "\n".join(lines) + "\n"


def _list(rows: Iterable[Mapping[str, Any]]) -> str:
    return "".join("- " + _mapping(row, "  ")[2:] for row in rows)


def _unit(number: int) -> str:
    return f"U{number % _UNITS:02d}"


def _system_code(number: int) -> str:
    return f"s{number % _SYSTEMS:02d}"


def _resource_name(number: int) -> str:
    return f"{_system_code(number)}.r{number:05d}"


def _service_code(number: int) -> str:
    return f"SX-{number:05d}"


def _materials(services: int) -> int:
    return max(_MATERIALS, services // 10)


def _decides(number: int) -> bool:
    return number % 3 != 0


def _campus() -> Row:
    return {
        "code": "BENCH",
        "nameZh": "量度大学",
        "nameEn": "University of Measure",
        "timeZone": "Asia/Shanghai",
        "sites": [{"code": str(n), "nameZh": name} for n, name in enumerate(_SITES, start=1)],
        "goals": [
            {"id": "G1", "dueOn": "2019-06-30", "measure": "at_most_once", "share": 0.8, "excludes": "special",
             "nameZh": "80%以上事项实现最多跑一次"},
            {"id": "G2", "dueOn": "2020-12-31", "measure": "online", "share": 1.0, "nameZh": "网上办事全覆盖"},
        ],
        "unified": ["mainItem", "code", "legalBasis", "materials", "guideFlow", "steps", "promisedLimit", "form"],
    }  # fmt: skip


def _system(number: int) -> Row:
    name = f"YICI_BENCH_{number}"
    return {
        "system": _system_code(number),
        "nameZh": f"业务系统{number}",
        "provider": _unit(number),
        "kind": "postgres",
        "host": f"env:{name}_HOST",
        "password": f"env:{name}_PASSWORD",
        "delivers": "02:00",
    }


def _units() -> str:
    lines = ["code,nameZh,nameEn,parent,kind,accountable,steward,contact"]
    lines.append("BENCH,量度大学,University of Measure,,学校,post:head,post:data,post:clerk")
    for number in range(_UNITS):
        code = _unit(number)
        low = code.lower()
        lines.append(
            f"{code},部门{number},Unit {number},BENCH,机关,post:{low}-head,post:{low}-data,post:{low}-clerk"
        )
    return "\n".join(lines) + "\n"


def _elements(own_elements: list[str]) -> str:
    lines = ["code,nameZh,type,subjectType,dataLevel,piClass,mask", "RYH,人员号,C,person,2,personal,"]
    for number, code in enumerate(own_elements):
        personal = ("4,sensitive,hide", "2,personal,", "1,none,")[number % 3]
        lines.append(f"{code},数据元{number},C,person,{personal}")
    return "\n".join(lines) + "\n"


def _item(name: str, business_name: str, keys: Row, **custom: Any) -> Row:
    properties = [{"property": key, "value": value} for key, value in custom.items()]
    return {
        "name": name,
        "physicalName": name.upper(),
        "businessName": business_name,
        "logicalType": "string",
        **keys,
        **({"customProperties": properties} if properties else {}),
    }


def _items(number: int, count: int, own_elements: list[str]) -> list[Row]:
    key: Row = {"element": "RYH"}
    if number:
        key |= {"authoritative": False, "derivedFrom": f"{_resource_name(0)}.person_no"}
    rows = [
        _item("person_no", "人员号", {"required": True, "primaryKey": True, "primaryKeyPosition": 1}, **key)
    ]
    for position in range(_OWN):
        rows.append(
            _item(f"own_{position}", f"自有项{position}", {}, element=own_elements[number * _OWN + position])
        )
    for position in range(_COPIES):
        if number == 0:
            rows.append(_item(f"copy_{position}", f"备用项{position}", {}))
            continue
        source = (number * 7 + position * 13) % number
        place = position % _OWN
        rows.append(
            _item(
                f"copy_{position}", f"引用项{position}", {}, element=own_elements[source * _OWN + place],
                authoritative=False, derivedFrom=f"{_resource_name(source)}.own_{place}",
            )
        )  # fmt: skip
    return rows + [_item(f"x_{place}", f"内部项{place}", {}) for place in range(count - len(rows))]


def _contract(number: int, count: int, own_elements: list[str]) -> str:
    name, unit = _resource_name(number), _unit(number % _SYSTEMS)
    table = name.partition(".")[2]
    share = _SHARES[number % len(_SHARES)]
    custom: Row = {
        "system": _system_code(number),
        "resourceCode": f"3{number % 90 + 10:02d}001/{number:06d}",
        "category": f"部门/主题{number % 90 + 10}/综合",
        "shareType": share,
        **({"shareCondition": "按服务事项逐项申请"} if share == "conditional" else {}),
        **({"noShareBasis": "校信〔2025〕1号"} if share == "none" else {}),
        "tier": ("public", "campus", "campus")[number % 3],
        "secrecy": "none",
        "dataLevel": "2",
        "subset": "GXBG",
        "updateCycle": "daily",
        "publishedOn": "2026-01-01",
        "retention": "长期",
        "isOpen": False,
        "ingest": {"mode": "full", "onAbsence": "keep"},
        "subject": {
            "type": "person",
            "key": "person_no",
            "idType": "person_no",
            "populations": ["everybody"],
        },
        "authoritative": True,
    }
    rules = [
        {"id": f"rule-{place}", "type": "sql", "dimension": "consistency", "severity": "error", "mustBe": 0,
         "query": f"SELECT COUNT(*) FROM ${{object}} WHERE x_{place} = own_{place} AND own_{place} > 'R{number}'"}
        for place in range(2)
    ]  # fmt: skip
    head = {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": name.replace(".", "-"),
        "name": name,
        "version": "1.0.0",
        "status": "active",
        "description": {"purpose": f"资源{number}: 一行一人"},
        "team": {
            "name": f"部门{unit}",
            "members": [
                {"username": f"post:{unit.lower()}-head", "role": "accountable"},
                {"username": f"post:{unit.lower()}-data", "role": "steward"},
            ],
        },
        "customProperties": [{"property": key, "value": value} for key, value in custom.items()],
    }
    schema = f'schema:\n  - name: "{table}"\n    physicalName: "T_{table.upper()}"\n    businessName: "资源{number}"\n'
    body = _mapping({"properties": _items(number, count, own_elements), "quality": rules}, "    ")
    return _mapping(head) + schema + body


def _material(number: int, own_elements: list[str]) -> Row:
    first = number * 5 % len(own_elements)
    row: Row = {
        "code": f"M-{number:05d}",
        "nameZh": f"材料{number}",
        "kind": ("证明", "证件证照", "申请表单", "批文")[number % 4],
        "source": "校内部门核发" if number % 4 != 2 else "申请人自备",
        "issuer": _unit(number),
        "form": ["纸质", "电子"],
        "originalRequired": False,
        "facts": [
            {"element": own_elements[(first + step) % len(own_elements)], "predicate": "is_known"}
            for step in range(2)
        ],
    }
    if number % 4 == 2:
        row |= {
            "sample": f"sample/m-{number}.pdf",
            "blank": f"blank/m-{number}.docx",
            "onlinePath": f"办事大厅 → 材料{number}",
        }
    if any(_is_closed(fact["element"]) for fact in row["facts"]):
        row["gap"] = "不予共享"
    return row


def _is_closed(element: str) -> bool:
    """Whether the resource that is the element's source is one of those that are not shared."""
    return _SHARES[int(element[1:]) // _OWN % len(_SHARES)] == "none"


def _power(number: int) -> Row:
    return {
        "code": f"P-{number:05d}",
        "nameZh": f"权力{number}",
        "kind": "审批",
        "lists": ["权责", "审批"],
        "basis": "校办〔2024〕2号",
        "subject": "量度大学",
        "unit": _unit(number),
        "duties": "受理、审核、决定、送达",
        "dutyBasis": "校办〔2024〕2号",
        "accountablePersons": "岗位责任人",
        "accountableFor": "超时限办理",
        "phone": "内线6107",
        "batch": number % 3 + 1,
        "publishedOn": "2026-01-01",
        "status": "active",
        "serviceItems": [_service_code(number)],
    }


def _fields(number: int, own_elements: list[str]) -> list[str]:
    return [own_elements[(number * 11 + place * 3) % len(own_elements)] for place in range(_FORM_FIELDS)]


def _used_materials(number: int, services: int) -> list[str]:
    return [f"M-{(number + place * 3) % _materials(services):05d}" for place in range(_MATERIALS)]


def _steps(lead: str, joint: str) -> list[Row]:
    def step(seq: int, name: str, unit: str, days: int, **keys: Any) -> Row:
        limit = {"value": days, "unit": "workday"}
        return {
            "seq": seq,
            "code": f"S{seq:02d}",
            "nameZh": name,
            "unit": unit,
            "role": "clerk",
            "limit": limit,
        } | keys

    together = {"parallelGroup": "both", "join": "all", "onReturn": "restartAll"}
    return [
        step(1, "受理", lead, 1),
        step(2, "审核", lead, 2, **together),
        step(3, "会签", joint, 2, **together),
        step(4, "办结", lead, 1),
    ]


def _service(number: int, services: int, own_elements: list[str]) -> Row:
    code, lead, joint = _service_code(number), _unit(number), _unit(number + 1)
    decides = _decides(number)
    return {
        "code": code,
        "taskCode": f"BENCH-{code}-01",
        "nameZh": f"服务事项{number}",
        "nameEn": f"Service item {number}",
        "version": "1.0.0",
        "status": "active",
        "publishedOn": "2026-01-01",
        "batch": number % 3 + 1,
        "description": f"办理第{number}号业务。",
        "leadUnit": lead,
        "jointUnits": [joint],
        "audience": ["student"] if number % 2 else ["staff"],
        "kind": "审批" if decides else "证明",
        "theme": "综合",
        "legalBasis": [{"title": "量度大学办事规程", "no": "校办〔2024〕2号", "clause": f"第{number % 40 + 1}条"}],
        "acceptConditions": "在校在职师生。",
        "refusal": "身份核验不通过的不受理。",
        "caseType": "承诺件",
        "promisedLimit": {"value": 5, "unit": "workday"},
        "channels": ["online", "window"],
        "onlineDepth": "III",
        "visits": 1,
        "visitReason": "须到场核验原件",
        "coordination": "联办单位在线核验",
        **({"power": f"P-{number:05d}"} if decides else {}),
        "form": [
            {"field": f"f{place}", "nameZh": f"字段{place}", "element": element, "editable": False}
            for place, element in enumerate(_fields(number, own_elements))
        ],
        "materials": [
            {"material": code, "necessity": "required"} for code in _used_materials(number, services)
        ],
        "steps": _steps(lead, joint),
        "result": {"nameZh": "办理通知", "kind": "出文", "sample": f"sample/{code.lower()}.pdf", "delivery": ["电子"]},
        "fee": {"charged": False},
        "urls": {"online": f"https://hall.bench.example/{code}"},
        "places": [
            {"campus": site, "address": f"{site}大厅", "hours": "周一至周五 8:30–17:00", "window": "综合窗口"}
            for site in _SITES
        ],
        "contacts": [
            {"unit": unit, "post": f"post:{unit.lower()}-clerk", "phone": "内线6000"} for unit in (lead, joint)
        ],
        "consult": {"unit": lead, "phone": "内线6000"},
        "complaint": {"unit": "BENCH", "phone": "内线6110"},
        "faq": [{"q": "多久办结?", "a": "五个工作日。"}],
        "current": "线下填表",
        "target": {"date": "2026-12-31", "mode": "online", "text": "网上受理, 现场最多一次"},
    }  # fmt: skip


def _demand(number: int, services: int, own_elements: list[str]) -> Row:
    elements = [code for code in dict.fromkeys(_fields(number, own_elements)) if not _is_closed(code)]
    unit = _unit(number)
    return {
        "demandId": f"D-{number:05d}",
        "requesterUnit": unit,
        "contact": f"post:{unit.lower()}-clerk",
        "purpose": {"serviceItem": _service_code(number)},
        "replaces": _used_materials(number, services)[:1],
        "elements": elements,
        "basis": f"校办〔2024〕2号第{number % 40 + 1}条",
        "ground": "statutory_duty",
        "scope": "仅在办案件的申请人本人, 仅列明的数据元",
        "client": "hall",
        "mode": "service_api",
        "frequency": "per_case",
        "retention": "结案后 30 日销毁",
        "undertaking": "数据使用承诺书",
        "assessment": f"PIA-{number:05d}",
        "validFrom": "2026-01-01",
        "validTo": "2027-12-31",
        "decision": {
            "state": "granted",
            "by": [f"post:{unit.lower()}-data", "post:data"],
            "on": "2026-01-01",
        },
    }
