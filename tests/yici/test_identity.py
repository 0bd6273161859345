"""The queue as a clerk uses it: evidence without values, values on record, decisions from the next release."""

from pathlib import Path

import pytest

from tests.service.conftest import service_url
from tests.support import campus
from tests.support.campus import row
from tests.support.postgres import PgDatabase
from tests.yici.commands import yici
from warehouse.connect import connect

CARD = "11010519491231002X"
POST = ("--as", "post:hr-steward")
WHY = ("--reason", "looked at the file")
# Both as the card says, of the year 1949.
PEOPLE = [
    row(n, id_no=CARD, born_on="1949-12-31", sex="女", name=name) for n, name in ((1, "甲某"), (2, "乙某"))
] + [row(n) for n in range(3, 40)]


@pytest.fixture
def house(tmp_path: Path, pg_database: PgDatabase, monkeypatch: pytest.MonkeyPatch) -> campus.Warehouse:
    """Two people under one card, released."""
    content = campus.catalog()
    for name, text in content.files.items():
        path = tmp_path / "campus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    monkeypatch.setenv("YICI_CAMPUS", str(tmp_path / "campus"))
    monkeypatch.setenv("YICI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    monkeypatch.setenv("YICI_SERVICE_DATABASE_URL", service_url(pg_database))
    opened = campus.Warehouse(tmp_path, content)
    opened.land(PEOPLE)
    assert opened.release().outcome == "applied"
    return opened


def test_values_are_shown_only_to_a_post_and_that_is_recorded(house):
    listed, shown = yici("identity", "reviews"), yici("identity", "review", "1")
    assert "same doc:1:CHN, names do not agree" in listed
    for text in (CARD, "甲某", "乙某", "00001"):
        assert text not in listed + shown
    refused = yici("identity", "review", "1", "--full", exit_code=2)
    assert "no post of this campus" in refused
    assert house.scalar("SELECT count(*) FROM yici.identity_sight") == 0
    full = yici("identity", "review", "1", "--full", *POST)
    assert CARD in full
    assert "甲某" in full
    assert house.scalar("SELECT post FROM yici.identity_sight") == "post:hr-steward"


def test_a_decision_is_recorded_shown_as_waiting_carried_out_and_undone(house):
    assert "counts from the next release" in yici("identity", "same", "1", *POST, *WHY)
    assert "decision 1 waits" in yici("identity", "reviews")
    assert "waits for the next release" in yici("identity", "different", "1", *POST, *WHY, exit_code=2)
    house.land(PEOPLE)
    house.release()
    assert "1 same" in yici("identity", "reviews")
    way = yici("identity", "path", "2")
    assert "merged into 1" in way
    assert "by post:hr-steward: looked at the file" in way
    assert "00002" not in way
    yici("identity", "undo", "1", *POST, *WHY)
    house.land(PEOPLE)
    house.release()
    assert (
        house.scalar(f"SELECT count(DISTINCT subject_id) FROM {campus.LINKS} WHERE key IN ('00001', '00002')")
        == 2
    )
    assert "merged into" not in yici("identity", "path", "2")


def test_keys_are_split_off_by_their_numbers(house):
    with connect(autocommit=True) as con:
        (card,) = con.execute(f"SELECT id FROM {campus.LINKS} WHERE key = %s", [CARD]).fetchone()
    assert "numbers parted by commas" in yici(
        "identity", "split", "1", "--keys", CARD, *POST, *WHY, exit_code=2
    )
    yici("identity", "split", "1", "--keys", str(card), *POST, *WHY)
    house.land(PEOPLE)
    house.release()
    holders = f"SELECT subject_id FROM {campus.LINKS} WHERE key = %s AND _to IS NULL"
    assert house.scalar(holders, CARD) != house.scalar(holders, "00001")


def test_what_does_not_exist_is_said_and_nothing_is_recorded(house):
    assert "there is none" in yici("identity", "review", "99", exit_code=2)
    assert "nothing is known" in yici("identity", "path", "99999", exit_code=2)
    assert "both are the same" in yici("identity", "merge", "1", "1", *POST, *WHY, exit_code=2)
    assert "nothing to undo" in yici("identity", "undo", "99", *POST, *WHY, exit_code=2)
    assert "no post" in yici("identity", "same", "1", "--as", "post:nobody", *WHY, exit_code=2)
    assert house.scalar("SELECT count(*) FROM yici.identity_decision") == 0


def test_a_search_says_what_it_compared_and_that_nothing_is_new(house):
    assert "39 of 39 records are new" in yici("identity", "find")
    assert "Nothing is new" in yici("identity", "find")
