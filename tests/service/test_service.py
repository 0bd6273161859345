"""From a landed extract, judged row by row, to an answered query: the service on a release as runs make it."""

import catalogs
from service.app import create_app
from tests.service import campus as served
from tests.service.conftest import service_url
from tests.service.desk import Desk
from tests.support import campus
from tests.support.http import asgi_server
from warehouse.connect import connect

_REGISTERS = {
    "elements.csv": """code,nameZh,nameEn,type,codeTable,subjectType,population,dataLevel,piClass,mask,format,norm
XM,姓名,Name,string,,person,,2,personal,,,
XBM,性别,Sex,string,sex,person,,2,personal,,,
SFZJH,身份证件号,Document number,string,,person,,3,sensitive,"keep:6,4",,
""",
    "codes/index.csv": "table,norm,version,nameZh,status\nsex,GB/T 2261.1,2003,性别,V\n",
    "codes/sex.csv": "code,nameZh,nameEn,parent,validFrom,validTo\n1,男,male,,,\n2,女,female,,,\n",
}


def content() -> catalogs.Catalog:
    """The staff register of the warehouse's tests, with elements, a service item and a decided demand."""
    files = dict(campus.catalog().files)
    contract = files["resources/hr/staff.odcs.yaml"].decode()
    for item, element in (("name", "XM"), ("id_no", "SFZJH")):
        line = next(part for part in contract.splitlines() if f'name: "{item}",' in part)
        contract = contract.replace(
            line, line[:-1] + f', customProperties: [{{property: "element", value: "{element}"}}]}}'
        )
    contract = contract.replace(
        'customProperties: [{property: "codeMap"',
        'customProperties: [{property: "element", value: "XBM"}, {property: "codeMap"',
    )
    contract = contract.replace(
        '  - {property: "updateCycle"',
        '  - {property: "authoritative", value: true}\n  - {property: "updateCycle"',
    )
    others = served.files()
    files |= {name: text.encode() for name, text in _REGISTERS.items()}
    files["resources/hr/staff.odcs.yaml"] = contract.encode()
    files["units.csv"] = others["units.csv"]
    files["services/one.yaml"] = """code: "S-EMPLOYED"
nameZh: "在职证明"
leadUnit: "RS"
audience: ["staff"]
kind: "证明"
caseType: "即办件"
promisedLimit: {value: 0, unit: "workday"}
channels: ["online"]
onlineDepth: "IV"
visits: 0
form: [{field: "xm", nameZh: "姓名", element: "XM", editable: false}]
materials: []
steps: [{seq: 1, nameZh: "受理", unit: "RS", role: "system"}]
""".encode()
    files["demands/one.yaml"] = """demandId: "D-1"
requesterUnit: "RS"
purpose: {serviceItem: "S-EMPLOYED"}
elements: ["XM", "XBM", "SFZJH"]
basis: "校人〔2025〕7号"
ground: "statutory_duty"
client: "hall"
validFrom: "2020-01-01"
validTo: "2099-12-31"
decision: {state: "granted", by: ["post:b"], "on": "2025-08-25"}
""".encode()
    return catalogs.load(files)


def test_a_landed_row_is_answered_and_a_quarantined_one_never(tmp_path, pg_database, monkeypatch):
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    monkeypatch.setenv("YICI_SERVICE_DATABASE_URL", service_url(pg_database))
    monkeypatch.setenv("YICI_HOME", str(tmp_path))
    house = campus.Warehouse(tmp_path, content())
    rows = [campus.row(number) for number in range(3, 40)]
    rows += [campus.row(1, id_no="11010519491231002X"), campus.row(2, born_on="1980-02-30")]
    house.land(rows)
    house.release()
    with asgi_server(create_app()) as url, connect(autocommit=True) as owner:
        desk = Desk(url, house.catalog, owner, tmp_path)
        desk.register("hall", tmp_path)
        facts = desk.facts(["XM", "XBM", "SFZJH"], {"id_type": "staff_no", "id": "00001"}).json()["facts"]
        assert facts["XM"]["value"] == "试1"
        assert (facts["XBM"]["value"], facts["XBM"]["code"]) == ("男", "1")
        assert (facts["SFZJH"]["value"], facts["SFZJH"]["masked"]) == ("110105********002X", True)
        refused = desk.facts(["XM"], {"id_type": "staff_no", "id": "00002"})
        assert (refused.status_code, refused.json()["code"]) == (404, "SUBJECT_NOT_FOUND")
