"""The page that explains the figures of the reform says what the models say."""

from scripts.reform_page import PAGE, page


def test_the_page_of_figures_is_as_new_as_the_models():
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m scripts.reform_page`"
