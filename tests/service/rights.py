"""The small campus with an affiliated school: pupils, their guardians, notices, what applicants declare themselves."""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import catalogs
from catalogs.model import Catalog
from catalogs.settings import now
from tests.service import campus, desk
from tests.service.campus import contract, item
from tests.service.desk import CANARY

PLACE, BADGE = "S-PLACE", "S-BADGE"
BANK, SCHOOL, PHONE = "N-BANK", "N-SCHOOL", "N-PHONE"


def born(years: int, days: int = 0) -> str:
    """Return the birth date of somebody who was so old so many days ago."""
    day = now().date() - timedelta(days=days)
    return date(day.year - years, day.month, min(day.day, 28)).isoformat()


_PUPILS = [
    ("P08", "小甲", "110101201801010010", born(8, 60), "二班"),
    ("P15", "小乙", "110101201101010028", born(15, 60), "九班"),
    ("P19", "小丙", "110101200701010037", born(19, 60), None),
    ("P00", "小丁", "110101201901010046", None, "一班"),
    ("P09", "小戊", "110101201701010055", born(9, 60), "三班"),
]
PUPILS: list[dict[str, Any]] = [
    {"pupil_no": number, "name": f"{CANARY}{name}", "id_no": id_no, "born_on": born_on, "class": class_}
    for number, name, id_no, born_on, class_ in _PUPILS
]
# T001 is the guardian of the child of eight, and was that of the one who is of age now.
GUARDIANS = [{"pupil_no": pupil, "guardian_no": "T001"} for pupil in ("P08", "P19", "P15")]
ROWS = desk.ROWS | {"school.pupils": PUPILS, "school.guardians": GUARDIANS}
PAPER = {"reference": "户口簿核验 2026-17", "valid_from": "2026-01-01", "valid_to": "2099-12-31"}


def notice(name: str, version: str, valid_from: str, **changes: Any) -> dict[str, Any]:
    """Return one version of a notice."""
    return {
        "notice": name,
        "version": version,
        "titleZh": "处理个人信息告知书",
        "titleEn": "Notice",
        "purposeZh": "核验身份",
        "purposeEn": "To check who you are",
        "textZh": f"第{version}版",
        "textEn": f"Version {version}",
        "serviceItems": [campus.TRANSFER],
        "elements": ["SFZJH", "XH"],
        "retention": "结案后 30 日",
        "validFrom": valid_from,
    } | changes


def files() -> dict[str, bytes]:
    """Return the campus's catalog as files."""
    found = campus.files()
    source = {"authoritative": True}
    subject = {
        "type": "person", "key": "pupil_no", "idType": "pupil_no", "populations": ["pupil"],
        "identity": {"number": "id_no", "type": "=1", "country": "=CHN", "name": "name", "birthday": "born_on"},
    }  # fmt: skip
    found["resources/school/pupils.odcs.yaml"] = contract(
        "school.pupils", "附校学生", "FX", subject,
        [
            item("pupil_no", "学号", key=1), item("name", "姓名", element="XM", **source),
            item("id_no", "证件号", element="SFZJH", **source),
            item("born_on", "出生日期", "date", element="CSRQ", **source),
            item("class", "班级", element="BJ", **source),
        ],
    )  # fmt: skip
    found["resources/school/guardians.odcs.yaml"] = contract(
        "school.guardians", "监护人", "FX", {"type": "person", "key": "pupil_no", "idType": "pupil_no"},
        [item("pupil_no", "学号", key=1), item("guardian_no", "监护人工号", key=2)],
    )  # fmt: skip
    more = {
        "systems.yaml": [{"system": "school", "nameZh": "附校", "provider": "FX", "kind": "sqlite", "file": "env:F"}],
        "services/all.yaml": [_service(PLACE, "入学登记"), _service(BADGE, "校牌补办") | {"guardianUntil": 14}],
        "demands/all.yaml": [
            _demand("D-10", PLACE, ["XM", "BJ", "SFZJH"], assessment="PIA-1"),
            _demand("D-11", PLACE, ["CSRQ"]),
            _demand("D-12", BADGE, ["XM", "BJ", "CC", "JJDH", "XZ", "DH"], assessment="PIA-2", unmasked=["DH"]),
            _demand("D-16", PLACE, ["JJDH"], notice=PHONE, assessment="PIA-4"),
            _demand("D-15", BADGE, ["XM", "JJDH"], client=campus.PORTAL),
            _demand("D-13", campus.TRANSFER, ["SFZJH", "DW"], notice=BANK, assessment="PIA-3"),
            _demand("D-14", campus.TRANSFER, ["DW"], client=campus.PORTAL, notice=SCHOOL, ground="consent"),
        ],
    }  # fmt: skip
    for path, entries in more.items():
        found[path] = json.dumps([*json.loads(found[path]), *entries], ensure_ascii=False).encode()
    notices = [
        notice(BANK, "1", "2026-01-01"),
        notice(SCHOOL, "1", "2026-01-01", elements=["DW", "BJ"]),
        notice(PHONE, "1", "2026-01-01", elements=["JJDH"], serviceItems=[PLACE]),
    ]
    found["notices.yaml"] = json.dumps(notices, ensure_ascii=False).encode()
    added = {
        "units.csv": "FX,附属学校,School,,机关,,post:a,post:b,,,2000-01-01,\n",
        "elements.csv": "CSRQ,出生日期,Born on,D,,person,,2,personal,,,\nBJ,班级,Class,C,,person,,2,minor,,,\n"
        'CC,服装尺码,Size,N,,person,,1,personal,,,\nJJDH,紧急联系电话,Emergency,C,,person,,3,personal,"keep:3,4",phone_cn,\n'
        "XZ,选择,Choice,C,check_results,person,,1,personal,,,\n",
    }
    for path, text in added.items():
        found[path] += text.encode()
    found["populations.csv"] = found["populations.csv"].replace(b"precedence,note", b"precedence,minors,note")
    found["populations.csv"] = (
        b"\n".join(
            line if number == 0 or not line else line + b","
            for number, line in enumerate(found["populations.csv"].split(b"\n"))
        )
        + "pupil,附校学生,Pupils,person,,,,60,true,\n".encode()
    )
    own = json.loads(found["campus.yaml"])
    guardians = {"resource": "school.guardians", "item": "guardian_no", "idType": "staff_no"}
    own["minors"] = {"birthDate": "CSRQ", "guardians": guardians}
    found["campus.yaml"] = json.dumps(own, ensure_ascii=False).encode()
    return found


def _service(code: str, name_zh: str) -> dict[str, Any]:
    fields = {"xm": "XM", "bj": "BJ", "cc": "CC", "jjdh": "JJDH", "xz": "XZ", "dh": "DH", "yt": ""}
    declared = ("CC", "JJDH", "XZ", "DH")
    return campus._service(code, name_zh) | {
        "form": [
            {
                "field": field,
                "nameZh": field,
                "element": element,
                "editable": element in ("", *declared),
                "declared": element in declared,
            }
            for field, element in fields.items()
        ],
        "materials": [{"material": "M-PHONE", "necessity": "required"}],
    }


def _demand(
    number: str, service: str, elements: list[str], client: str = campus.HALL, **more: Any
) -> dict[str, Any]:
    decision: Mapping[str, Any] = {"state": "granted", "by": ["post:b"], "on": "2026-01-01"}
    return campus._demand(number, client, service, elements, decision, **more)


def catalog() -> Catalog:
    """Return the campus's catalog, checked."""
    return catalogs.load(files())


def party(role: str, id_type: str, number: str, **more: Any) -> dict[str, Any]:
    """Return a party of a case."""
    return {"role": role, "id_type": id_type, "id": number} | more
