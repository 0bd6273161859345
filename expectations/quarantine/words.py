"""Rules in words: what a broken rule says, which items it is about, and whether a person may waive it.

May be waived: what is implausible and may yet be true (a range, a pattern, a length, a check digit, a number that
says another birthday, a value that the source does not have, an SQL rule of which its contract does not say
`waivable: false`). Never: a key, a value that cannot be read as its type, a code that is none of its table, a text that
cannot be read. The store could not hold them, or nobody could say what they mean.
"""

from catalogs.model import Item, Resource, Rule

_WORDS = {
    "required": "不能为空",
    "enum": "不是允许的值",
    "code": "不在码表内的代码",
    "type": "不能读成{type}",
    "range": "超出允许范围{range}",
    "text": "含有不可读的字符",
    "length": "长度不合要求{length}",
    "bytes": "超过 {max_bytes} 字节",
    "pattern": "不合规定的样式",
    "format": "校验不通过(号码或格式有误)",
    "unique": "与另一行重复",
    "future": "晚于取数时间",
    "retired": "代码已停用",
    "form": "号码写法有误(全角、空格或缺位)",
    "birthday": "与出生日期不符",
    "sex": "与性别不符",
}
_TYPES = {
    "integer": "整数", "number": "数值", "boolean": "是或否", "date": "日期", "timestamp": "日期时间", "string": "文本",
}  # fmt: skip
_KEY_WORDS = {
    "key.unique": "主键与另一行重复",
    "key.not_picked": "同一主键有更合适的一行, 本行未被选取",
    "key.newer": "同一主键已有更新的内容入库",
}
_WAIVABLE = ("required", "range", "length", "bytes", "pattern", "format", "future", "birthday", "sex")


def in_words(resource: Resource, rule: str) -> str:
    """Say a rule in the campus's language: the item's name and what is wrong with it."""
    if rule in _KEY_WORDS:
        return _KEY_WORDS[rule]
    item, kind = _split(resource, rule)
    if item is None:
        own = _own_rule(resource, rule)
        return (own.name or rule) if own else rule
    words = _WORDS.get(kind, kind).format(
        type=_TYPES[item.logical_type],
        range=_bounds(item.minimum, item.maximum),
        length=_bounds(item.min_length, item.max_length),
        max_bytes=item.max_bytes,
    )
    return f"{item.business_name}: {words}"


def items_of(resource: Resource, rule: str) -> tuple[str, ...]:
    """Return the items that a rule is about, by name."""
    if rule.startswith("key."):
        return resource.key
    item, _ = _split(resource, rule)
    if item is not None:
        return (item.name,)
    own = _own_rule(resource, rule)
    return tuple(name for name in own.columns if resource.has_item(name)) if own else ()


def may_waive(resource: Resource, rule: str) -> bool:
    """Whether a person may say of a row that breaks this rule that it is right all the same."""
    item, kind = _split(resource, rule)
    if item is not None:
        return kind in _WAIVABLE and item.name not in resource.key
    own = _own_rule(resource, rule)
    return own is not None and own.where is not None and own.waivable


def _split(resource: Resource, rule: str) -> tuple[Item | None, str]:
    """Return the item and kind of a rule that admission makes of an item."""
    name, _, kind = rule.rpartition(".")
    is_made = kind in _WORDS and resource.has_item(name)
    return (resource.item(name), kind) if is_made else (None, "")


def _own_rule(resource: Resource, rule: str) -> Rule | None:
    return next((own for own in resource.rules if own.id == rule), None)


def _bounds(low: object, high: object) -> str:
    if low is None and high is None:
        return ""
    if high is None:
        return f" (不小于 {low})"
    return f" (不大于 {high})" if low is None else f" ({low} 至 {high})"
