"""The code on a paper: not to be guessed, hard to mistype."""

import string
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from certificates import codes

SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def test_codes_have_eighty_bits_of_the_systems_randomness():
    drawn = [codes.new_code() for _ in range(20_000)]
    assert codes.BITS == 80 and len(set(drawn)) == len(drawn)
    assert {len(code) for code in drawn} == {codes.BITS // 5 + 1}
    # Each of the 16 places takes each of the 32 signs about equally often: 625 times of 20,000, within six sigma.
    for place in range(16):
        counts = Counter(code[place] for code in drawn)
        assert set(counts) == set(SIGNS)
        assert min(counts.values()) > 625 - 150 and max(counts.values()) < 625 + 150


def test_a_code_is_read_as_people_type_it():
    code = codes.new_code()
    for typed in (
        code,
        codes.shown(code),
        codes.shown(code).lower(),
        f"  {codes.shown(code)} ",
        " ".join(code),
    ):
        assert codes.read(typed) == code
    assert codes.read(code.replace("0", "o").replace("1", "l")) == code


def test_one_mistyped_sign_is_always_found():
    for _ in range(20):
        code = codes.new_code()
        for place, right in enumerate(code):
            for wrong in SIGNS.replace(right, ""):
                assert codes.read(code[:place] + wrong + code[place + 1 :]) is None


def test_two_swapped_neighbours_are_nearly_always_found():
    tried = missed = 0
    for _ in range(1_000):
        code = codes.new_code()
        for place in range(len(code) - 1):
            if code[place] != code[place + 1]:
                tried += 1
                swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
                missed += codes.read(swapped) is not None
    assert missed / tried < 0.02


@given(
    st.one_of(
        st.text(max_size=60), st.text(string.ascii_letters + string.digits + "- ", min_size=15, max_size=22)
    )
)
def test_whatever_is_typed_is_read_as_a_code_or_as_none(typed):
    read = codes.read(typed)
    assert read is None or codes.read(codes.shown(read)) == read
