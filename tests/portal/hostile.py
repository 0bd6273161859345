"""A campus in whose every text somebody has written script and HTML, for the judges of all pages."""

import csv
import io
import json
from collections.abc import Callable, Mapping
from typing import Any

# Breaks out of text, of attributes and of comments; would run in three ways, and be an element in a fourth.
HOSTILE = "\"'--><script>window.ran=1</script><img src=/x onerror=window.ran=2><b id=not-text>{{ 7*7 }}</b>"
# Keys whose values are texts for people, in any of the catalog's files.
_TEXTS = frozenset(
    (
        "nameZh", "nameEn", "note", "noteZh", "basis", "retention", "businessName", "description", "purpose", "title",
        "shareCondition", "noShareBasis", "subjectViewBasis", "originalBasis", "unmetBasis", "act",
    )
)  # fmt: skip
# Its names stand in predicates, too.
_NAMED_ELSEWHERE = "codes/staff_status.csv"
_COLUMNS = frozenset(("nameZh", "nameEn", "note"))


def rewritten(files: Mapping[str, bytes], change: Callable[[str], str]) -> dict[str, bytes]:
    """Return a campus's files with every text for people changed; codes and names of things stay."""
    found = {}
    for name, content in files.items():
        if name.endswith((".yaml", ".yml")):
            found[name] = json.dumps(_told(json.loads(content), change), ensure_ascii=False).encode()
        elif name.endswith(".csv") and name != _NAMED_ELSEWHERE:
            found[name] = _rows(content.decode(), change).encode()
        else:
            found[name] = content
    return found


def _told(value: Any, change: Callable[[str], str], key: str = "") -> Any:
    if isinstance(value, dict):
        if value.get("property") in _TEXTS and isinstance(value.get("value"), str):
            return {**value, "value": change(value["value"])}
        return {name: _told(own, change, name) for name, own in value.items()}
    if isinstance(value, list):
        return [_told(one, change, key) for one in value]
    return change(value) if isinstance(value, str) and key in _TEXTS else value


def _rows(content: str, change: Callable[[str], str]) -> str:
    rows = list(csv.DictReader(io.StringIO(content)))
    out = io.StringIO()
    writer = csv.DictWriter(out, list(csv.DictReader(io.StringIO(content)).fieldnames or ()))
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {name: change(text) if name in _COLUMNS and text else text for name, text in row.items()}
        )
    return out.getvalue()
