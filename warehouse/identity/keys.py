"""Keys that say who somebody is: numbers of systems as they stand, numbers of documents in one form.

Links keep numbers of documents sealed. Sealed they are compared like any other key; only who shows one, or looks for
the rows that name it, opens it.
"""

import unicodedata

from warehouse.sealing import Ring

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


def kept(key: Key, ring: Ring) -> Key:
    """Return a key as links keep it: numbers of documents sealed, numbers of systems as they stand."""
    id_type, number = key
    return (id_type, ring.armour(number, id_type)) if id_type.startswith(DOCUMENT) else key


def said(key: Key, ring: Ring) -> Key:
    """Return the key that `kept` sealed."""
    id_type, number = key
    return (id_type, ring.disarm(number, id_type)) if id_type.startswith(DOCUMENT) else key


def document(number: object, kind: object, country: object) -> Key:
    """Return the key of a document: its kind and country, and its number in one form."""
    return f"{DOCUMENT}{kind}:{country or ''}", resident_id_18(str(number))
