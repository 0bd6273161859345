"""The code on a paper: what a person types to check it, and what nobody can guess.

80 random bits as 16 signs of Crockford's base 32 (no I, L, O, U), and one check sign that finds a mistyped or swapped
sign before anything is looked up. The check sign is ISO 7064 over the same 32 signs, not Crockford's own, whose five
further signs (`*~$=U`) are hard to say over a telephone.
"""

import secrets

from stdnum.iso7064 import mod_37_36

BITS = 80
_SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = BITS // 5
_GROUP = 4
_READ_AS = str.maketrans("OIL", "011", " -\u2010\u2011\u2013\u2212")


def new_code() -> str:
    """Return a fresh code in its stored form: 17 signs, upper case, no hyphens."""
    body = "".join(secrets.choice(_SIGNS) for _ in range(_LENGTH))
    return body + _check_sign(body)


def shown(code: str) -> str:
    """Return a stored code as it is printed: `XXXX-XXXX-XXXX-XXXX-X`."""
    return "-".join(code[start : start + _GROUP] for start in range(0, len(code), _GROUP))


def read(typed: str) -> str | None:
    """Return the stored form of what somebody typed or scanned, or None where it can be no code.

    Case, spaces and hyphens do not matter; O reads as 0, I and L as 1. None also where the check sign is wrong.
    """
    code = typed[:100].upper().translate(_READ_AS)
    if len(code) != _LENGTH + 1 or not set(code) <= set(_SIGNS):
        return None
    return code if _check_sign(code[:-1]) == code[-1] else None


def _check_sign(body: str) -> str:
    return mod_37_36.calc_check_digit(body, alphabet=_SIGNS)
