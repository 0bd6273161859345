"""`yici catalog propose … decide`: from a wish to another answer of the service, which goes on running."""

import io
import json
import zipfile
from pathlib import Path

import yaml

from tests.catalogs.small import as_bytes
from tests.pipelines.house import House
from tests.service import campus
from tests.service.desk import Desk
from tests.yici.commands import yici
from warehouse.connect import connect

X011 = {"id_type": "student_no", "id": "X011"}
DEMANDS = "demands/all.yaml"


def with_element(house: House, element: str) -> bytes:
    """Return the house's demands, the second of which asks for one more element."""
    demands = yaml.safe_load((house.folder / "campus" / DEMANDS).read_text(encoding="utf-8"))
    demands[1]["elements"].append(element)
    return as_bytes(demands)


def answer(at: Desk) -> str:
    """Ask for a student's unit: its status, or why it is refused."""
    reply = at.facts(["DW"], X011, service_item=campus.TRANSFER)
    told = reply.json()
    return told["facts"]["DW"]["status"] if reply.status_code == 200 else told["code"]


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    path.write_bytes(content.getvalue())
    return path


def test_a_decided_proposal_changes_what_the_service_answers_without_a_restart(
    governed: House, tmp_path: Path
):
    yici("run")
    wish = zipped(tmp_path / "wish.zip", {DEMANDS: with_element(governed, "DW")})
    with governed.service() as at:
        assert answer(at) == "ELEMENT_NOT_GRANTED"
        said = yici("catalog", "propose", str(wish), "--by", "post:a", "--title", "加所在单位")
        assert "DW" in said and "waits for post:b" in said
        meant = json.loads(yici("catalog", "diff", "1", "--json"))
        assert {one["element"] for one in meant["consequences"]["grants"]["new"]} == {"DW"}
        assert "What becomes allowed" in yici("catalog", "diff", "1", "--lang", "en")
        yici("catalog", "decide", "1", "--by", "post:c", "--approve", exit_code=2)
        assert "took effect: version 2" in yici("catalog", "decide", "1", "--by", "post:b", "--approve")
        yici("run")
        assert answer(at) == "available"
        assert "DW" in (governed.folder / "campus" / DEMANDS).read_text(encoding="utf-8")
    assert "took effect: version 3" in yici("catalog", "rollback", "1", "--by", "post:b", "--reason", "误授")
    listed = yici("catalog", "versions").splitlines()
    assert [line.split()[0] for line in listed] == ["3", "2", "1"]
    assert "approved" in yici("catalog", "log", "1")
    with connect(autocommit=True) as con:
        used = con.execute(
            """SELECT array_agg(p.number ORDER BY r.id) FROM yici.release r
               JOIN yici.catalog_publication p ON p.catalog_version = r.catalog_version AND p.origin <> 'rollback'"""
        ).fetchone()[0]
        assert used == [1, 2]
        contents = con.execute(
            "SELECT array_agg(catalog_version ORDER BY number) FROM yici.catalog_publication"
        )
        first, second, third = contents.fetchone()[0]
    assert first == third != second


def test_a_run_goes_on_with_the_published_version_and_says_that_the_folder_was_edited(governed: House):
    yici("catalog", "propose", "--dry-run")
    governed.write(DEMANDS, with_element(governed, "DW"))
    assert "yici catalog propose" in yici("run", "--no-release", "--system", "hr")
    assert "DW" in yici("catalog", "propose", "--dry-run")
    assert "No proposal is open." in yici("catalog", "proposals")


def test_a_refusal_names_what_hinders_it(governed: House):
    yici("catalog", "propose", "--dry-run")
    governed.write(DEMANDS, with_element(governed, "NOSUCH"))
    said = yici("catalog", "propose", "--by", "post:a", exit_code=2)
    assert f"{DEMANDS}:" in said and "NOSUCH" in said


def test_a_published_version_is_written_out_as_it_was(governed: House, tmp_path: Path):
    yici("catalog", "propose", "--dry-run")
    yici("catalog", "versions", "1", "--out", str(tmp_path / "one"))
    there = governed.folder / "campus"
    written = {path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file()}
    assert written == {path.relative_to(there) for path in there.rglob("*") if path.is_file()}
    yici("catalog", "versions", "9", "--out", str(tmp_path / "nine"), exit_code=2)
