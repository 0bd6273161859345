"""Printed documents: data and a Typst template in, PDF out, with the glyphs that it uses embedded.

Typst comes as one wheel and sets Chinese well (punctuation, line breaks, spacing to Latin) in some 20 ms a guide;
PDF/UA-1 makes the result readable to a screen reader. The font is Noto Sans CJK Regular, from a wheel too, so that
the same catalog prints the same bytes on every machine: fonts of the system are not looked at. One weight keeps a
guide below 70 KB; emphasis is by size and colour. A campus that writes names
with characters no font has (生僻字, private-use codes) adds a font file in the folder that YICI_FONTS names; what
then still has no glyph is printed as its code and told on the page: a box says nothing.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any

import typst
from fontTools.ttLib import TTCollection, TTFont

from catalogs.settings import ConfigurationError

_TEMPLATES = Path(__file__).parent.parent / "templates" / "print"
_FONT_WHEEL = "noto_cjk_sans_otc"
_FAMILY = "Noto Sans CJK SC"
_COLLECTION = ("Noto Sans CJK", "Noto Sans Mono CJK")
_FONT_FILES = (".ttf", ".otf", ".ttc", ".otc")
# A PDF tells when it was made; a fixed moment keeps equal content equal.
_MADE_AT = datetime(2000, 1, 1, tzinfo=UTC)


class Press:
    """Prints documents with one set of fonts. Safe to share between threads; printing releases the GIL."""

    def __init__(self) -> None:
        """Open the fonts: the wheel's, and those of the folder that YICI_FONTS names.

        Raises:
            ConfigurationError: the folder is not there.
        """
        more = os.environ.get("YICI_FONTS")
        if more and not Path(more).is_dir():
            raise ConfigurationError(
                f"YICI_FONTS: {more} is no folder; nothing was printed. Name a folder of fonts"
            )
        self._folders = [str(resources.files(_FONT_WHEEL)), *([more] if more else [])]
        self._fonts = typst.Fonts(False, False, self._folders)
        found = self._fonts.families()
        self.families = [_FAMILY, *(name for name in found if not name.startswith(_COLLECTION))]
        self._sources: dict[str, bytes] = {}

    def document(self, template: str, data: Mapping[str, Any], picture: str = "", ua: bool = True) -> bytes:
        """Return a document as PDF.

        Args:
            template: name of a file of `templates/print`.
            data: what it shows, as JSON values; `fonts` and `missing` are added.
            picture: an SVG that the template shows as `picture`.
            ua: whether the result must be PDF/UA-1; a document with fields to sign is not.
        """
        text = json.dumps(data, ensure_ascii=False)
        lost = sorted(set(text) - self._glyphs)
        for letter in lost:
            text = text.replace(letter, f"〔U+{ord(letter):X}〕")
        told = json.loads(text) | {"fonts": self.families, "missing": _missing_text(lost)}
        compiler = typst.Compiler(font_paths=self._fonts, ignore_system_fonts=True)
        printed = compiler.compile(
            input=self._source(template),
            format="pdf",
            sys_inputs={"data": json.dumps(told, ensure_ascii=False), "picture": picture},
            pdf_standards=["ua-1"] if ua else [],
            timestamp=_MADE_AT,
        )
        assert isinstance(printed, bytes)
        return printed

    def digest(self, template: str, data: Mapping[str, Any], picture: str = "") -> str:
        """Return what a document depends on as one number; equal numbers print equal documents."""
        told = [version("typst"), self._fonts_told, data, picture]
        text = json.dumps(told, ensure_ascii=False).encode() + self._source(template)
        return hashlib.sha256(text).hexdigest()

    def _source(self, template: str) -> bytes:
        if template not in self._sources:
            self._sources[template] = (_TEMPLATES / template).read_bytes()
        return self._sources[template]

    @cached_property
    def _fonts_told(self) -> list[tuple[str, int]]:
        """The font files by name and size."""
        return [(path.name, path.stat().st_size) for path in self._font_files()]

    def _font_files(self) -> list[Path]:
        found = (path for folder in self._folders for path in sorted(Path(folder).iterdir()))
        return [path for path in found if path.suffix.lower() in _FONT_FILES]

    @cached_property
    def _glyphs(self) -> frozenset[str]:
        """The characters that any of the fonts has a glyph for, and those that need none."""
        known = {code for path in self._font_files() for code in _characters(path, tuple(self.families))}
        return frozenset(map(chr, known)) | frozenset(" \n\r\t\u200b\ufeff")


@lru_cache
def _characters(path: Path, families: tuple[str, ...]) -> frozenset[int]:
    """Return the characters that a font file has glyphs for; of a collection, those of the families alone."""
    if path.suffix.lower() not in (".ttc", ".otc"):
        with TTFont(path, lazy=True) as font:
            return frozenset(font.getBestCmap() or ())
    with TTCollection(path, lazy=True) as collection:
        return frozenset(
            code
            for font in collection
            if font["name"].getBestFamilyName() in families
            for code in font.getBestCmap() or ()
        )


def _missing_text(lost: list[str]) -> str:
    if not lost:
        return ""
    codes = "、".join(f"U+{ord(letter):X}" for letter in lost)
    return f"本文有 {len(lost)} 个字没有字形, 以其编码代替: {codes}。请向数据办索取字库。"
