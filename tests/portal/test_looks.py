"""What judges how pages look sees what is wrong: it is asked of every page, and would else be content with all."""

import pytest

from tests.portal import looks

DESK = {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def page(chromium):
    found = chromium.new_page(viewport=DESK)
    yield found
    found.close()


@pytest.mark.parametrize(
    ("html", "told"),
    [
        ("<p style='width: 900px'>宽</p>", ["on a telephone: moves sideways"]),
        ("<table style='width: 720px'><tr><td>宽</table>", ["in print: leaves the paper"]),
        (
            "<p style='position: absolute; top: 0'>一段</p><p style='position: absolute; top: 2px'>另一段</p>",
            ["on a telephone: “一段” lies on “另一段”", "in print: “一段” lies on “另一段”"],
        ),
        ("<p>一段</p><p>另一段</p>", []),
    ],
)  # fmt: skip
def test_a_page_that_does_not_fit_is_told_and_left_as_it_was(page, html, told):
    page.set_content(f"<main>{html}</main>")
    found = looks.faults(page)
    assert all(any(one.startswith(words) for one in found) for words in told), found
    assert bool(found) == bool(told)
    assert page.viewport_size == DESK
