"""What a rule is called on pages, tickets and reports: in the campus's words, else by its id.

The campus writes in Chinese; in English is told what has an English name, and the rest stays as it was written.
"""

from collections.abc import Mapping

from catalogs.model import Catalog
from catalogs.views import item_name, resource_name
from expectations.quality.standing import DBT

# Kinds of admission rules, `<item>.<kind>`, and rules of suites: Chinese, English.
_KINDS: Mapping[str, tuple[str, str]] = {
    "required": ("必填", "is given"),
    "type": ("类型正确", "is of its type"), "enum": ("取值正确", "is one of its values"),
    "code": ("代码有效", "is a known code"), "range": ("在范围内", "is in range"), "text": ("可读", "is readable"),
    "length": ("长度合规", "has its length"),
    "bytes": ("长度合规", "has its length"), "pattern": ("格式正确", "has its form"),
    "form": ("数字写法规范", "is written as a number"), "future": ("不在将来", "is not in the future"),
    "retired": ("代码在用", "is a code in use"), "birthday": ("与出生日期相符", "agrees with the birth date"),
    "sex": ("与性别相符", "agrees with the sex"),
    "format": ("校验通过", "passes its check"), "unique": ("不重复", "is unique"),
}  # fmt: skip
_RULES: Mapping[str, tuple[str, str]] = {
    "contract": ("符合契约", "keeps its contract"), "freshness": ("按承诺更新", "updated as promised"),
    "volume": ("数据量正常", "usual volume"), "collapse": ("数据量未骤减", "volume not collapsed"),
    "key": ("主键唯一", "key is unique"),
    "extract": ("可读取", "can be read"), "build": ("模型已构建", "model built"),
    "refused_share": ("退回比例不过高", "refused share"), "schema": ("字段齐全", "all columns there"),
    "partition": ("行属于所在分区", "rows of their partition"),
    "new_columns": ("没有未约定的新字段", "no new columns"),
    "marked_later": ("没有入库后才标密的行", "no rows marked secret after they came"),
    "partition_volume": ("分区数据量正常", "usual volume of a partition"), "suite": ("规则已运行", "suite ran"),
    "conservation": ("行数守恒", "rows conserved"),
    "shift": ("取值分布未突变", "values spread as before"), "sampled": ("双随机抽查属实", "random sample is right"),
    "gate-conformity": ("规范性达到承诺", "conformity as promised"),
    "gate-completeness": ("完整性达到承诺", "completeness as promised"),
    "gate-accuracy": ("准确性达到承诺", "accuracy as promised"),
    "gate-consistency": ("一致性达到承诺", "consistency as promised"),
    "gate-timeliness": ("时效性达到承诺", "timeliness as promised"),
    "gate-accessibility": ("可访问性达到承诺", "accessibility as promised"),
}  # fmt: skip
# Rules of suites about one item, `<rule>-<item>`.
_OF_ITEM: Mapping[str, tuple[str, str]] = {
    "shift": ("取值分布未突变", "spread as before"), "unique": ("不重复", "is unique"),
}  # fmt: skip

_COUNTERPART = ("有对应记录", "has its counterpart")


def resource_title(catalog: Catalog, name: str, lang: str = "zh") -> str:
    """Return a resource's, system's or model's name as people know it."""
    system = catalog.systems.get(name)
    if name in catalog.resources:
        return resource_name(catalog, name, lang)
    if system is not None:
        return system.name_zh or name
    model = "模型" if lang == "zh" else "Model"
    return f"{model} {name.removeprefix(f'{DBT}.')}" if name.startswith(f"{DBT}.") else name


def rule_title(catalog: Catalog, name: str, rule: str, lang: str = "zh") -> str:
    """Return what a rule of a resource says."""
    place = 0 if lang == "zh" else 1
    resource = catalog.resources.get(name)
    item, _, kind = rule.rpartition(".")
    if resource is not None:
        named = {one.id: one.name for one in resource.rules} | {one.id: one.name for one in resource.metrics}
        if named.get(rule):
            return named[rule]
        if kind in _KINDS and resource.has_item(item):
            return f"{item_name(catalog, resource.item(item), lang)} {_KINDS[kind][place]}"
        head, _, of = rule.partition("-")
        if head in _OF_ITEM and resource.has_item(of):
            return f"{item_name(catalog, resource.item(of), lang)} {_OF_ITEM[head][place]}"
        if rule == "key.unique":
            return _RULES["key"][place]
        if rule.startswith("reference-"):
            names = [
                item_name(catalog, resource.item(one), lang) if resource.has_item(one) else one
                for one in rule.removeprefix("reference-").split("-")
            ]
            told = "、".join(names) if lang == "zh" else ", ".join(names)
            return f"{told} {_COUNTERPART[place]}"
    if rule in _RULES:
        return _RULES[rule][place]
    return catalog.between[rule].name if rule in catalog.between else rule
