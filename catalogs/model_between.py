"""Rules between systems as data: what only makes sense once several systems lie side by side."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class BetweenRule:
    """One rule between systems, from `expectations/<id>.yaml`.

    Attributes:
        id: its name in findings; also the file's name.
        name: what it says, in the campus's language.
        resource: the resource that a failed critical rule takes back; usually the one that is easier to correct.
        needs: resource → items that the SQL reads.
        severity: critical, warning or info.
        dimension: of GB/T 36344, in English.
        allowed_share: share of the population that may break it, 0 to 1.
        population: a SELECT over `raw`, in PostgreSQL's SQL; `:day` is the campus's day, `:service_items` the codes
            of the catalog's service items, `:post_holders` the numbers of those who hold a post on that day.
        broken: condition over the population's columns that is true where a row breaks the rule.
        file: where it is written, relative to the campus folder.
        lines: key → line of the file, for whoever reports that it cannot run.
    """

    id: str
    name: str
    resource: str
    needs: Mapping[str, tuple[str, ...]]
    severity: str
    dimension: str
    allowed_share: float
    population: str
    broken: str
    file: str
    lines: Mapping[str, int]
