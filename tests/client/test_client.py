"""The client against the running service: what it brings home, and that an applicant always gets a form."""

import asyncio
import copy
import inspect
import json
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.jwk import KeySet, OKPKey, RSAKey

import yici.client
from scripts import client_types
from service import clients
from tests.client.conftest import client_of
from tests.service import campus
from tests.service.conftest import service_url
from tests.service.desk import CANARY, T001, Desk
from tests.support.http import free_port
from yici.client import (
    AsyncClient,
    Client,
    FormFolder,
    Person,
    ReceiptError,
    ReceiptFolder,
    ServiceProblem,
    public_keys,
    read_key,
)
from yici.client.receipts import checked

PERSON = Person("staff_no", "T001")


def queried(case_id: str, elements: list[str]) -> dict:
    return {
        "subject": T001,
        "service_item": campus.EMPLOYED,
        "case_id": case_id,
        "actor": {"user_id": "U1", "role": "officer"},
        "elements": elements,
    }


def test_the_types_are_those_of_the_openapi_document():
    told = "the API has changed: run python -m scripts.client_types"
    assert client_types.FILE.read_text(encoding="utf-8") == client_types.text(), told


def test_the_client_works_where_nothing_else_of_yici_is(tmp_path: Path):
    shutil.copytree(Path(yici.client.__file__).parent, tmp_path / "yici" / "client")
    (tmp_path / "yici" / "__init__.py").touch()
    done = subprocess.run(
        [sys.executable, "-c", "import yici.client, sys; print(yici.client.__file__, 'service' in sys.modules)"],
        cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.split() == [str(tmp_path / "yici" / "client" / "__init__.py"), "False"], done.stderr


def test_both_clients_have_the_same_methods_with_the_same_parameters():
    def methods(kind: type) -> dict[str, str]:
        found = inspect.getmembers(kind, inspect.isfunction)
        return {name: str(inspect.signature(one)) for name, one in found if not name.startswith("_")}

    assert methods(Client) == methods(AsyncClient)
    assert "prefill_or_blank" in methods(Client)


def test_a_form_fills_itself_and_says_what_became_of_it(at_desk: Desk, tmp_path):
    kept = ReceiptFolder(tmp_path / "receipts")
    with client_of(at_desk, on_receipt=kept) as hall:
        form = hall.prefill_or_blank(campus.EMPLOYED, PERSON, user_id="T001", external_no="H-1")
        assert not form.is_blank
        assert {one["field"] for one in form.filled} == {"xm", "gh", "zjh"}
        assert [one["material"] for one in form.spared] == ["M-ID", "M-STATUS", "M-PAY", "M-SEAL"]
        told = hall.reconcile(
            form.transaction_id,
            {"fields": [{"field": "xm", "source": "hr.staff", "outcome": "kept"}]},
        )
        assert told["noted"] == 1
        assert hall.change_case(form.case_id, {"status": "submitted"})["external_no"] == "H-1"
    (receipt,) = (tmp_path / "receipts").iterdir()
    assert receipt.name == f"{form.transaction_id}.jws"
    assert receipt.stat().st_mode & 0o077 == 0


def test_what_the_applicant_did_is_told_without_a_value(hall: Client):
    form = hall.prefill_or_blank(campus.EMPLOYED, PERSON, user_id="T001")
    fields = [{**one, "editable": True} for one in form.fields]
    opened = replace(form, fields=fields)
    values = {one["field"]: one["value"] for one in opened.filled}
    told = opened.outcomes({"xm": values["xm"], "gh": "another", "zjh": " "})
    assert {one["field"]: one["outcome"] for one in told} == {"xm": "kept", "gh": "changed", "zjh": "cleared"}
    assert CANARY not in str(told)
    assert {one["source"] for one in told} == {"hr.staff"}


def test_the_same_draft_is_one_case_however_often_its_page_is_read(hall: Client):
    ask = {"user_id": "T001", "external_no": "H-2", "idempotency_key": "draft H-2"}
    first = hall.prefill_or_blank(campus.EMPLOYED, PERSON, **ask)
    again = hall.prefill_or_blank(campus.EMPLOYED, PERSON, **ask)
    assert first.case_id == again.case_id != ""


def test_questions_statements_and_corrections_are_answered(hall: Client):
    case = hall.register_case({"service_item": campus.EMPLOYED, "parties": [{"role": "applicant", **T001}]})
    asked = queried(case["case_id"], ["XM"])
    assert hall.query_facts(asked)["facts"]["XM"]["status"] == "available"
    items = [{name: asked[name] for name in ("subject", "case_id", "actor")}] * 2
    batch = hall.batch_query({"service_item": campus.EMPLOYED, "elements": ["XM"], "items": items})
    assert [one["answer"]["facts"]["XM"]["status"] for one in batch["results"]] == ["available"] * 2
    statement = {name: value for name, value in asked.items() if name != "elements"}
    claims = hall.verify_claims(statement | {"claims": [{"element": "XM", "op": "eq", "value": "谁"}]})
    assert claims["claims"][0]["outcome"] == "no_match"
    assert hall.evaluate_access({"service_item": campus.EMPLOYED, "elements": ["XM"]})["allowed"]
    filed = hall.file_correction(statement | {"element": "ZT", "stated": "离职", "reason": "已离职"})
    assert hall.show_correction(filed["correction_id"])["state"] == "routed"
    assert hall.changes() == []


def test_an_answer_that_was_kept_is_composed_again_from_its_request_and_receipt(hall: Client, at_desk: Desk):
    case = hall.register_case({"service_item": campus.EMPLOYED, "parties": [{"role": "applicant", **T001}]})
    asked = queried(case["case_id"], ["XM"])
    answer = hall.query_facts(asked)
    kept = {"action": "facts", "request": asked, "receipt": answer["receipt"]}
    told = hall.replay(answer["transaction_id"], kept)
    assert (told["matches"], told["statuses"]) == (True, {"XM": "available"})
    assert CANARY not in str(told)

    async def again():
        key = at_desk.keys[campus.HALL]
        async with AsyncClient(at_desk.url, campus.HALL, key, http={"trust_env": False}) as one:
            return await one.replay(answer["transaction_id"], kept)

    assert asyncio.run(again()) == told
    with pytest.raises(ServiceProblem) as refused:
        hall.replay(answer["transaction_id"], kept | {"request": queried(case["case_id"], ["ZT"])})
    assert refused.value.code == "INVALID_PARAMETER"


def test_many_questions_are_handed_in_as_one_job_and_every_answer_has_its_receipt(
    at_desk: Desk, pg_module_database, as_owner, monkeypatch
):
    kept = []
    monkeypatch.setenv("YICI_HOME", str(at_desk.home))
    monkeypatch.setenv("YICI_SERVICE_DATABASE_URL", service_url(pg_module_database))
    with client_of(at_desk, on_receipt=kept.append) as hall:
        cases = [
            hall.register_case({"service_item": campus.EMPLOYED, "parties": [{"role": "applicant", **T001}]})
            for _ in range(3)
        ]
        items = [
            {"subject": T001, "case_id": one["case_id"], "actor": {"user_id": "U1", "role": "officer"}}
            for one in cases
        ]
        kept.clear()
        job = hall.file_job({"service_item": campus.EMPLOYED, "elements": ["XM"]}, items)
        subprocess.run([sys.executable, "-m", "service.working"], check=True, capture_output=True)
        results = hall.job_results(job["job_id"])
        assert [one["n"] for one in results] == [0, 1, 2]
        assert {one["answer"]["facts"]["XM"]["status"] for one in results} == {"available"}
        assert [one.transaction_id for one in kept] == [one["answer"]["transaction_id"] for one in results]
        assert [one["n"] for one in hall.job_results(job["job_id"], after=1)] == [2]
        assert hall.show_job(job["job_id"])["answered"] == 3
        assert hall.cancel_job(job["job_id"])["state"] in ("cancelled", "done")


def test_the_catalog_is_read(hall: Client):
    assert campus.EMPLOYED in {one["code"] for one in hall.service_items()}
    assert hall.service_item(campus.EMPLOYED)["form"][0]["field"] == "xm"
    assert hall.code_list("staff_status")["codes"][0]["code"] == "11"
    assert {one["material"] for one in hall.requirements(campus.EMPLOYED)} >= {"M-ID"}


def test_a_refusal_is_an_exception_that_names_the_rule_and_holds_no_value(hall: Client, at_desk: Desk):
    case_id = at_desk.case()
    with pytest.raises(ServiceProblem) as refused:
        hall.query_facts(queried(case_id, ["XM", "DH"]))
    assert (refused.value.code, refused.value.status) == ("ELEMENT_NOT_GRANTED", 403)
    assert not refused.value.is_retryable
    assert refused.value.errors == ({"pointer": "/elements/1", "code": "not_granted"},)
    assert refused.value.instance.startswith("urn:uuid:")
    assert "ELEMENT_NOT_GRANTED" in str(refused.value)
    assert "T001" not in str(refused.value)


def test_nothing_that_is_printed_by_chance_holds_a_value(hall: Client):
    form = hall.prefill_or_blank(campus.EMPLOYED, PERSON, user_id="T001")
    for text in (repr(form), repr(PERSON), repr(hall), repr(hall._core)):
        assert CANARY not in text
        assert "T001" not in text
        assert hall._core._token not in text


def test_many_threads_share_one_token(at_desk: Desk):
    before = len(at_desk.record("action = 'token' AND client_id = %s", campus.HALL))
    with client_of(at_desk) as hall, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: hall.service_items(), range(16)))
    assert len(at_desk.record("action = 'token' AND client_id = %s", campus.HALL)) == before + 1


def test_coroutines_share_one_token_and_get_the_same_answers(at_desk: Desk):
    before = len(at_desk.record("action = 'token' AND client_id = %s", campus.HALL))

    async def ask():
        key = at_desk.keys[campus.HALL]
        async with AsyncClient(at_desk.url, campus.HALL, key, http={"trust_env": False}) as hall:
            await asyncio.gather(*(hall.service_items() for _ in range(8)))
            return await hall.prefill_or_blank(campus.EMPLOYED, PERSON, user_id="T001")

    form = asyncio.run(ask())
    assert {one["field"] for one in form.filled} == {"xm", "gh", "zjh"}
    assert len(at_desk.record("action = 'token' AND client_id = %s", campus.HALL)) == before + 1


def test_a_silent_service_means_a_blank_form_with_its_fields(at_desk: Desk, tmp_path):
    folder = FormFolder(tmp_path / "forms")
    with client_of(at_desk, forms=folder) as hall:
        assert hall.load_form(campus.EMPLOYED)
        names = [one["field"] for one in hall.prefill_or_blank(campus.EMPLOYED, PERSON, user_id="U").fields]
    away = f"http://127.0.0.1:{free_port()}"
    started = time.monotonic()
    later = Client(
        away,
        campus.HALL,
        at_desk.keys[campus.HALL],
        forms=FormFolder(tmp_path / "forms"),
        http={"trust_env": False},
    )
    form = later.prefill_or_blank(campus.EMPLOYED, PERSON, user_id="U")
    assert time.monotonic() - started < 3
    assert (form.is_blank, form.problem, form.filled, form.spared) == (True, "UNREACHABLE", [], [])
    assert [one["field"] for one in form.fields] == names
    assert all(one["editable"] for one in form.fields)
    assert [one["outcome"] for one in form.materials] == ["still_required"] * 7
    assert CANARY not in "".join(path.read_text() for path in (tmp_path / "forms").iterdir())
    later.close()


def test_an_answer_whose_receipt_cannot_be_kept_is_not_used(at_desk: Desk):
    def full(_: object) -> None:
        raise OSError(28, "no space left")

    with client_of(at_desk, on_receipt=full) as hall:
        form = hall.prefill_or_blank(campus.EMPLOYED, PERSON, user_id="T001")
    assert (form.is_blank, form.problem) == (True, "RECEIPT_NOT_VALID")


def test_a_refusal_means_a_blank_form_too(at_desk: Desk):
    with client_of(at_desk, campus.STRANGER) as stranger:
        form = stranger.prefill_or_blank(campus.EMPLOYED, PERSON, user_id="U")
    assert (form.is_blank, form.problem, form.fields) == (True, "PURPOSE_NOT_GRANTED", [])
    with client_of(at_desk) as hall:
        hall.load_form(campus.EMPLOYED)
        form = hall.prefill_or_blank(campus.EMPLOYED, Person("staff_no", "T999"), user_id="U")
    assert (form.is_blank, form.problem, len(form.fields)) == (True, "SUBJECT_NOT_FOUND", 5)


def test_a_receipt_proves_its_answer_and_no_other(at_desk: Desk):
    answer = at_desk.prefill()
    keys = KeySet.import_key_set(at_desk.http.get("/.well-known/jwks.json").json())
    receipt = checked(answer, keys, campus.HALL)
    assert (receipt.transaction_id, receipt.purpose) == (answer["transaction_id"], campus.EMPLOYED)
    changed = copy.deepcopy(answer)
    changed["fields"][0]["value"] = "别人"
    other = at_desk.prefill()
    for wrong, client in (
        (changed, campus.HALL),
        (answer, campus.PORTAL),
        (answer | {"receipt": other["receipt"]}, campus.HALL),
        (answer | {"receipt": answer["receipt"][:-8] + "AAAAAAAA"}, campus.HALL),
    ):
        with pytest.raises(ReceiptError):
            checked(wrong, keys, client)


@pytest.mark.parametrize("kind", ["Ed25519", "RSA"])
def test_keys_of_every_kind_sign(kind: str, at_desk: Desk, as_owner: None, tmp_path):
    made = RSAKey.generate_key(2048) if kind == "RSA" else OKPKey.generate_key("Ed25519")
    pem = tmp_path / "key.pem"
    pem.write_bytes(made.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key = read_key(pem, kid="k1")
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps(public_keys(key)))
    clients.register("pem-client", "DT", "试", jwks)
    with Client(at_desk.url, "pem-client", key, http={"trust_env": False}) as client:
        assert client.service_items()


@pytest.mark.parametrize("content", ["", "{}", '{"kty": "oct", "k": "c2VjcmV0"}', "-----BEGIN X-----"])
def test_a_file_that_is_no_key_is_named_without_what_stands_in_it(content: str, tmp_path):
    file = tmp_path / "key"
    file.write_text(content)
    with pytest.raises(ValueError, match="expected a private key") as refused:
        read_key(file)
    assert str(file) in str(refused.value)
    assert "c2VjcmV0" not in str(refused.value)
