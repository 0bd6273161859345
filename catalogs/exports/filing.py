"""The filing pack (备案): everything that goes to the education department, in one zip that can be checked.

It holds the whole catalog as the data office sees it, and no person: units and posts answer, and the form of demands,
which asks for the applicant's name, is left out for the list of them. The cover sheet has fields to be signed and
sealed, on paper or with a certificate (they are PDF signature fields). `manifest.csv` has the SHA-256 of every other
file, and the cover that of the manifest.
"""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec, append_signature_field

from catalogs import views
from catalogs.exports.cpsv import cpsv_graph
from catalogs.exports.dcat import dcat_graph
from catalogs.exports.flow_svg import draw
from catalogs.exports.guides import Guides
from catalogs.exports.printing import Press
from catalogs.exports.terms import slug
from catalogs.exports.workbook import catalog_workbook, lists_workbook
from catalogs.exports.yaml_text import dump_yaml, read_plain
from catalogs.forms.known import write_form
from catalogs.lists import DerivedList
from catalogs.model import Catalog
from catalogs.views_services import visible_services

READER = "office"
COVER, MANIFEST = "cover.pdf", "manifest.csv"
_FORMS = ("guide", "annex1", "annex2", "annex3", "powers", "responsibilities")
_PARTS = (
    ("forms/", "表单", "信息资源目录、服务事项清单、流程、一次性告知、权责清单、责任清单 (Excel)"),
    ("lists/", "清单", "由目录推导的全部清单, 每行附说明 (Excel)"),
    ("guides/", "办事指南", "每个服务事项一份 (PDF)"),
    ("contracts/", "数据契约", "每项数据资源一份 (ODCS 3.2.0)"),
    ("catalog/", "目录", "全部目录 (Excel、JSON、DCAT-AP、CPSV-AP)"),
)
# Fields to sign, in points from the lower left of the page: name in the PDF, label, x, y, width, height.
_BOXES = (
    ("preparer", "填表人", 62, 130, 150, 60),
    ("data_office", "数据办负责人签字", 222, 130, 150, 60),
    ("unit_seal", "单位负责人签字(公章)", 382, 62, 150, 128),
    ("filed_on", "日期", 62, 62, 150, 60),
    ("receiver", "备案机关(章)", 222, 62, 150, 60),
)
_NOT_SIGNED = frozenset(("filed_on",))


def filing_pack(catalog: Catalog, lists: Iterable[DerivedList], on: date) -> bytes:
    """Return the filing pack as a zip.

    Args:
        catalog: the checked catalog.
        lists: its derived lists, whole.
        on: the day that stands on the cover.
    """
    files = dict(_files(catalog, tuple(lists)))
    manifest = _manifest(files)
    cover = _cover(catalog, files, manifest, on)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {COVER: cover, MANIFEST: manifest, **files}.items():
            entry = zipfile.ZipInfo(name, (on.year, on.month, on.day, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return out.getvalue()


def _files(catalog: Catalog, lists: tuple[DerivedList, ...]) -> Iterator[tuple[str, bytes]]:
    for name in _FORMS:
        form = write_form(name, catalog)
        if form is not None:
            yield f"forms/{name}.xlsx", form
    yield "lists/lists.xlsx", lists_workbook([one.for_readers(READER) for one in lists])
    items = visible_services(catalog, READER)
    guides = Guides(catalog, {item.code: draw(catalog, item).decode() for item in items})
    try:
        guides.start(items)
        for resource in views.visible_resources(catalog, READER):
            doc = read_plain(catalog.files[resource.file])
            text = dump_yaml(views.contract_for(catalog, doc, resource, READER))
            yield f"contracts/{resource.name}.odcs.yaml", text.encode()
        seen = views.catalog_json(catalog, READER)
        yield "catalog/catalog.json", json.dumps(seen, ensure_ascii=False).encode()
        yield "catalog/catalog.xlsx", catalog_workbook(seen)
        yield "catalog/dcat.ttl", dcat_graph(catalog, READER).turtle().encode()
        yield "catalog/cpsv.ttl", cpsv_graph(catalog, READER).turtle().encode()
        for item in items:
            yield f"guides/{slug(item.code)}.pdf", guides.take(item.code)
    finally:
        guides.close()


def _manifest(files: dict[str, bytes]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(("文件", "字节", "SHA-256"))
    writer.writerows((name, len(content), _digest(content)) for name, content in files.items())
    return out.getvalue().encode("utf-8-sig")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _grouped(digest: str) -> str:
    """Return a digest in groups of eight, as it is compared by eye."""
    return " ".join(digest[start : start + 8] for start in range(0, len(digest), 8))


def _cover(catalog: Catalog, files: dict[str, bytes], manifest: bytes, on: date) -> bytes:
    resources = views.visible_resources(catalog, READER)
    data = {
        "title": "校务数据共享目录备案表",
        "campus": catalog.campus.name_zh,
        "on": f"{on.year} 年 {on.month} 月 {on.day} 日",
        "facts": [
            ("学校", catalog.campus.name_zh),
            ("目录版本", f"SHA-256: {_grouped(catalog.version)}"),
            ("数据资源", f"{len(resources)} 项, 信息项 {sum(len(one.items) for one in resources)} 个"),
            ("服务事项", f"{len(visible_services(catalog, READER))} 个"),
            ("知悉范围", "内部: 含校内与数据办层级的目录信息; 不含任何个人信息"),
        ],
        "parts": [
            (title, text, str(sum(name.startswith(folder) for name in files)))
            for folder, title, text in _PARTS
        ],
        "manifest": _grouped(_digest(manifest)),
        "boxes": [
            {"label": label, "x": x, "y": y, "width": width, "height": height}
            for _, label, x, y, width, height in _BOXES
        ],
    }
    return _with_fields(Press().document("cover.typ", data))


def _with_fields(pdf: bytes) -> bytes:
    """Add the empty signature fields where the template has drawn their boxes."""
    writer: Any = IncrementalPdfFileWriter(io.BytesIO(pdf))
    for name, _, x, y, width, height in _BOXES:
        if name not in _NOT_SIGNED:
            append_signature_field(writer, SigFieldSpec(name, on_page=0, box=(x, y, x + width, y + height)))
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()
