"""The tree over the record: roots and proofs are those of the recursive definitions in RFC 6962 §2.1."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import tree

LEAVES = [str(number).encode() for number in range(300)]
HASHES = [hashlib.sha256(b"\x00" + one).digest() for one in LEAVES]


def mth(leaves: list[bytes]) -> bytes:
    """The Merkle tree hash, word for word as §2.1 defines it."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = split(leaves)
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """§2.1.1."""
    if len(leaves) == 1:
        return []
    k = split(leaves)
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: list[bytes], is_whole: bool) -> list[bytes]:
    """§2.1.2."""
    if m == len(leaves):
        return [] if is_whole else [mth(leaves)]
    k = split(leaves)
    if m <= k:
        return [*subproof(m, leaves[:k], is_whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


def split(leaves: list[bytes]) -> int:
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return k


def root(stretch: tree.Stretch) -> bytes:
    return tree.fold(
        [tree.complete(HASHES[i << level : (i + 1) << level]) for level, i in tree.nodes(stretch)]
    )


sizes = st.integers(1, len(LEAVES))


@given(st.integers(0, len(LEAVES)))
def test_the_root_is_that_of_the_definition(size):
    assert root((0, size)) == mth(LEAVES[:size])


@given(sizes, st.data())
def test_a_proof_of_inclusion_is_that_of_the_definition_and_leads_to_the_root(size, data):
    index = data.draw(st.integers(0, size - 1))
    proof = [root(stretch) for stretch in tree.inclusion(index, size)]
    assert proof == path(index, LEAVES[:size])
    assert tree.root_by_inclusion(HASHES[index], index, size, proof) == mth(LEAVES[:size])
    other = data.draw(st.integers(0, size - 1).filter(lambda one: one != index)) if size > 1 else None
    if other is not None:
        assert tree.root_by_inclusion(HASHES[other], index, size, proof) != mth(LEAVES[:size])


@given(sizes, st.data())
def test_a_proof_of_consistency_is_that_of_the_definition_and_leads_to_both_roots(new, data):
    old = data.draw(st.integers(1, new))
    proof = [root(stretch) for stretch in tree.consistency(old, new)]
    assert proof == subproof(old, LEAVES[:new], True)
    roots = mth(LEAVES[:old]), mth(LEAVES[:new])
    assert tree.roots_by_consistency(old, new, roots[0], proof) == roots
    if proof:
        proof[data.draw(st.integers(0, len(proof) - 1))] = bytes(32)
        assert tree.roots_by_consistency(old, new, roots[0], proof) != roots


def test_what_cannot_be_proven_is_refused():
    for index, size in ((3, 3), (-1, 3), (0, 0)):
        with pytest.raises(ValueError, match="does not reach"):
            tree.inclusion(index, size)
    for old, new in ((0, 3), (4, 3)):
        with pytest.raises(ValueError, match="older tree"):
            tree.consistency(old, new)
    with pytest.raises(ValueError, match="another length"):
        tree.root_by_inclusion(HASHES[0], 0, 4, [bytes(32)])
