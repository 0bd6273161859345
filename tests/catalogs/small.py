"""A small made-up campus as files, and the means to change one thing in it."""

from typing import Any

from catalogs.publish import dump_yaml

Files = dict[str, bytes]

STAFF = "resources/hr/staff.odcs.yaml"
STUDENTS = "resources/academic/students.odcs.yaml"
AWARDS = "resources/academic/awards.odcs.yaml"
SERVICE = "services/rs-001.yaml"
DEMAND = "demands/d-001.yaml"


def props(**values: Any) -> list[dict[str, Any]]:
    """Return customProperties."""
    return [{"property": key, "value": value} for key, value in values.items()]


def item(
    name: str, element: str = "", kind: str = "string", custom: dict[str, Any] | None = None, **keys: Any
) -> dict:
    """Return one ODCS property."""
    own = {"element": element} if element else {}
    own |= custom or {}
    return {"name": name, "logicalType": kind, **keys, **({"customProperties": props(**own)} if own else {})}


def key_item(name: str, element: str = "", **keys: Any) -> dict:
    """Return one ODCS property that is the key."""
    return item(name, element, required=True, primaryKey=True, primaryKeyPosition=1, **keys)


def row_rule(rule_id: str, condition: str, **keys: Any) -> dict:
    """Return one ODCS SQL rule that counts breaking rows."""
    return {
        "id": rule_id,
        "type": "sql",
        "severity": "error",
        "query": "SELECT COUNT(*) FROM ${object} WHERE " + condition,
        "mustBe": 0,
        **keys,
    }


def contract(
    name: str, items: list[dict], quality: list[dict] | None = None, **custom: Any
) -> dict[str, Any]:
    """Return a contract that is right unless the arguments make it wrong; None removes a custom property."""
    system, table = name.split(".")
    given = {
        "system": system,
        "resourceCode": f"3070201/{system}-{table}",
        "category": "部门/人事/教职工",
        "shareType": "unconditional",
        "tier": "public",
        "secrecy": "none",
        "updateCycle": "daily",
        "ingest": {"mode": "full", "onAbsence": "end"},
        "dataLevel": "2",
        "subset": "GXBG",
        "publishedOn": "2026-01-01",
        "retention": "长期",
        "isOpen": False,
    } | custom
    schema = {
        "name": table,
        "physicalName": f"t_{table}",
        "businessName": f"示例资源 {name}",
        "properties": items,
        "quality": quality or [row_rule("dated", f"{items[0]['name']} = ''")],
    }
    return {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": name.replace(".", "-"),
        "name": name,
        "version": "1.0.0",
        "status": "active",
        "description": {"purpose": f"{table} of the made-up campus"},
        "customProperties": props(**{key: value for key, value in given.items() if value is not None}),
        "schema": [schema],
    }


def staff(**custom: Any) -> dict[str, Any]:
    """Return the contract hr.staff."""
    given: dict[str, Any] = {
        "authoritative": True,
        "subject": {"type": "person", "key": "staff_no", "idType": "staff_no", "populations": ["staff"]},
        "ingest": {"mode": "full", "onAbsence": "keep_as_former", "exclude": "涉密 = '1'"},
    }
    items = [
        key_item("staff_no", "GH"),
        item("name", "XM", required=True),
        item("sex", "XB", custom={"codeMap": {"男": "1", "女": "2"}}),
        item("born_on", "CSRQ", "date"),
        item(
            "id_no",
            "SFZH",
            custom={"mask": "keep:6,4", "shareType": "conditional", "shareCondition": "逐项申请"},
        ),
        item("bank_card_no", "YHKH", custom={"shareType": "none", "noShareBasis": "校财〔2024〕12号"}),
    ]
    return contract("hr.staff", items, [row_rule("born", "born_on > DATE '2100-01-01'")], **(given | custom))


def students(**custom: Any) -> dict[str, Any]:
    """Return the contract academic.students."""
    given: dict[str, Any] = {
        "authoritative": True,
        "subject": {
            "type": "person",
            "key": "student_no",
            "idType": "student_no",
            "populations": ["student"],
        },
        "ingest": {"mode": "watermark", "watermark": "changed_at", "overlap_s": 3600},
    }
    items = [
        key_item("student_no", "XH"),
        item("name", "XM"),
        item("sex", "XB"),
        item("changed_at", kind="timestamp"),
    ]
    return contract("academic.students", items, **(given | custom))


def awards(**custom: Any) -> dict[str, Any]:
    """Return the contract academic.awards: many rows per student."""
    given: dict[str, Any] = {
        "authoritative": True,
        "many": True,
        "subject": {
            "type": "person",
            "key": "student_no",
            "idType": "student_no",
            "populations": ["student"],
        },
    }
    items = [
        key_item("award_no"),
        item(
            "student_no",
            "XH",
            custom={"derivedFrom": "academic.students.student_no"},
            relationships=[{"to": "academic.students.student_no"}],
        ),
        item("award", "JXMC"),
    ]
    return contract("academic.awards", items, **(given | custom))


def service_item(**changes: Any) -> dict[str, Any]:
    """Return the service item RS-001."""
    return {
        "code": "RS-001",
        "taskCode": "DEMO-RS-001-01",
        "nameZh": "在职证明",
        "nameEn": "Certificate of employment",
        "version": "1.0.0",
        "status": "active",
        "publishedOn": "2026-01-01",
        "description": "在职教职工开具在职证明。",
        "leadUnit": "RS",
        "jointUnits": ["CW"],
        "audience": ["staff"],
        "kind": "证明",
        "caseType": "即办件",
        "promisedLimit": {"value": 0, "unit": "workday"},
        "channels": ["online"],
        "onlineDepth": "IV",
        "visits": 0,
        "legalBasis": [{"title": "示例大学证明开具办法", "no": "校人〔2025〕7号", "clause": "第三条"}],
        "acceptConditions": "在职教职工。",
        "refusal": "已离职的不受理。",
        "urls": {"online": "https://hall.sample.example/RS-001"},
        "result": {"nameZh": "在职证明", "kind": "出证", "sample": "sample/rs-001.pdf", "delivery": ["电子"]},
        "fee": {"charged": False},
        "contacts": [
            {"unit": "RS", "post": "post:hr", "phone": "6301"},
            {"unit": "CW", "post": "post:cw", "phone": "6401"},
        ],
        "consult": {"unit": "RS", "phone": "6301"},
        "complaint": {"unit": "XX", "phone": "6110"},
        "faq": [{"q": "需要到现场吗?", "a": "不需要。"}],
        "current": "线下盖章",
        "target": {"date": "2026-12-31", "mode": "online", "text": "一趟不跑"},
        "form": [
            {"field": "xm", "nameZh": "姓名", "element": "XM", "editable": False},
            {"field": "sfzh", "nameZh": "证件号", "element": "SFZH", "editable": False},
            {"field": "yt", "nameZh": "用途", "element": "", "editable": True},
        ],
        "materials": [
            {
                "material": "M-ID",
                "necessity": "required",
                "proves": [{"element": "SFZH", "predicate": "is_known"}],
            },
            {"material": "M-FORM", "necessity": "required"},
            {"material": "M-BANK", "necessity": "optional", "condition": "代发奖金"},
        ],
        "steps": [
            {"seq": 1, "nameZh": "受理", "unit": "RS", "role": "clerk"},
            {"seq": 2, "nameZh": "核验", "unit": "CW", "role": "system"},
        ],
    } | changes


def materials() -> list[dict[str, Any]]:
    """Return the register of materials."""
    return [
        {
            "code": "M-ID",
            "nameZh": "身份证复印件",
            "kind": "证件证照",
            "source": "政府部门核发",
            "form": ["复印件"],
            "facts": [{"element": "SFZH", "predicate": "is_known"}],
        },
        {
            "code": "M-FORM",
            "nameZh": "申请表",
            "kind": "申请表单",
            "source": "申请人自备",
            "form": ["电子"],
            "onlinePath": "办事大厅 → 申请表",
            "sample": "sample/form.pdf",
            "blank": "blank/form.docx",
        },
        {
            "code": "M-BANK",
            "nameZh": "银行卡复印件",
            "kind": "证件证照",
            "source": "申请人自备",
            "form": ["复印件"],
            "gap": "不予共享",
            "facts": [{"element": "YHKH", "predicate": "is_known"}],
        },
    ]


def demand(**changes: Any) -> dict[str, Any]:
    """Return the granted demand D-001."""
    return {
        "demandId": "D-001",
        "requesterUnit": "RS",
        "contact": "post:hr",
        "scope": "仅在办案件的申请人本人",
        "mode": "service_api",
        "purpose": {"serviceItem": "RS-001"},
        "replaces": ["M-ID"],
        "elements": ["XM", "SFZH"],
        "basis": "校人〔2025〕7号",
        "ground": "statutory_duty",
        "client": "hall",
        "frequency": "per_case",
        "retention": "结案后 30 日销毁",
        "undertaking": "数据使用承诺书",
        "assessment": "PIA-001",
        "validFrom": "2026-01-01",
        "validTo": "2027-12-31",
        "decision": {"state": "granted", "by": ["post:office", "post:hr-data"], "on": "2026-01-01"},
    } | changes


UNITS = """code,nameZh,nameEn,parent,kind,uscc,accountable,steward,contact,successor,validFrom,validTo
XX,示例大学,Sample University,,学院,,post:head,post:head,,,,
RS,人事处,Personnel,XX,机关,,post:hr,post:hr-data,,,,
CW,财务处,Finance,XX,机关,,post:cw,post:cw-data,,,,
JW,教务处,Academic Affairs,XX,机关,,post:jw,post:jw-data,,,,
"""
ELEMENTS = """code,nameZh,nameEn,type,codeTable,subjectType,population,dataLevel,piClass,mask,format,norm
GH,工号,staff number,string,,person,,2,personal,,,
XH,学号,student number,string,,person,,2,personal,,,
XM,姓名,name,string,,person,,2,personal,,,
XB,性别,sex,string,sex,person,,2,personal,,,
CSRQ,出生日期,birth date,date,,person,,3,personal,,,
SFZH,身份证件号,document number,string,,person,,4,sensitive,"keep:3,4",,
YHKH,银行卡号,bank card,string,,person,,4,sensitive,"keep:0,4",,
JXMC,奖项名称,award,string,,person,,2,personal,,,
"""
SYSTEMS = [
    {"system": "hr", "nameZh": "人事系统", "provider": "RS", "kind": "files", "root": "env:YICI_HR_DROP"},
    {
        "system": "academic",
        "nameZh": "教务系统",
        "provider": "JW",
        "kind": "postgres",
        "host": "env:YICI_ACADEMIC_HOST",
        "password": "env:YICI_ACADEMIC_PASSWORD",
        "delivers": "02:00",
    },
]
CALENDAR = (
    "day,to,kind,event\n2026-01-01,,法定节假,元旦\n2026-01-04,,调休上班,\n2026-01-05,2026-01-11,教学,\n"
)


def as_bytes(data: Any) -> bytes:
    """Return YAML with every string quoted."""
    return dump_yaml(data).encode()


def campus(changes: dict[str, Any] | None = None) -> Files:
    """Return a campus that loads without a fault; None removes a file.

    Values are bytes, text, or data to be written as YAML.
    """
    files: dict[str, Any] = {
        "campus.yaml": {"code": "DEMO", "nameZh": "示例大学", "timeZone": "Asia/Shanghai"},
        "systems.yaml": SYSTEMS,
        "units.csv": UNITS,
        "elements.csv": ELEMENTS,
        "codes/index.csv": "table,norm,version,nameZh,status\nsex,GB/T 2261.1,2003,性别,V\n",
        "codes/sex.csv": "code,nameZh,nameEn,parent,validFrom,validTo\n0,未知,,,,\n1,男,,,,\n2,女,,,,\n",
        "populations.csv": "code,nameZh,subjectType,register,rule,precedence\n"
        "staff,教职工,person,hr.staff,sex = '1' OR sex = '2',1\n"
        "student,学生,person,academic.students,student_no IS NOT NULL,2\n",
        "calendar.csv": CALENDAR,
        STAFF: staff(),
        STUDENTS: students(),
        AWARDS: awards(),
        SERVICE: service_item(),
        "materials.yaml": materials(),
        DEMAND: demand(),
    }
    return with_files(files, changes or {})


def with_files(files: dict[str, Any], changes: dict[str, Any]) -> Files:
    """Return files with some replaced, added or removed."""
    merged = files | changes
    written: Files = {}
    for path, value in merged.items():
        if value is None:
            continue
        if isinstance(value, str):
            value = value.encode()
        written[path] = value if isinstance(value, bytes) else as_bytes(value)
    return dict(sorted(written.items()))
