"""Mine: who answers for a project sees its funds on a page of their own, and nobody else's."""

import re
from contextlib import closing

import pytest

import catalogs
from portal.rendering import LANGUAGE_COOKIE
from tests.portal import house
from tests.portal.served import served
from tests.service import campus
from tests.service.test_own_things import shown
from tests.service.test_subjects_of_things import REFUSED, ROOMS, TOPICS


@pytest.fixture(scope="module")
def here(pg_module_database, tmp_path_factory):
    files = shown("leads", "works_in", base=house.files)
    with served(pg_module_database, tmp_path_factory.mktemp("home"), told=files) as found:
        content = catalogs.load(files)
        campus.publish(found.desk.owner, content, {"academic.topics": TOPICS, "academic.rooms": ROOMS})
        campus.publish(found.desk.owner, content, {"academic.topics": REFUSED})
        yield found


def test_a_leader_sees_the_own_projects_with_what_the_catalog_shows_of_them(here):
    with closing(here.portal.as_role("jia")) as jia:
        answer = jia.get("/mine/things")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert "共 2 个" in answer.text and "主持" in answer.text and "课题组用房" in answer.text
    assert all(one in answer.text for one in ("P1", "甲题", "100.50", "2026-10-01 00:30", "R1", "实验室"))
    text = re.sub("<[^>]*>", " ", answer.text)  # a form's own token may hold any letters
    assert not any(one in text for one in ("P2", "乙题", "P3", "丙题", "R2"))


def test_who_answers_for_nothing_is_told_so_in_both_languages(here):
    with closing(here.portal.as_role("yi")) as yi:
        assert "没有登记由您负责的项目等。" in yi.get("/mine/things").text
        yi.cookies.set(LANGUAGE_COOKIE, "en")
        assert "No project or the like is on file as yours to answer for." in yi.get("/mine/things").text
