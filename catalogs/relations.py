"""Relations between things and persons: what makes a project, a unit or a room a lawful subject of somebody's case.

Which relations there are stands in campus.yaml (`relations`), and which of them a service item admits in its own file.
Where a service item names none, nothing but persons is asked about in its cases.
"""

from catalogs.fields import Fields
from catalogs.model_registers import Relation


def read_relations(fields: Fields) -> tuple[Relation, ...]:
    """Read the relations of campus.yaml."""
    relations = []
    for row in fields.rows("relations", "relation"):
        row.only(("relation", "nameZh", "resource", "from", "to", "then", "ownFacts", "note"))
        ends = [_end(row, "from"), _end(row, "to")]
        relations.append(
            Relation(
                row.code("relation"),
                row.text("nameZh", required=True),
                row.text("resource", required=True),
                *ends[0],
                *ends[1],
                row.text("then"),
                row.words("ownFacts"),
            )
        )
    return tuple(relations)


def _end(row: Fields, key: str) -> tuple[str, str]:
    own = row.inner(key, f"{row.place} {key}")
    if own is None:
        row.fault("V01", key, f'no "{key}"', expected="{item, idType}")
        return "", ""
    own.only(("item", "idType"))
    return own.text("item", required=True), own.text("idType", required=True)
