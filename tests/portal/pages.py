"""Every page once, with somebody who may see it, over a campus with figures and where everybody says something.

The judges of all pages (`test_every_page`, `test_languages`, `test_forms_keep`) walk this one list.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from catalogs.lists.all import today
from catalogs.loading import read_files
from portal.pages_reform import TOPICS
from tests.portal import figures, maintained, marts
from tests.portal.hostile import rewritten
from tests.portal.house import PEOPLE, TICKET, Portal, token
from tests.portal.served import Served, served
from tests.portal.test_walls import ADDRESSES, ALLOWED
from tests.service import campus
from tests.support.postgres import PgDatabase
from warehouse import catalog_versions

# Pages of whoever is in the warehouse; all others are visited by somebody at work, each by one who may.
OWN = "jia"
# Some of the campus's own staff, besides the pages that the table names; "" is nobody yet.
_MORE = (
    ("data_office", "/maintain/proposals/1", "proposal"),
    ("steward", "/duty/handed-in/1", "handed-in"),
    ("steward", "/tickets/2", "refused"),
    ("member", "/nowhere", "nowhere"),
    ("", "/login", "login"),
)


def pages() -> list:
    """Return each page with somebody who may see it, and the home page of everybody: parameters of a test."""
    found = [
        pytest.param(OWN if name.startswith("mine") else min(ALLOWED[name]), address, id=name)
        for name, address in sorted(ADDRESSES.items())
        if not address.endswith((".xlsx", ".yaml", ".json", ".csv"))
    ]
    told = [topic for topic in TOPICS if f"/reform/{topic}" not in ADDRESSES.values()]
    reader = min(ALLOWED["reform_topic"])
    found += [pytest.param(reader, f"/reform/{topic}", id=f"reform-{topic}") for topic in told]
    found += [pytest.param(role, "/", id=f"home-{role}") for role in PEOPLE]
    return found + [pytest.param(who, address, id=name) for who, address, name in _MORE]


@contextmanager
def walked(database: PgDatabase, home: Path, change: Callable[[str], str], words: str) -> Iterator[Served]:
    """Run portal and service over a campus whose every text is changed, where people say `words` wherever they may."""
    folder = home / "campus"
    for name, content in rewritten(maintained.files(), change).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YICI_CAMPUS", str(folder))
        with served(database, home, told=read_files(folder)) as found:
            portal = found.portal
            files = portal.catalog.files
            catalog_versions.publish(portal.owner, files, catalog_versions.FIRST, words, words)
            marts.build(portal.owner, _written(figures.of_marts(), change))
            _score_earlier(portal)
            _say(found, words)
            yield found


def _written(rows: Mapping[str, marts.Rows], change: Callable[[str], str]) -> dict[str, marts.Rows]:
    """Return rows of marts with every text of a system changed; what is empty stays so."""
    return {
        mart: [
            {name: change(value) if value and name in figures.TEXTS else value for name, value in row.items()}
            for row in several
        ]
        for mart, several in rows.items()
    }


def _score_earlier(portal: Portal) -> None:
    """Let the campus have scored ten days ago, too: scores of two days are a trend."""
    portal.owner.execute(
        "INSERT INTO yici.score VALUES (%s, 'campus', 'T', 'total', 85, 85, 1, 5, 1)",
        [today(portal.catalog) - timedelta(days=10)],
    )


def _say(here: Served, words: str) -> None:
    portal = here.portal
    portal.owner.execute("UPDATE store.hr__staff SET name = %s WHERE staff_no = 'T001'", [words])
    portal.owner.execute(
        """INSERT INTO yici.quarantine (resource, row_digest, extract_id, key_text, rules, row, _from)
           VALUES ('hr.staff', 'd1', 1, %s, '{phone.length}', %s, 1)""",
        [words, json.dumps({"staff_no": words, "name": words, "unit": words})],
    )
    fault = dict.fromkeys(("sheet", "what", "expected", "mend"), words) | {"row": 5, "column": "A"}
    portal.owner.execute(
        """INSERT INTO portal.handed_in (id, person, post, resource, state, told, asked_at)
           VALUES (1, %s, 'post:rs-steward', 'hr.staff', 'faulty', %s, now())""",
        [PEOPLE["steward"], json.dumps({"count": 1, "faults": [fault]})],
    )
    portal.owner.execute("UPDATE yici.ticket SET about = %s", [words])
    portal.owner.execute("UPDATE yici.rule_state SET rule = %s", [words])
    here.desk.case(external_no="XN-1")
    assert here.desk.facts(["XM"]).status_code == 200
    with closing(portal.as_role(OWN)) as person:
        _send(person, "/mine/correct/DW", stated=words, reason=words)
        path = next(
            one.split('"')[0] for one in person.get("/mine/usages").text.split('href="') if "/question" in one
        )
        _send(person, path, reason=words)
    (waiting,) = here.desk.get("/v1/corrections", campus.HR).json()
    said = {"decision": "reject", "reason": words}
    here.desk.post(f"/v1/corrections/{waiting['correction_id']}:decide", said, campus.HR)
    with closing(portal.as_role("steward")) as steward:
        _send(steward, f"/tickets/{TICKET}", f"/tickets/{TICKET}/comment", said=words)
    maintained.proposed(portal, words, [maintained.purpose_edit(portal, words)])


def _send(browser: httpx.Client, page: str, path: str = "", **told: str) -> None:
    answer = browser.post(path or page, data=told | {"csrf": token(browser.get(page).text)})
    assert answer.status_code == 303, answer.text
