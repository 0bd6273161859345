"""The catalog and its derived lists as Excel workbooks, for reading (`catalogs.forms` has what is filled in).

Cells are texts and whole numbers: nothing in them runs.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from catalogs import views
from catalogs.exports.templating import cell_text, law_text
from catalogs.exports.xlsx import Cell, Sheet, workbook
from catalogs.lists import DerivedList
from catalogs.views_services import AUDIENCE_NAMES, CHANNEL_NAMES, OUTCOME_NAMES, limit_text

View = dict[str, Any]


def catalog_workbook(seen: View) -> bytes:
    """Return a tier's `views.catalog_json` as a workbook."""
    return workbook(Sheet(title, header, list(rows)) for title, header, rows in _sheets(seen))


def lists_workbook(lists: Sequence[DerivedList]) -> bytes:
    """Return derived lists as a workbook: an index, and a sheet for each."""
    index = [(one.title_zh, len(one.rows), summary_text(one)) for one in lists]
    sheets = [Sheet("目录", ("清单", "行数", "摘要"), index)]
    for one in lists:
        header = [column.zh for column in one.columns]
        rows = [[_cell(row[key]) for key in one.keys] for row in one.rows]
        sheets.append(Sheet(one.title_zh, header, rows, [column.width for column in one.columns]))
    return workbook(sheets)


def summary_text(one: DerivedList) -> str:
    """Return a list's summary in one line, without the number of rows."""
    return "; ".join(f"{name} {value}" for name, value in one.summary.items() if name != "行数")


def _cell(value: Any) -> Cell:
    return value if isinstance(value, int) and not isinstance(value, bool) else cell_text(value)


def _sheets(seen: View) -> Iterable[tuple[str, Sequence[str], Iterable[Sequence[Any]]]]:
    resources, services = seen["resources"], seen["serviceItems"]
    yield (
        "数据资源",
        ("资源", "名称", "信息资源代码", "分类", "数源单位", "摘要", "共享类型", "共享条件或不予共享依据", "是否开放",
         "更新周期", "送达时间", "覆盖人群", "发布日期", "版本", "层级", "信息项数"),
        ((r["name"], r["nameZh"], r["code"], r["category"], r["providerName"], r["abstract"],
          views.SHARE_NAMES[r["shareType"]], r["shareCondition"], _yes(r["isOpen"]),
          views.CYCLE_NAMES.get(r["updateCycle"], r["updateCycle"]), r["delivers"], "、".join(r["populations"]),
          r["publishedOn"], r["version"], views.TIER_NAMES[r["tier"]], len(r["items"])) for r in resources),
    )  # fmt: skip
    yield (
        "信息项",
        ("资源", "资源名称", "信息项", "名称", "说明", "类型", "数据元", "代码表", "必填", "主键", "共享类型",
         "共享条件或不予共享依据", "权威源"),
        ((r["name"], r["nameZh"], i["name"], i["nameZh"], i["description"], i["type"], i["element"], i["codeTable"],
          _yes(i["required"]), _yes(i["key"]), views.SHARE_NAMES[i["shareType"]], i["shareCondition"],
          _yes(i["authoritative"])) for r in resources for i in r["items"]),
    )  # fmt: skip
    yield (
        "数据元",
        ("编号", "名称", "英文名", "类型", "代码表", "标准"),
        (
            (e["code"], e["nameZh"], e["nameEn"], e["type"], e["codeTable"], e["norm"])
            for e in seen["elements"]
        ),
    )
    yield (
        "服务事项",
        ("编码", "名称", "事项类型", "服务对象", "主题", "主责单位", "协办单位", "办件类型", "承诺时限", "办理形式",
         "网上办理深度", "到现场次数", "到现场原因", "设定依据", "收费", "办理结果", "咨询", "监督投诉"),
        ((s["code"], s["nameZh"], s["kind"], "、".join(AUDIENCE_NAMES.get(a, a) for a in s["audience"]), s["theme"],
          s["leadUnitName"], "、".join(u["nameZh"] for u in s["jointUnits"]), s["caseType"],
          limit_text(s["promisedLimit"]), "、".join(CHANNEL_NAMES.get(c, c) for c in s["channels"]),
          s["onlineDepth"], s["visits"], s["visitReason"], "; ".join(map(law_text, s["legalBasis"])),
          _yes(s["fee"].get("charged")), s["result"].get("nameZh", ""), s["consult"].get("phone", ""),
          s["complaint"].get("phone", "")) for s in services),
    )  # fmt: skip
    yield (
        "申请材料",
        ("事项编码", "事项", "材料编码", "材料", "材料类型", "必要性", "情形", "形式", "出具单位", "所证事实", "结论"),
        ((s["code"], s["nameZh"], m["material"], m["nameZh"], m["kind"], m["necessity"], m["condition"],
          "、".join(m["form"]), m["issuerName"], "、".join(f["nameZh"] for f in m["facts"]),
          OUTCOME_NAMES[m["outcome"]]) for s in services for m in s["materials"]),
    )  # fmt: skip


def _yes(value: Any) -> str:
    return "是" if value else "否"
