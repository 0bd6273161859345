"""Formats of identifiers, as DuckDB expressions that are true where the text is right.

Sources: GB 11643 (resident identity number, ISO 7064 MOD 11-2), GB 32100 (unified social credit code, MOD 31),
JY/T 1006 kinds of identity documents. Only residents' documents carry a check digit; of the others nothing more
than their alphabet can be said.
"""

from collections.abc import Callable, Mapping

from expectations.texts import PERSON_NAME, person_name

RESIDENT_ID_TYPE = "1"
# Documents whose numbers are built like a resident's: those of residents from Hong Kong, Macao and Taiwan, too.
_BORN_IN_NUMBER = "'1', 'C', 'D'"
_RESIDENT = "[0-9]{17}[0-9Xx]|[0-9]{15}"
_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def resident_id(text: str) -> str:
    """True for an 18-digit number with a real birth date and the right check digit, or an old 15-digit one."""
    total = " + ".join(
        f"{weight} * TRY_CAST(substr({text}, {place}, 1) AS INTEGER)"
        for place, weight in enumerate(_ID_WEIGHTS, 1)
    )
    check = f"substr('10X98765432', 1 + ({total}) % 11, 1)"
    return (
        f"coalesce(CASE WHEN regexp_full_match({text}, '[0-9]{{17}}[0-9Xx]')"
        f" THEN try_strptime(substr({text}, 7, 8), '%Y%m%d') IS NOT NULL AND upper(substr({text}, 18, 1)) = {check}"
        f" WHEN regexp_full_match({text}, '[0-9]{{15}}')"
        f" THEN try_strptime('19' || substr({text}, 7, 6), '%Y%m%d') IS NOT NULL END, false)"
    )


def uscc(text: str) -> str:
    """True for an 18-character unified social credit code with the right check character."""
    total = " + ".join(
        f"{weight} * (instr('{_USCC_ALPHABET}', substr({text}, {place}, 1)) - 1)"
        for place, weight in enumerate(_USCC_WEIGHTS, 1)
    )
    check = f"substr('{_USCC_ALPHABET}', 1 + (31 - ({total}) % 31) % 31, 1)"
    return (
        f"(regexp_full_match({text}, '[0-9A-HJ-NPQRTUWXY]{{2}}[0-9]{{6}}[0-9A-HJ-NPQRTUWXY]{{10}}')"
        f" AND substr({text}, 18, 1) = {check})"
    )


def identity_document(text: str, kind: str) -> str:
    """True for a number that can belong to a document of the kind that expression `kind` gives."""
    return (
        f"CASE WHEN {kind} = '{RESIDENT_ID_TYPE}' THEN {resident_id(text)}"
        f" ELSE regexp_full_match({text}, '[0-9A-Za-z()（）\\-]{{4,30}}') END"
    )


def birthday_differs(text: str, kind: str, born_on: str) -> str:
    """True where a date of birth is not the one that a resident's number of 18 or 15 digits holds."""
    day = (
        f"CASE length({text}) WHEN 18 THEN substr({text}, 7, 8) WHEN 15 THEN '19' || substr({text}, 7, 6) END"
    )
    return f"({_holds_both(text, kind)} AND ({day}) <> strftime({born_on}, '%Y%m%d'))"


def sex_differs(text: str, kind: str, sex: str) -> str:
    """True where a sex (GB/T 2261.1: 1, 2; others say nothing) is not the one that a resident's number holds."""
    place = f"CASE length({text}) WHEN 18 THEN 17 WHEN 15 THEN 15 END"
    odd = f"TRY_CAST(substr({text}, {place}, 1) AS INTEGER) % 2 = 1"
    return f"({_holds_both(text, kind)} AND {sex} IN ('1', '2') AND ({odd}) <> ({sex} = '1'))"


def _holds_both(text: str, kind: str) -> str:
    """True for a number that is built of birthday and sex."""
    return f"{kind} IN ({_BORN_IN_NUMBER}) AND regexp_full_match({text}, '{_RESIDENT}')"


def _pattern(regex: str) -> Callable[[str], str]:
    return lambda text: f"regexp_full_match({text}, '{regex}')"


FORMATS: Mapping[str, Callable[[str], str]] = {
    "resident_id": resident_id,
    "uscc": uscc,
    "phone_cn": _pattern(r"1[3-9][0-9]{9}"),
    "email": _pattern(r"[^@\s]+@[^@\s]+\.[^@\s]+"),
    "bank_card": _pattern(r"[0-9]{12,19}"),
    "date8": _pattern(r"[0-9]{8}"),
    PERSON_NAME: person_name,
}
