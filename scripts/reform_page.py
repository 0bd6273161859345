"""`python -m scripts.reform_page`: write docs/reform.md, what each figure of the reform means, from the models.

A definition stands once, in the model that keeps it; this page and the pages of the portal only repeat it. A test says
when the page is older than the models.
"""

import re
from pathlib import Path

import yaml

from catalogs.dbt_files import HOLDS_NO_PERSON, TEMPLATE

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reform.md"
_HEAD = """# Figures of the reform

What the pages *改革成效 Reform* and *服务使用 Usage* count. Written by `python -m scripts.reform_page` from the
models in `dbt_project/models/marts`: change a definition there.

- Every release builds the marts anew; the pages show the present release's, and a roll-back shows those of then.
- The portal's role reads a mart only if its model says `meta: {holds_no_person: true}`. Publishing a release grants
  those by name; a model without the flag, a dimension or a fact is never granted. A new model needs nothing else.
- A row of fewer cases than `thresholds.smallCell` (campus.yaml) shows no figure. Where one row alone would be hidden,
  or several that have fewer together, the next smallest is hidden with them: the total would tell. The same holds for a
  figure that is about fewer of something else, such as prefills or enquiries.
- Parts of a row are hidden in the same way, with every share, mean and bar that would tell them: no row, no column and
  no sum and difference of several gives a hidden part back. 不列 (not shown) stands in its place.
- Shares are cut off after one decimal, as the documents of the reform print them: 31 of 49 is 63.2 %.
- Visits are what really happened: the greater of what the hall recorded and what left a trace (`fct_case_visits`), in
  the league of units as on the page of visits. To fetch a result leaves no trace, and only what was recorded has it.
- Amounts of few payments of a month and state are not shown: whoever can name one could claim it. The funds of a single
  project are told to its leader at their own login, not here ([decision 0063](decisions/0063-funds-of-one-project.md)).
- Marts hold codes and names of the catalog, pages have the words: Chinese or English, on the page, in its charts and in
  its workbooks. What a campus wrote in Chinese only stays Chinese.
- Goals come from `goals` in campus.yaml, the limit for answering poor evaluations from
  `limits_days.answerPoorEvaluation`; a release takes the catalog's newest.
- A campus whose catalog lacks what a mart reads has no such mart, and the page says so.
"""
_PARTS = {"概述": "", "主键 (粒度)": "Grain", "业务规则": "Rules"}


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


def page(template: Path = TEMPLATE) -> str:
    """Return the page of a dbt project's marts."""
    told = [_HEAD]
    for path in sorted((template / "models" / "marts").glob("mart_*.yml")):
        for model in yaml.safe_load(path.read_text(encoding="utf-8"))["models"]:
            told.append(_model(model))
    return "\n".join(told)


def _model(model: dict) -> str:
    parts = dict(re.findall(r"\*\*([^*]+)\*\* ([^\n]+)", model["description"]))
    is_open = model["config"].get("meta", {}).get(HOLDS_NO_PERSON) is True
    lines = [f"## {model['name']}", "", parts["概述"], ""]
    lines += [f"- {name}: {parts[key]}" for key, name in _PARTS.items() if name and key in parts]
    lines.append(f"- Portal: {'reads it' if is_open else 'does not read it'}")
    lines += ["", "| column | |", "|---|---|"]
    lines += [f"| `{column['name']}` | {column['description']} |" for column in model["columns"]]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
