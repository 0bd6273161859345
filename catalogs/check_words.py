"""Words of the open lists: one that is not usual, and that the campus has not added, is probably a slip (V07)."""

from collections.abc import Iterable

from catalogs.faults import Faults, did_you_mean
from catalogs.fields import Fields
from catalogs.sources import Sources
from catalogs.words import OPEN_WORDS


def tell_unusual_words(sources: Sources, faults: Faults) -> None:
    """Compare words that only people read with the usual ones and those of campus.yaml."""
    own_words = sources.catalog.campus.words
    known = {key: (*words, *own_words.get(key, ())) for key, words in OPEN_WORDS.items()}

    def tell(file: str, line: int, place: str, key: str, words: Iterable[str]) -> None:
        for word in words:
            if word and word not in known[key]:
                faults.add(
                    "V07",
                    file,
                    line,
                    f'{place}: "{word}" is not a usual word',
                    expected=f"one of {', '.join(known[key])}",
                    mend=did_you_mean(word, known[key])
                    or f"correct it, or add it to words.{key} of campus.yaml",
                )

    def tell_at(own: Fields, field: str, key: str, words: Iterable[str]) -> None:
        tell(own.file, own.at(field), f"{own.place} {field}", key, words)

    for code, unit in sources.catalog.units.items():
        file, line = sources.register.line("unit", code)
        tell(file, line, f'unit "{code}" kind', "unitKind", [unit.kind])
    for contract in sources.contracts.values():
        resource = contract.resource
        tell(resource.file, contract.line("subset"), "subset", "subset", [resource.subset])
    for item, own in sources.services:
        tell_at(own, "kind", "serviceKind", [item.kind])
        tell_at(own, "audience", "audience", item.audience)
        tell_at(own, "channels", "channel", item.channels)
        result = own.inner("result")
        if result:
            tell_at(result, "kind", "resultKind", [result.text("kind")])
            tell_at(result, "delivery", "delivery", result.words("delivery"))
    for material, own in sources.materials:
        tell_at(own, "kind", "materialKind", [material.kind])
        tell_at(own, "source", "materialSource", [material.source])
        tell_at(own, "form", "materialForm", material.form)
    for power, own in sources.powers or ():
        tell_at(own, "kind", "powerKind", [power.kind])
        tell_at(own, "lists", "powerList", power.lists)
