"""The small university of the portal's tests with ways of deciding, its catalog published and in a folder."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import openpyxl
import pytest

from catalogs.changes.edits import Edit
from catalogs.loading import read_files
from catalogs.model import Catalog
from tests.portal import house
from tests.portal.house import PEOPLE, Portal, token
from tests.service.conftest import service_url
from tests.support.postgres import PgDatabase
from warehouse import catalog_versions
from warehouse.catalog_changes import InUse, hand_in
from warehouse.proposals import Proposal, Wish

STEWARD, HEAD, OFFICE = "post:rs-steward", "post:rs-head", "post:dt-steward"
RESOURCE = "resources/hr/staff.odcs.yaml"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_APPROVALS = [
    {
        "change": "demand",
        "when": {"shareType": "conditional"},
        "steps": [
            {"seq": 1, "who": "data_office", "post": "steward", "act": "形式审查", "limit_days": 2},
            {"seq": 2, "who": "provider", "post": "steward", "act": "决定", "limit_days": 5},
        ],
        "escalate": "accountable",
    },
    {
        "change": "contract",
        "steps": [
            {"seq": 1, "who": "provider", "post": "steward", "act": "起草", "limit_days": 5},
            {"seq": 2, "who": "provider", "post": "accountable", "act": "确认", "limit_days": 3},
            {"seq": 3, "who": "data_office", "post": "steward", "act": "审核发布", "limit_days": 3},
        ],
    },
    {
        "change": "register",
        "steps": [{"seq": 1, "who": "data_office", "post": "steward", "act": "决定", "limit_days": 5}],
    },
]


def files() -> dict[str, bytes]:
    """Return the campus's files, with who decides what."""
    return house.files() | {"approvals.yaml": json.dumps(_APPROVALS, ensure_ascii=False).encode()}


def surroundings(database: PgDatabase, home: Path) -> dict[str, str]:
    """Return the environment of the portal that `opened` runs."""
    return {
        "YICI_HOME": str(home / "state"),
        "YICI_CAMPUS": str(home / "campus"),
        "YICI_DATABASE_URL": database.url,
    }


@contextmanager
def opened(database: PgDatabase, home: Path) -> Iterator[Portal]:
    """Run a portal whose catalog is published as version 1 and may be changed."""
    campus = home / "campus"
    for name, data in files().items():
        (campus / name).parent.mkdir(parents=True, exist_ok=True)
        (campus / name).write_bytes(data)
    service_url(database)  # rights are granted as the tables are made
    with pytest.MonkeyPatch.context() as patch:
        for name, value in surroundings(database, home).items():
            patch.setenv(name, value)
        with house.opened(database, home / "state", told=read_files(campus)) as portal:
            yield portal


def in_use(portal: Portal) -> Catalog:
    """Return the catalog that is published last."""
    published = catalog_versions.newest(portal.owner)
    assert published is not None
    return catalog_versions.catalog_of(portal.owner, published)


def proposed(
    portal: Portal, title: str, edits: list[Edit], post: str = STEWARD, role: str = "steward"
) -> Proposal:
    """Propose edits past the pages, as somebody of a role."""
    published = catalog_versions.newest(portal.owner)
    assert published is not None
    found = InUse(published, in_use(portal), ())
    return hand_in(portal.owner, found, Wish(title, post, PEOPLE[role], "试验", "test"), edits)[0]


def purpose_edit(portal: Portal, text: str, file: str = RESOURCE) -> Edit:
    """Return the edit that gives a resource another summary."""
    before = next(one for one in in_use(portal).resources.values() if one.file == file)
    return Edit(file, "", "description.purpose", before.purpose, text)


def send(browser: httpx.Client, page: str, address: str | None = None, **fields: str) -> httpx.Response:
    """Send the form of a page with its token."""
    told = {"csrf": token(browser.get(page).text), "back": page} | fields
    return browser.post(address or page, data=told)


def upload(browser: httpx.Client, content: bytes, name: str = "表.xlsx") -> httpx.Response:
    """Upload a file on the page for it."""
    told = {"csrf": token(browser.get("/maintain/new").text), "back": "/maintain/new"}
    return browser.post("/maintain/upload", data=told, files={"file": (name, content, XLSX)})


def form(browser: httpx.Client, name: str, **query: str) -> openpyxl.Workbook:
    """Download a form and open it."""
    answer = browser.get(f"/maintain/forms/{name}.xlsx", params=query)
    assert answer.status_code == 200, answer.text
    return openpyxl.load_workbook(io.BytesIO(answer.content))


def saved(book: openpyxl.Workbook) -> bytes:
    """Return a workbook as bytes."""
    found = io.BytesIO()
    book.save(found)
    return found.getvalue()


def cell_of(book: openpyxl.Workbook, heading: str, sheet: int = 0) -> tuple[int, int]:
    """Return the row and column of the first cell below a heading."""
    for row in book.worksheets[sheet].iter_rows():
        for cell in row:
            if cell.value == heading:
                return cell.row + 1, cell.column
    raise AssertionError(f"no heading {heading}")
