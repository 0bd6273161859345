"""Numbers of identity documents, bank cards and telephones: made up, and right by their own rules."""

from datetime import date

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"
_PERMANENT_WEIGHTS = (7, 3, 1)


def check_digit(body: str) -> str:
    """Return the check character of the first 17 digits of an identity number (GB 11643, ISO 7064 MOD 11-2)."""
    return _CHECKS[sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, body, strict=True)) % 11]


def resident_id(area: str, born_on: date, order: int, sex: str) -> str:
    """Return an 18-digit identity number.

    Args:
        area: six digits of the administrative division.
        born_on: date of birth.
        order: 0 to 499, among those born there that day; odd for men, even for women.
        sex: 1 man, 2 woman.
    """
    body = f"{area}{born_on:%Y%m%d}{order * 2 + (sex == '1'):03d}"
    return body + check_digit(body)


def is_resident_id(number: str) -> bool:
    """Say whether an 18-digit identity number has the right check character."""
    return len(number) == 18 and number[:17].isdigit() and number[17] == check_digit(number[:17])


def old_resident_id(number: str) -> str:
    """Return the 15-digit form, issued until 1999, of the number of somebody born in the 20th century."""
    return number[:6] + number[8:17]


def spoiled(number: str) -> str:
    """Return an 18-digit number with a wrong check character, as a typing error leaves it."""
    return number[:17] + _CHECKS[(_CHECKS.index(number[17]) + 3) % 11]


def mainland_permit(region: str, serial: int) -> str:
    """Return a mainland travel permit: H or M and eight digits (Hong Kong, Macao), eight digits (Taiwan)."""
    return f"{region if region in 'HM' else ''}{serial % 100_000_000:08d}"


def permanent_residence(country: str, area: str, born_on: date, serial: int) -> str:
    """Return a foreigner's permanent residence number of the 2017 form: 15 characters, weights 7-3-1.

    Args:
        country: three letters.
        area: four digits of province and city of issue.
        born_on: date of birth.
        serial: 0 to 9.
    """
    body = f"{country}{area}{born_on:%y%m%d}{serial % 10}"
    total = sum(_PERMANENT_WEIGHTS[at % 3] * int(char, 36) for at, char in enumerate(body))
    return f"{body}{total % 10}"


def passport(serial: int, letter: str = "P") -> str:
    """Return a passport number in a form that many countries use: a letter and eight digits."""
    return f"{letter}{serial % 100_000_000:08d}"


def bank_card(serial: int) -> str:
    """Return a 19-digit card number with its Luhn digit, in a range that no bank issues (999…)."""
    body = f"999200{serial % 10**12:012d}"
    total = 0
    for at, char in enumerate(reversed(body)):
        digit = int(char) * (2 if at % 2 == 0 else 1)
        total += digit - 9 if digit > 9 else digit
    return f"{body}{-total % 10}"


def phone(serial: int) -> str:
    """Return a mobile number of eleven digits in the form of a range that is not assigned (1[3-9]0 0…)."""
    return f"1{3 + serial % 7}00{serial // 7 % 10_000_000:07d}"


def permanent_residence_2023(province: str, country: str, born_on: date, order: int) -> str:
    """Return a foreigner's permanent residence number of the 2023 form: 18 digits, the first 9, GB 11643 check.

    Args:
        province: two digits of the province of issue.
        country: three digits of the nationality (GB/T 2659).
        born_on: date of birth.
        order: 0 to 999.
    """
    body = f"9{province}{country}{born_on:%Y%m%d}{order:03d}"
    return body + check_digit(body)
