"""Keys that say who somebody is: numbers of systems as they stand, numbers of documents in one form."""

import unicodedata

DOCUMENT = "doc:"
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)

Key = tuple[str, str]  # (id_type, key)


def resident_id_18(number: str) -> str:
    """Return the 18-digit form of a resident identity number (GB 11643); other texts in upper case."""
    text = unicodedata.normalize("NFKC", number).strip().upper()
    if len(text) == 15 and text.isdigit():
        body = f"{text[:6]}19{text[6:]}"
        text = body + "10X98765432"[sum(w * int(d) for w, d in zip(_WEIGHTS, body, strict=True)) % 11]
    return text


def document(number: object, kind: object, country: object) -> Key:
    """Return the key of a document: its kind and country, and its number in one form."""
    return f"{DOCUMENT}{kind}:{country or ''}", resident_id_18(str(number))
