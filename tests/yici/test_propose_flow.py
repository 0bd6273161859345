"""A flow goes out as BPMN, is redrawn, and comes back as a proposal: the commands as a user runs them."""

import json
from pathlib import Path

import pytest

from tests.pipelines.house import House
from tests.yici.commands import yici

ITEM = "S-EMPLOYED"
WAY = """\
- change: "service_item"
  steps:
    - {seq: 1, who: "data_office", post: "post:b", act: "核对", limit_days: 3}
"""


@pytest.fixture
def flow(governed: House, tmp_path: Path) -> Path:
    """The item's flow as BPMN, in which its only step has another name."""
    governed.write("approvals.yaml", WAY.encode())
    yici("catalog", "propose", "--dry-run")
    file = tmp_path / "flow.bpmn"
    yici("catalog", "flow", ITEM, "--bpmn", str(file))
    drawn = file.read_text(encoding="utf-8")
    assert drawn.count('name="受理"') == 1
    file.write_text(drawn.replace('name="受理"', 'name="自动受理"'), encoding="utf-8")
    return file


def test_a_redrawn_flow_is_a_proposal_of_the_item_that_it_was_drawn_from(flow: Path):
    said = yici("catalog", "propose", str(flow), "--by", "post:a", "--title", "改流程")
    assert "Proposal 1 [proposed] 改流程, by post:a" in said
    told = json.loads(yici("catalog", "diff", "1", "--json"))
    assert told["source"] == "flow.bpmn"
    assert [(one["entry"], one["old"], one["new"]) for one in told["edits"]] == [(ITEM, "受理", "自动受理")]
    assert "took effect: version 2" in yici("catalog", "decide", "1", "--by", "post:b", "--approve")
    assert yici("catalog", "flow", ITEM, "--read", str(flow)) == "0 changes\n"


def test_a_file_of_no_item_is_refused_until_one_is_named(flow: Path):
    foreign = flow.read_text(encoding="utf-8").replace(f"process_{ITEM}", "process_of_others")
    flow.write_text(foreign, encoding="utf-8")
    refused = yici("catalog", "propose", str(flow), "--by", "post:a", exit_code=2)
    assert "does not say whose flow it is" in refused and "--item" in refused
    assert 'no service item "S-NONE"' in yici(
        "catalog", "propose", str(flow), "--by", "post:a", "--item", "S-NONE", exit_code=2
    )
    assert "Proposal 1 [proposed]" in yici("catalog", "propose", str(flow), "--by", "post:a", "--item", ITEM)


def test_what_has_no_place_in_a_flow_is_told_and_nothing_is_recorded(flow: Path):
    strange = flow.read_text(encoding="utf-8").replace("startEvent", "callActivity")
    flow.write_text(strange, encoding="utf-8")
    said = yici("catalog", "propose", str(flow), "--by", "post:a", exit_code=1)
    assert "✕ " in said and "nothing was recorded" in said
    assert yici("catalog", "proposals", "--all") == "No proposal is open.\n"
