"""The words of the reports, in Chinese and in English; they stand in `templates/words.yaml`, beside the pages."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

TEMPLATES = Path(__file__).parent / "templates"


@cache
def labels(lang: str) -> Mapping[str, Any]:
    """Return the words of a language: zh or en."""
    return YAML(typ="safe").load(TEMPLATES / "words.yaml")[lang]
