"""Status lists: as the draft has them, and no bomb is unpacked."""

import zlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certificates import status
from certificates.compact import base64url, signed
from certificates.status import INVALID, LARGEST, VALID, StatusList
from certificates.tokens import TokenFault
from tests.certificates.office import LATER, STATUS_LIST

# The examples of the draft, section "Compressed Byte Array".
ONE_BIT = [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]
TWO_BITS = [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]


def reason(text, trust, address=STATUS_LIST, at=LATER) -> str:
    with pytest.raises(TokenFault) as fault:
        status.read(text, trust, address=address, at=at)
    return fault.value.reason


@pytest.mark.parametrize(
    ("bits", "statuses", "lst"), [(1, ONE_BIT, "eNrbuRgAAhcBXQ"), (2, TWO_BITS, "eNo76fITAAPfAgc")]
)
def test_the_drafts_examples_come_out_and_in(bits, statuses, lst):
    made = StatusList(len(statuses), bits=bits)
    for index, one in enumerate(statuses):
        made.set(index, one)
    assert made.encode() == {"bits": bits, "lst": lst}
    read = StatusList.decode({"bits": bits, "lst": lst})
    assert [read.get(index) for index in range(len(statuses))] == statuses


@given(st.sampled_from([1, 2, 4, 8]), st.data())
def test_what_is_set_is_read_back_and_nothing_else_moves(bits, data):
    size = 8 * data.draw(st.integers(1, 40))
    wanted = data.draw(
        st.dictionaries(st.integers(0, size - 1), st.integers(0, (1 << bits) - 1), max_size=20)
    )
    made = StatusList(size, bits=bits)
    for index, one in wanted.items():
        made.set(index, one)
    again = StatusList.decode(made.encode())
    assert (again.size, again.bits) == (size, bits)
    assert [again.get(index) for index in range(size)] == [wanted.get(index, 0) for index in range(size)]


def test_a_signed_list_says_who_is_revoked(office):
    text = status.sign(StatusList(1 << 17, [5, 90_001]), office.signer, address=STATUS_LIST, at=LATER)
    read = status.read(text, office.trust, address=STATUS_LIST, at=LATER)
    assert [read.get(index) for index in (4, 5, 90_001, 1 << 17, -1)] == [VALID, INVALID, INVALID, None, None]
    assert len(text) < 4_000


def test_a_list_holds_for_its_address_its_time_and_its_signer_alone(office, stranger):
    text = status.sign(StatusList(8), office.signer, address=STATUS_LIST, at=LATER, lifetime_s=60)
    assert reason(text, office.trust, address=STATUS_LIST + "0") == "malformed"
    assert reason(text, office.trust, at=LATER + timedelta(seconds=60)) == "token_expired"
    assert reason(text, office.revoking(office.token_key)) == "signer_revoked"
    theirs = status.sign(StatusList(8), stranger.signer, address=STATUS_LIST, at=LATER)
    assert reason(theirs, office.trust) == "untrusted_signer"


def test_a_certificates_token_is_no_status_list_and_the_reverse(office):
    assert reason(office.token().partition("~")[0], office.trust) == "malformed"


@pytest.mark.parametrize(("size", "bits"), [(0, 1), (7, 1), (8, 3), (LARGEST + 8, 1), (-8, 1)])
def test_a_list_of_odd_size_is_not_made(size, bits):
    with pytest.raises(ValueError, match="status list"):
        StatusList(size, bits=bits)


@pytest.mark.parametrize(("index", "one"), [(8, 1), (-1, 1), (0, 2), (0, -1)])
def test_an_entry_outside_is_not_set(index, one):
    with pytest.raises(ValueError, match="outside a list of 8"):
        StatusList(8).set(index, one)


BOMB = base64url(zlib.compress(bytes(200_000_000), 9))


@pytest.mark.parametrize(
    "claim",
    [
        None,
        {},
        {"bits": 1},
        {"bits": 3, "lst": "eNrbuRgAAhcBXQ"},
        {"bits": True, "lst": "eNrbuRgAAhcBXQ"},
        {"bits": 1, "lst": ""},
        {"bits": 1, "lst": "AAAA"},
        {"bits": 1, "lst": "eNrbuRg"},
        {"bits": 1, "lst": "不是"},
        {"bits": 1, "lst": BOMB},
    ],
    ids=lambda claim: str(claim)[:40],
)
def test_an_odd_list_or_a_bomb_is_refused(office, claim):
    with pytest.raises(ValueError):
        StatusList.decode(claim)
    payload = {"sub": STATUS_LIST, "exp": LATER.timestamp() + 60, "status_list": claim}
    assert reason(signed(status.TYPE, payload, office.signer), office.trust) == "malformed"
