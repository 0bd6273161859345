"""Sealing many values is sealing each of them."""

import pyarrow as pa

from warehouse.sealing import Key, Ring

RING = Ring((Key("0a1b2c3d", bytes(range(32))),))
# Of every length around the ends of blocks, in one byte a character and in several; some of them twice.
TEXTS = [character * count for character in ("7", "é", "王", "鸑") for count in range(70)] * 2


def test_a_column_is_sealed_as_its_values_are_and_what_is_null_stays_null():
    texts: list[str | None] = [*TEXTS, None, "110101198001010015"]
    for context in ("SFZJH", "上下文", "x" * 100):
        alone = [None if text is None else RING.seal(text, context) for text in texts]
        assert RING.column(pa.array(texts, pa.string()), context).to_pylist() == alone
        assert [one and RING.unseal(one, context) for one in alone] == texts
    parts = pa.chunked_array([texts[:5], texts[5:]], pa.string())
    assert RING.column(parts, "SFZJH") == RING.column(pa.array(texts, pa.string()), "SFZJH")


def test_nothing_is_sealed_of_an_empty_column():
    assert RING.column(pa.array([], pa.string()), "SFZJH").to_pylist() == []
