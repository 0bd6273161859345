"""A change's consequences as data for machines, and in words for those who decide, in Chinese or English."""

from collections.abc import Iterable, Mapping
from typing import Any

from catalogs.changes.code_words import code_word
from catalogs.changes.consequences import Consequences, GrantChange
from catalogs.changes.edits import Edit
from catalogs.counting import filled
from catalogs.model import Catalog
from catalogs.posts import post_title
from catalogs.views import resource_name, unit_name

ZH, EN = "zh", "en"
_SHOWN = 60
_ALLOWED, _CLOSED, _BREAKS, _MENDS, _WHOM, _HOW, _WHAT = range(7)
_HEADS = (
    ("允许了什么", "What becomes allowed"),
    ("收回了什么", "What is taken back"),
    ("影响与中断", "What breaks"),
    ("恢复与减负", "What gets better"),
    ("涉及谁", "Whom it concerns"),
    ("契约与责任", "Contracts and duties"),
    ("改动", "The edits"),
)
_KINDS = {
    "resources": ("数据资源", "resources"),
    "services": ("服务事项", "service items"),
    "materials": ("申请材料", "materials"),
    "demands": ("共享需求", "demands"),
    "elements": ("数据元", "elements"),
    "units": ("单位", "units"),
    "systems": ("业务系统", "systems"),
    "populations": ("人群", "populations"),
    "codes": ("代码表", "code tables"),
    "powers": ("权责事项", "powers"),
    "certificates": ("证明", "certificates"),
    "clients": ("调用方", "clients"),
}
_CLASS_ZH = {"major": "主版本", "minor": "次版本", "patch": "修订"}


def as_data(told: Consequences) -> dict[str, Any]:
    """Return the consequences as plain data with camelCase keys."""
    return {
        "allowsMore": told.allows_more,
        "breaks": told.breaks,
        "grants": {
            "new": [_grant(one) for one in told.grants if one.old is None],
            "removed": [_grant(one) for one in told.grants if one.new is None],
            "changed": [
                _grant(one)
                | {
                    "widens": one.widens,
                    "mask": [one.old.mask, one.new.mask],
                    "validFrom": [_day(one.old.valid_from), _day(one.new.valid_from)],
                    "validTo": [_day(one.old.valid_to), _day(one.new.valid_to)],
                }
                for one in told.grants
                if one.old and one.new
            ],
        },
        "opened": [{"item": name, "from": was, "to": now} for name, was, now in told.opened],
        "closed": [{"item": name, "from": was, "to": now} for name, was, now in told.closed],
        "sources": [
            {
                "element": one.element,
                "lost": list(one.lost),
                "gained": list(one.gained),
                "left": one.left,
            }
            for one in told.sources
        ],
        "demandsLosing": {code: list(elements) for code, elements in told.demands.items()},
        "materialsBack": [{"serviceItem": item, "material": one} for item, one in told.materials_back],
        "materialsSpared": [{"serviceItem": item, "material": one} for item, one in told.materials_spared],
        "fieldsLost": [{"serviceItem": item, "field": one} for item, one in told.fields_lost],
        "items": [
            {"resource": one.resource, "kind": one.kind, "old": one.old, "new": one.new} for one in told.items
        ],
        "contracts": [
            {"resource": one.resource, "class": one.by, "from": one.old, "to": one.new}
            for one in told.contracts
        ],
        "responsibilities": {
            "gained": [_duty(row) for row in told.duties_gained],
            "lost": [_duty(row) for row in told.duties_lost],
        },
        "entries": {
            kind: {"added": list(added), "removed": list(removed)}
            for kind, (added, removed) in told.entries.items()
        },
        "affected": {
            "units": list(told.units),
            "posts": list(told.posts),
            "clients": list(told.clients),
            "serviceItems": list(told.service_items),
        },
    }


def edit_data(edit: Edit) -> dict[str, Any]:
    """Return an edit as plain data."""
    return {"file": edit.file, "entry": edit.entry, "field": edit.field, "old": edit.old, "new": edit.new}


def as_parts(
    told: Consequences, edits: Iterable[Edit], catalog: Catalog, lang: str = ZH
) -> list[tuple[str, list[str]]]:
    """Return the consequences in words: heads with their lines, those without any included.

    Args:
        told: what the change means.
        edits: the change itself.
        catalog: for the names of elements and units.
        lang: zh or en.
    """
    words = _Words(catalog, lang)
    parts = {
        _ALLOWED: words.allowed(told),
        _CLOSED: words.taken_back(told),
        _BREAKS: words.breaks(told),
        _MENDS: words.mends(told),
        _WHOM: words.whom(told),
        _HOW: words.contracts(told),
        _WHAT: words.edits(list(edits)),
    }
    return [(_HEADS[number][lang == EN], found) for number, found in parts.items()]


def as_text(told: Consequences, edits: Iterable[Edit], catalog: Catalog, lang: str = ZH) -> str:
    """Return the consequences in words, as one text; arguments as of `as_parts`."""
    lines = []
    nothing = ("无", "nothing")[lang == EN]
    for head, found in as_parts(told, edits, catalog, lang):
        lines.append(f"{head}: {nothing}" if not found else f"{head}:")
        lines += [f"  {line}" for line in found]
    return "\n".join(lines)


class _Words:
    """Sentences in one language."""

    def __init__(self, catalog: Catalog, lang: str):
        self.catalog, self.is_english = catalog, lang == EN

    def say(self, zh: str, en: str) -> str:
        return en if self.is_english else zh

    def element(self, code: str) -> str:
        found = self.catalog.elements.get(code)
        name = "" if found is None else found.name_en if self.is_english else found.name_zh
        return f"{code} {name}".strip()

    def unit(self, code: str) -> str:
        return unit_name(self.catalog, code, EN if self.is_english else ZH)

    def post(self, post: str) -> str:
        return post_title(self.catalog, post, EN if self.is_english else ZH)

    def word(self, key: str, code: str) -> str:
        return code_word(key, code, self.is_english)

    def resource(self, name: str) -> str:
        told = resource_name(self.catalog, name, EN if self.is_english else ZH)
        return name if told == name else f"{told} ({name})"

    def right(self, change: GrantChange) -> str:
        one = change.grant
        what = f"{self.element(one.element)} ({one.resource}.{one.item})"
        masked = self.say(f", 脱敏 {one.mask}", f", masked {one.mask}") if one.mask else ""
        until = self.say(f", 至 {one.valid_to}", f", until {one.valid_to}") if one.valid_to else ""
        return self.say(
            f"{one.client} 办理 {one.purpose} 可取 {what}{masked}{until} [{one.demand_id}]",
            f"{one.client} for {one.purpose}: {what}{masked}{until} [{one.demand_id}]",
        )

    def allowed(self, told: Consequences) -> list[str]:
        lines = ["+ " + self.right(one) for one in told.grants if one.old is None]
        for one in told.grants:
            if one.old and one.new and one.widens:
                how = self._difference(one)
                lines.append(f"~ {self.right(one)}: {how}")
        for name, was, now in told.opened:
            before, now = self.word("tier", was) or self.say("未列", "not listed"), self.word("tier", now)
            lines.append(
                self.say(
                    f"+ {name} 公布层级 {before} → {now}", f"+ {name} is shown to {now}, before: {before}"
                )
            )
        return lines

    def taken_back(self, told: Consequences) -> list[str]:
        lines = ["- " + self.right(one) for one in told.grants if one.new is None]
        for one in told.grants:
            if one.old and one.new and not one.widens:
                lines.append(f"~ {self.right(one)}: {self._difference(one)}")
        lines += [
            self.say(
                f"- {name} 公布层级 {self.word('tier', was)} → {self.word('tier', now)}",
                f"- {name} is shown to {self.word('tier', now)}, before: {self.word('tier', was)}",
            )
            for name, was, now in told.closed
        ]
        return lines

    def _difference(self, change: GrantChange) -> str:
        assert change.old and change.new
        found = []
        none = self.say("不脱敏", "no mask")
        if change.old.mask != change.new.mask:
            word = (
                self.say("脱敏放宽", "mask loosened")
                if change.mask_loosened
                else self.say("脱敏收紧", "mask tightened")
            )
            found.append(f"{word} {change.old.mask or none} → {change.new.mask or none}")
        before = f"{change.old.valid_from or ''}–{change.old.valid_to or ''}"
        after = f"{change.new.valid_from or ''}–{change.new.valid_to or ''}"
        if before != after:
            found.append(self.say(f"期限 {before} → {after}", f"term {before} → {after}"))
        if change.old.share_type != change.new.share_type:
            before, after = (self.word("shareType", one.share_type) for one in (change.old, change.new))
            found.append(f"{self.say('共享类型', 'share type')} {before} → {after}")
        return "; ".join(found)

    def breaks(self, told: Consequences) -> list[str]:
        lines = []
        for one in told.sources:
            if one.lost:
                gone = ", ".join(one.lost)
                rest = (
                    self.say("再无数源", "nobody is its source any more")
                    if one.is_without
                    else self.say(
                        f"尚有 {one.left} 个数源", filled("{0} {0:source is|sources are} left", one.left)
                    )
                )
                lines.append(f"{self.element(one.element)}: − {gone}; {rest}")
        for code, elements in told.demands.items():
            named = ", ".join(map(self.element, elements))
            lines.append(self.say(f"需求 {code} 失去 {named}", f"demand {code} loses {named}"))
        for item, material in told.materials_back:
            lines.append(self.say(f"{item} 又须提交 {material}", f"{item} asks for {material} again"))
        for item, field in told.fields_lost:
            lines.append(
                self.say(f"{item} 表单项 {field} 不再自动填写", f"{item}: field {field} is no longer filled")
            )
        for change in told.items:
            if change.kind == "lost":
                lines.append(
                    self.say(
                        f"信息项 {change.resource}.{change.old} 取消",
                        f"item {change.resource}.{change.old} is lost",
                    )
                )
            elif change.kind == "renamed":
                what = f"{change.resource}.{change.old} → {change.new}"
                lines.append(self.say(f"信息项改名 {what}", f"item renamed {what}"))
        lines += self._entries(told, 1, "取消", "removed")
        return lines

    def mends(self, told: Consequences) -> list[str]:
        lines = [
            self.say(f"{item} 免交 {material}", f"{item} spares {material}")
            for item, material in told.materials_spared
        ]
        lines += [
            f"{self.element(one.element)}: + {', '.join(one.gained)}" for one in told.sources if one.gained
        ]
        lines += [
            self.say(f"新信息项 {one.resource}.{one.new}", f"new item {one.resource}.{one.new}")
            for one in told.items
            if one.kind == "new"
        ]
        return lines + self._entries(told, 0, "新增", "added")

    def _entries(self, told: Consequences, side: int, zh: str, en: str) -> list[str]:
        lines = []
        for kind, both in told.entries.items():
            if both[side]:
                named = ", ".join(both[side])
                lines.append(self.say(f"{zh}{_KINDS[kind][0]}: {named}", f"{_KINDS[kind][1]} {en}: {named}"))
        return lines

    def whom(self, told: Consequences) -> list[str]:
        units = ", ".join(map(self.unit, told.units))
        pairs: Mapping[str, Iterable[str]] = {
            self.say("单位", "units"): [units] if units else [],
            self.say("岗位", "posts"): [self.post(one) for one in told.posts],
            self.say("调用方", "clients"): told.clients,
            self.say("服务事项", "service items"): told.service_items,
        }
        return [f"{name}: {', '.join(found)}" for name, found in pairs.items() if found]

    def contracts(self, told: Consequences) -> list[str]:
        lines = [
            f"{self.resource(one.resource)}: {one.by if self.is_english else _CLASS_ZH[one.by]}"
            f" {one.old or '–'} → {one.new or '–'}"
            for one in told.contracts
        ]
        for sign, rows in (("+", told.duties_gained), ("−", told.duties_lost)):
            for unit, resource, item in rows:
                duty = self.say("责任", "duty")
                lines.append(f"{sign} {duty}: {self.unit(unit)} {resource}.{item}")
        return lines

    def edits(self, edits: list[Edit]) -> list[str]:
        lines = [self._edit(edit) for edit in edits[:_SHOWN]]
        if len(edits) > _SHOWN:
            more = len(edits) - _SHOWN
            lines.append(
                self.say(f"… 另有 {more} 处 (--json 全部列出)", f"… and {more} more (--json lists all)")
            )
        return lines

    def _edit(self, edit: Edit) -> str:
        if edit.old is None:
            return f"+ {edit.place}: {_short(edit.new)}"
        if edit.new is None:
            return f"- {edit.place}: {_short(edit.old)}"
        return f"~ {edit.place}: {_short(edit.old)} → {_short(edit.new)}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _grant(change: GrantChange) -> dict[str, Any]:
    one = change.grant
    return {
        "client": one.client,
        "purposeKind": one.purpose_kind,
        "purpose": one.purpose,
        "element": one.element,
        "resource": one.resource,
        "item": one.item,
        "demand": one.demand_id,
        "shareType": one.share_type,
    }


def _duty(row: tuple[str, str, str]) -> dict[str, str]:
    return {"unit": row[0], "resource": row[1], "item": row[2]}


def _day(day: Any) -> str | None:
    return day.isoformat() if day else None
