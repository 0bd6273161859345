"""Texts in pictures: broken into lines that fit, since SVG does not break them."""

from catalogs.exports.svg import broken


def test_a_latin_word_stays_whole_where_it_fits_and_is_broken_where_it_does_not():
    assert broken("人事处 Office of staff", 100, 14) == ["人事处", "Office of", "staff"]
    hostile = "\"'--><script>window.ran=1</script>"
    lines = broken(hostile, 100, 14)
    assert "".join(lines) == hostile
    assert all(len(line) * 14 * 0.56 <= 100 - 10 for line in lines)
