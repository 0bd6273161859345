"""What a paper shows: every sign of a name, in the chosen language, with a code that a telephone reads."""

import io
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from catalogs.exports.printing import Press
from certificates import codes, paper, tokens
from certificates.paper import TOKEN_FILE, Template, Text
from tests.certificates.office import LATER, RARE_NAME, content, ran, text_of
from tests.support.needs import need_program

HAN_FONT = Path("/usr/share/fonts/truetype/babelstone/BabelStoneHan.ttf")
EXTENSION_B = "\U00020000"  # 𠀀: the wheel's font has no glyph for it


def printed(office, language="both", template=None, token="a.b.c~", press=None, **changed) -> bytes:
    return paper.print_paper(
        press or office.press, template or Template(), content(**changed), language, token
    )


def pixels(pdf: bytes, folder: Path, dots: int = 150) -> np.ndarray:
    """Return the first page as poppler paints it, in grey."""
    (folder / "page.pdf").write_bytes(pdf)
    program = need_program("pdftoppm", package="poppler-utils")
    painted = ran(program, "-r", dots, "-gray", "-singlefile", folder / "page.pdf", folder / "page")
    assert painted.returncode == 0
    head = re.match(rb"P5\s+(\d+)\s+(\d+)\s+255\s", (folder / "page.pgm").read_bytes())
    assert head is not None
    width, height = map(int, head.groups())
    return np.frombuffer((folder / "page.pgm").read_bytes()[head.end() :], np.uint8).reshape(height, width)


def test_everything_that_is_certified_can_be_read_and_copied(office, tmp_path):
    said = content()
    text = text_of(paper.print_paper(office.press, Template(), said, "both", "t~"), tmp_path)
    for expected in (
        *("示例大学", "Example University", "在读证明", "Certificate of Enrolment", RARE_NAME, "计算机学院"),
        *("School of Computing", "教务处", "Academic Affairs", "2026-11-01", "2026-11-20", "ZD-2026-000123"),
        *(codes.shown(said.code), said.verify_address, "2027-02-24", "校内核验用", "学生处", "特此证明。"),
    ):
        assert expected in text, expected


def test_a_paper_in_one_language_shows_no_word_of_the_other(office, tmp_path):
    english = text_of(printed(office, "en", lines=(), statement=Text("不见", "Seen.")), tmp_path)
    assert "Seen." in english and "Certificate of Enrolment" in english
    assert not re.search(r"[\u4e00-\u9fff]", english)
    chinese = text_of(printed(office, "zh"), tmp_path)
    assert "在读证明" in chinese and "Enrolment" not in chinese and "Valid until" not in chinese


def test_a_rare_sign_of_extension_b_shows_with_a_font_that_has_it(office, tmp_path, monkeypatch):
    if not HAN_FONT.exists():
        pytest.skip("no font with Unicode's extension B (package fonts-babelstone-han)")
    (tmp_path / "fonts").mkdir()
    shutil.copy(HAN_FONT, tmp_path / "fonts")
    monkeypatch.setenv("YICI_FONTS", str(tmp_path / "fonts"))
    press = Press()
    name = f"张{EXTENSION_B}"
    pdf = printed(office, "zh", press=press, statement=Text(f"兹证明{name}在读。"))
    assert f"兹证明{name}在读" in text_of(pdf, tmp_path)
    (tmp_path / "held.pdf").write_bytes(pdf)
    fonts = ran(need_program("pdffonts", package="poppler-utils"), tmp_path / "held.pdf").stdout.decode()
    assert "BabelStoneHan" in fonts
    assert all(" yes yes yes " in line for line in fonts.splitlines()[2:])  # embedded, subset, to Unicode
    assert len(pdf) < 100_000


def test_a_sign_that_no_font_has_is_told_by_its_code(office, tmp_path):
    text = text_of(printed(office, "zh", statement=Text(f"兹证明张{EXTENSION_B}在读。")), tmp_path)
    assert "张〔U+20000〕" in text and "没有字形" in text


def test_the_qr_code_opens_the_address_that_checks_the_paper(office, tmp_path):
    zxingcpp = pytest.importorskip("zxingcpp", reason="zxing-cpp is not installed (requirements-dev.in)")
    for _ in range(6):
        said = content()
        page = pixels(paper.print_paper(office.press, Template(), said, "zh", "t~"), tmp_path, dots=100)
        assert [found.text for found in zxingcpp.read_barcodes(page)] == [said.verify_address]


def test_the_token_is_attached_whole(office, sealed, tmp_path):
    (tmp_path / "paper.pdf").write_bytes(sealed)
    program = need_program("pdfdetach", package="poppler-utils")
    assert (
        ran(program, "-savefile", TOKEN_FILE, "-o", tmp_path / "token", tmp_path / "paper.pdf").returncode
        == 0
    )
    assert tokens.check((tmp_path / "token").read_text(), office.trust, LATER).claims["XM"] == RARE_NAME


def test_equal_content_prints_equal_bytes(office):
    said = content()
    one, other = (
        paper.print_paper(press, Template(), said, "both", "t~") for press in (office.press, Press())
    )
    assert one == other


def test_a_paper_of_a_licensed_root_bears_no_mark_of_campus_use(office, tmp_path):
    assert "校内核验用" not in text_of(printed(office, is_internal=False), tmp_path)


def test_the_template_decides_the_layout(office, tmp_path):
    said = {"statement": Text("这一句。", "This sentence.")}
    usual = text_of(printed(office, "zh", **said), tmp_path)
    assert usual.index("这一句") < usual.index("计算机学院") and "数源单位" in usual
    template = Template(
        accent="#00695c",
        statement_first=False,
        show_providers=False,
        notes=(Text("遗失不补。", "No duplicates."),),
        signature=Text("谨此证明。", "Certified."),
    )
    other = text_of(printed(office, "zh", template, **said), tmp_path)
    assert other.index("这一句") > other.index("计算机学院")
    assert "数源单位" not in other and "教务处 2026-11-20" in other  # the sources are told all the same
    assert "遗失不补。" in other and "谨此证明。" in other and "特此证明。" not in other


def test_what_looks_like_markup_is_printed_as_it_is(office, tmp_path):
    odd = '#panic("x") *a* _b_ $x$ <label> [c] \\ "d" #read("/etc/passwd")'
    assert odd in text_of(printed(office, "zh", statement=Text(odd)), tmp_path)


def test_many_values_go_over_pages_with_the_table_head_and_the_number_on_each(office, tmp_path):
    [line, *_] = content().lines
    text = text_of(printed(office, "zh", lines=(line,) * 60), tmp_path)
    pages = text.split("\f")[:-1]
    assert len(pages) > 1
    for number, page in enumerate(pages, 1):
        assert "ZD-2026-000123" in page and re.search(rf"{number} ?/ ?{len(pages)}\b", page)
    assert all("数源单位" in page for page in pages if RARE_NAME in page)


def test_a_text_that_the_language_needs_is_asked_for_by_name_and_never_by_value(office):
    [line, *_] = content().lines
    lines = (line, paper.Line(Text("绩点", ""), Text("3.97"), line.provider, line.as_of))
    with pytest.raises(ValueError, match=r"^label, value: no text in en; nothing was printed$") as told:
        printed(office, "en", lines=lines)
    assert "3.97" not in str(told.value)
    assert printed(office, "zh", lines=lines)


def test_a_paper_prints_as_a_printer_wants_it(sealed, tmp_path):
    (tmp_path / "paper.pdf").write_bytes(sealed)
    program = need_program("pdftops", package="poppler-utils")
    assert ran(program, tmp_path / "paper.pdf", tmp_path / "paper.ps").returncode == 0
    assert (tmp_path / "paper.ps").read_bytes().startswith(b"%!PS")
    assert (pixels(sealed, tmp_path) < 128).mean() > 0.01


def test_a_paper_opens_in_a_browser(office, tmp_path):
    zxingcpp = pytest.importorskip("zxingcpp", reason="zxing-cpp is not installed (requirements-dev.in)")
    image = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    from playwright.sync_api import sync_playwright

    said = content()
    (tmp_path / "paper.pdf").write_bytes(office.paper(code=said.code, verify_address=said.verify_address))
    program = need_program("chromium", package="chromium")
    with sync_playwright() as playwright:
        # The new kind of headless: the old one has no PDF viewer.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--headless=new"])
        page = browser.new_page(viewport={"width": 1000, "height": 1300})
        page.goto(f"file://{tmp_path / 'paper.pdf'}")
        found: list[str] = []
        for _ in range(40):  # the viewer says nowhere that it is done
            page.wait_for_timeout(250)
            shot = image.open(io.BytesIO(page.screenshot()))
            found = [one.text for one in zxingcpp.read_barcodes(shot)]
            if found:
                break
        browser.close()
    assert said.verify_address in found
