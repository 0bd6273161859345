"""The fixtures themselves: what they promise to every other test."""

import json
import os
import tempfile
import urllib.request
from pathlib import Path

from catalogs.settings import settings
from tests.support import session
from tests.support.http import Reply, asgi_server


def test_a_test_gets_an_empty_postgresql_of_its_own_over_socket_and_tcp(pg_database):
    with pg_database.connect() as connection:
        connection.execute("CREATE TABLE mine (n int)")
        assert connection.execute("SELECT current_database()").fetchone() == (pg_database.name,)
    assert "127.0.0.1" in pg_database.tcp_url


def test_a_template_is_built_once_and_copied(pg_server):
    built = []

    def build(database):
        built.append(database.name)
        with database.connect() as connection:
            connection.execute("CREATE TABLE made AS SELECT 7 AS n")

    for _ in range(2):
        database = pg_server.create_database(pg_server.template("support", build))
        with database.connect() as connection:
            assert connection.execute("SELECT n FROM made").fetchone() == (7,)
        pg_server.drop_database(database)
    assert built == ["template_support"]


def test_a_test_gets_an_empty_mariadb_of_its_own(mariadb_database):
    with mariadb_database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (name varchar(9))")
        cursor.execute("INSERT INTO t VALUES ('𠮷野')")
        cursor.execute("SELECT name FROM t")
        assert cursor.fetchone() == ("𠮷野",)


def test_a_scripted_server_answers_and_remembers(http_server):
    http_server.answers["/rows"] = lambda request: Reply({"page": request.query["page"]})
    with urllib.request.urlopen(f"{http_server.url}/rows?page=2") as response:
        assert json.load(response) == {"page": ["2"]}
    assert [request.path for request in http_server.requests] == ["/rows"]


def test_an_asgi_application_is_served_for_real():
    from fastapi import FastAPI

    application = FastAPI()
    application.get("/alive")(lambda: {"alive": True})
    with asgi_server(application) as url, urllib.request.urlopen(f"{url}/alive") as response:
        assert json.load(response) == {"alive": True}


def test_no_test_reads_the_installation_that_it_stands_in():
    """After `make demo` the checkout has one, with a clock of its own."""
    home = settings().home
    assert Path(__file__).resolve().parents[1] not in home.parents
    assert not (home / "sources.env").exists()


def test_a_session_begins_though_the_folder_of_another_vanishes_meanwhile(tmp_path, monkeypatch):
    monkeypatch.delenv("YICI_TEST_SESSION")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    vanished = tmp_path / f"yici-test-{os.geteuid()}-gone"
    monkeypatch.setattr(Path, "glob", lambda folder, pattern: [vanished])
    session.begin()
    assert session.shared_folder().parent == tmp_path
    session.end()
    assert list(tmp_path.iterdir()) == []
