"""Printed guides: everything told at once, in Chinese whatever fonts the machine has, the same on each machine."""

import io
import re
from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from pypdf import PdfReader

import catalogs
from catalogs.exports.printing import Press
from catalogs.publish import publish
from catalogs.settings import ConfigurationError
from tests.catalogs.exports.support import layered_campus
from tests.catalogs.small import SERVICE, campus, service_item


def guide_of(folder: Path, **changes) -> PdfReader:
    catalog = catalogs.load(campus({SERVICE: service_item(**changes)}))
    out = publish(catalog, folder / "site", ("public",))
    return PdfReader(out / "public" / "services" / "RS-001.pdf")


def text_of(reader: PdfReader) -> str:
    return re.sub(r"\s+", "", "".join(page.extract_text() for page in reader.pages))


def test_a_guide_tells_everything_at_once(tmp_path):
    out = publish(layered_campus(), tmp_path / "site", ("public",))
    text = text_of(PdfReader(out / "public" / "services" / "RS-001.pdf"))
    for told in ("在职证明", "当场办结", "一趟不跑", "不收费", "身份证复印件", "免提交", "须提交", "受理", "核验",
                 "《证明开具办法》(校人〔2025〕7号)第四条", "行政楼", "内线1", "第1/"):  # fmt: skip
        assert told in text, told


def test_glyphs_are_embedded_and_a_screen_reader_can_read_it(tmp_path):
    reader = guide_of(tmp_path)
    fonts = [font.get_object() for page in reader.pages for font in page["/Resources"]["/Font"].values()]
    assert fonts
    for font in fonts:
        descriptor = font["/DescendantFonts"][0].get_object()["/FontDescriptor"]
        assert {"/FontFile2", "/FontFile3"} & set(descriptor), descriptor
    assert reader.trailer["/Root"]["/Lang"].lower().startswith("zh")
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]


def test_rare_characters_are_printed_and_what_no_font_has_is_told(tmp_path):
    text = text_of(guide_of(tmp_path, description="𠮷、䶮、龘与 \ue123 的证明"))
    assert "𠮷、䶮、龘与〔U+E123〕的证明" in text
    assert "1个字没有字形" in text
    assert "没有字形" not in text_of(guide_of(tmp_path, description="𠮷、䶮、龘"))


def test_a_campus_adds_a_font_for_its_own_characters(tmp_path, monkeypatch):
    builder = FontBuilder(1000, isTTF=True)
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    pen.lineTo((800, 0))
    pen.lineTo((400, 800))
    pen.closePath()
    builder.setupGlyphOrder([".notdef", "own"])
    builder.setupCharacterMap({0xE123: "own"})
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "own": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (1000, 0), "own": (1000, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable(
        {
            "familyName": "Campus Own",
            "styleName": "Regular",
            "fullName": "Campus Own Regular",
            "psName": "CampusOwn-Regular",
        }
    )
    builder.setupOS2(sTypoAscender=800, usWinAscent=800, usWinDescent=200)
    builder.setupPost()
    fonts = tmp_path / "fonts"
    fonts.mkdir()
    builder.save(fonts / "own.ttf")
    monkeypatch.setenv("YICI_FONTS", str(fonts))
    assert "Campus Own" in Press().families
    text = text_of(guide_of(tmp_path, description="姓 \ue123 的证明"))
    assert "\ue123" in text and "没有字形" not in text


def test_a_folder_of_fonts_that_is_not_there_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("YICI_FONTS", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigurationError, match="YICI_FONTS"):
        Press()


def test_equal_content_prints_equal_bytes(tmp_path):
    first = guide_of(tmp_path / "a", description="同样的内容").stream
    second = guide_of(tmp_path / "b", description="同样的内容").stream
    assert isinstance(first, io.BytesIO) and first.getvalue() == second.getvalue()


def test_a_guide_that_did_not_change_is_not_printed_again(tmp_path, monkeypatch):
    catalog = catalogs.load(campus())
    out = publish(catalog, tmp_path / "site", ("public",))
    before = (out / "public" / "services" / "RS-001.pdf").read_bytes()
    printed = []
    print_it = Press.document
    monkeypatch.setattr(Press, "document", lambda *given: printed.append(given) or print_it(*given))
    publish(catalog, out, ("public",))
    assert printed == []
    assert (out / "public" / "services" / "RS-001.pdf").read_bytes() == before
    changed = catalogs.load(campus({SERVICE: service_item(description="改过的说明")}))
    publish(changed, out, ("public",))
    assert len(printed) == 1
    assert "改过的说明" in text_of(PdfReader(out / "public" / "services" / "RS-001.pdf"))
