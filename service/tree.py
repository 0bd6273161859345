"""The Merkle tree over the record's entries, as RFC 6962 and RFC 9162 §2.1 define it; pure.

A node is named (level, index): the hash over the 2**level leaves from index * 2**level on, all of which exist. The root
of any stretch of leaves, and every proof, is folded from such complete nodes, so whoever keeps some of them need not
read the leaves again.
"""

import hashlib
from collections.abc import Iterator, Sequence

Node = tuple[int, int]
Stretch = tuple[int, int]  # leaves from the first to before the second

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf(content: bytes) -> bytes:
    """Return the hash of a leaf, 32 bytes."""
    return hashlib.sha256(b"\x00" + content).digest()


def inner(left: bytes, right: bytes) -> bytes:
    """Return the hash over two neighbours, 32 bytes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def complete(hashes: Sequence[bytes]) -> bytes:
    """Return the node over 2**n neighbouring nodes of one level."""
    while len(hashes) > 1:
        hashes = [inner(left, right) for left, right in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]


def nodes(stretch: Stretch) -> list[Node]:
    """Return the complete nodes whose fold is the root of a stretch that begins where a subtree does."""
    first, end = stretch
    found = []
    while first < end:
        level = (end - first).bit_length() - 1
        found.append((level, first >> level))
        first += 1 << level
    return found


def fold(hashes: Sequence[bytes]) -> bytes:
    """Return the root over the nodes of a stretch, given from left to right; of none, the root of nothing."""
    if not hashes:
        return EMPTY_ROOT
    *others, root = hashes
    for left in reversed(others):
        root = inner(left, root)
    return root


def inclusion(index: int, size: int) -> list[Stretch]:
    """Return the stretches whose roots prove that leaf `index` is in the tree of `size` leaves, the nearest first.

    Raises:
        ValueError: there is no such leaf in it.
    """
    if not 0 <= index < size:
        raise ValueError("the tree does not reach that leaf")
    return list(_beside(index, 0, size))[::-1]


def _beside(index: int, first: int, end: int) -> Iterator[Stretch]:
    while end - first > 1:
        middle = first + _half(end - first)
        if index < middle:
            yield middle, end
            end = middle
        else:
            yield first, middle
            first = middle


def consistency(old: int, new: int) -> list[Stretch]:
    """Return the stretches whose roots prove that the tree of `old` leaves is the beginning of that of `new` leaves.

    Raises:
        ValueError: the old tree is empty or larger than the new one.
    """
    if not 0 < old <= new:
        raise ValueError("the older tree must have a leaf, and no more of them than the newer one")
    found: list[Stretch] = []
    first, end, is_whole = 0, new, True
    while old != end:
        middle = first + _half(end - first)
        if old <= middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((first, middle))
            first, is_whole = middle, False
    if not is_whole:
        found.append((first, end))
    return found[::-1]


def root_by_inclusion(leaf_hash: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root that a proof of inclusion leads to (RFC 9162 §2.1.3.2).

    Raises:
        ValueError: the proof has another length than such a leaf's.
    """
    stretches = inclusion(index, size)
    if len(stretches) != len(path):
        raise ValueError("a proof of another length")
    found = leaf_hash
    for (first, _), other in zip(stretches, path, strict=True):
        found = inner(found, other) if first > index else inner(other, found)
    return found


def roots_by_consistency(old: int, new: int, old_root: bytes, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return the roots of the older and the newer tree that a proof of consistency leads to (RFC 9162 §2.1.4.2).

    Raises:
        ValueError: the proof has another length than one between such trees.
    """
    stretches = consistency(old, new)
    if len(stretches) != len(path):
        raise ValueError("a proof of another length")
    parts = list(zip(stretches, path, strict=True))
    if parts and parts[0][0][1] == old:
        (start, _), found_old = parts.pop(0)
    else:
        start, found_old = 0, old_root
    found_new = found_old
    for (first, _), other in parts:
        if first < start:
            found_old, found_new = inner(other, found_old), inner(other, found_new)
        else:
            found_new = inner(found_new, other)
    return found_old, found_new


def _half(count: int) -> int:
    """Return the largest power of two below a count of at least two."""
    return 1 << (count - 1).bit_length() - 1
