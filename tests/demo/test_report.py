"""The reporting system of the reference campus fetches the rows of its task from a running service, once."""

import asyncio

import pytest

import catalogs
from demo import report, target
from demo.__main__ import main
from demo.signing import PUBLIC
from service import clients, working
from tests.service.conftest import opened, service_url
from tests.service.test_subjects_of_things import REFERENCE
from tests.service.test_task_rows import _nobody_starts, _student


def test_the_reporting_system_is_given_its_rows_once_and_says_so(
    pg_database, tmp_path, own_surroundings, monkeypatch, capsys
):
    monkeypatch.setattr(working, "starting", _nobody_starts)
    students = [_student("20250000001", "11"), _student("20250000002", "12"), _student("20250000003", "41")]
    rows = {"hr.staff": [], "academic.students": students}
    with opened(pg_database, tmp_path, content=catalogs.load(REFERENCE), rows=rows) as at:
        monkeypatch.setenv("YICI_HOME", str(tmp_path))
        monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
        monkeypatch.setenv("YICI_SERVICE_DATABASE_URL", service_url(pg_database))
        campus = target.Target(tmp_path / "demo", "", None, target.EnvWriter(tmp_path / "sources.env"))
        report.prepare(campus)
        before = (campus.folder(report.FOLDER) / PUBLIC).read_text()
        report.prepare(campus)
        assert (campus.folder(report.FOLDER) / PUBLIC).read_text() == before  # the service knows this key
        assert str(campus.folder(report.FOLDER) / PUBLIC) in campus.env.path.read_text()
        clients.register(report.CLIENT_ID, "XX", "统计上报任务", campus.folder(report.FOLDER) / PUBLIC)
        monkeypatch.setattr(report, "_POLL_S", 0.0)
        monkeypatch.setattr(report.time, "sleep", lambda _: asyncio.run(working.main()))
        assert report.report(campus, at.url) == 0
        told = capsys.readouterr().out
        assert "名单 2 人, 提供 2 人" in told and "20250000001" not in told
        assert report.report(campus, at.url) == 0
        assert "task:once_a_period" in capsys.readouterr().out


def test_a_job_that_was_stopped_is_told_and_no_success():
    stopped = {"job_id": "1", "state": "stopped", "code": "PURPOSE_NOT_GRANTED"}
    with pytest.raises(target.TargetError, match="PURPOSE_NOT_GRANTED"):
        report._done(None, stopped)


def test_the_program_of_the_campus_asks_where_it_is_told(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("demo.__main__.built_target", lambda out: (out, {}))
    monkeypatch.setattr(report, "report", lambda *told: asked.append(told) or 0)
    assert main(["report", "--out", str(tmp_path), "--service", "http://127.0.0.1:8700"]) == 0
    assert asked == [(tmp_path, "http://127.0.0.1:8700")]
