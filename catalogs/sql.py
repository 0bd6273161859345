"""The little SQL that a catalog contains: row rules, membership rules, orders.

A row rule of a contract counts breaking rows; admission takes its WHERE clause as written and applies it to
each row, so the text is cut, not rendered anew.
"""

from dataclasses import dataclass

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError
from sqlglot.tokens import Token, TokenType

_DIALECT = Dialect.get_or_raise("duckdb")
OBJECT = "${object}"
_OBJECT_NAME = "object__"


class SqlFault(Exception):
    """Why a piece of SQL cannot be used."""


@dataclass(frozen=True)
class RowCondition:
    """A condition on one row: its text and the columns it names, in order of appearance."""

    where: str
    columns: tuple[str, ...]


def row_rule(query: str) -> RowCondition | None:
    """Return the condition of `SELECT COUNT(*) FROM ${object} WHERE …`; None if the query is of another form.

    Raises:
        SqlFault: the query does not parse, does not read `${object}`, or its condition reads other rows.
    """
    if OBJECT not in query:
        raise SqlFault(f"the query does not read {OBJECT}")
    text = query.replace(OBJECT, _OBJECT_NAME).strip().rstrip(";")
    tokens = _tokens(text)
    tree = _parse(text, tokens)
    if not isinstance(tree, exp.Select):
        raise SqlFault("not a SELECT")
    if not _is_row_form(tree):
        return None
    where = tree.args["where"].this
    if where.find(exp.Select, exp.Subquery, exp.Exists):
        raise SqlFault("the condition reads other rows (a subquery)")
    if where.find(exp.AggFunc, exp.Window):
        raise SqlFault("the condition reads other rows (an aggregate or window)")
    _refuse_qualified(where)
    return RowCondition(_after_where(text, tokens), _columns(where))


def predicate(text: str) -> RowCondition:
    """Return a predicate over one row with the columns it names.

    Raises:
        SqlFault: the text is not one boolean expression over a single row.
    """
    query = f"SELECT 1 FROM {_OBJECT_NAME} WHERE {text}"
    tree = _parse(query, _tokens(query))
    where = tree.args.get("where") if isinstance(tree, exp.Select) else None
    if where is None or any(tree.args.get(part) for part in ("group", "having", "order", "limit", "joins")):
        raise SqlFault("not one predicate")
    if where.find(exp.Select, exp.AggFunc, exp.Window):
        raise SqlFault("the predicate reads other rows")
    _refuse_qualified(where)
    return RowCondition(text.strip(), _columns(where.this))


def order_columns(text: str) -> tuple[str, ...]:
    """Return the columns named by an ORDER BY list such as `updated_at desc, seq`.

    Raises:
        SqlFault: the text is not an ORDER BY list.
    """
    query = f"SELECT 1 FROM {_OBJECT_NAME} ORDER BY {text}"
    tree = _parse(query, _tokens(query))
    order = tree.args.get("order") if isinstance(tree, exp.Select) else None
    if order is None or tree.args.get("limit"):
        raise SqlFault("not an ORDER BY list")
    return _columns(order)


def _refuse_qualified(tree: exp.Expression) -> None:
    for column in tree.find_all(exp.Column):
        if column.table:
            raise SqlFault(f'column "{column.table}.{column.name}" is qualified; write "{column.name}"')


def _tokens(text: str) -> list[Token]:
    try:
        return _DIALECT.tokenize(text)
    except SqlglotError as error:
        raise _unparsed(error) from None


def _unparsed(error: SqlglotError) -> SqlFault:
    return SqlFault(f"does not parse as DuckDB SQL: {str(error).splitlines()[0]}")


def _parse(text: str, tokens: list[Token]) -> exp.Expression:
    if any(token.comments for token in tokens):
        raise SqlFault("contains a comment")
    try:
        trees = _DIALECT.parser().parse(tokens, text)
    except SqlglotError as error:
        raise _unparsed(error) from None
    if len(trees) != 1 or trees[0] is None:
        raise SqlFault("not exactly one statement")
    return trees[0]


def _is_row_form(tree: exp.Select) -> bool:
    if any(
        tree.args.get(part) for part in ("group", "having", "joins", "limit", "distinct", "with_", "qualify")
    ):
        return False
    columns = tree.expressions
    counts_rows = (
        len(columns) == 1
        and isinstance(columns[0].unalias(), exp.Count)
        and isinstance(columns[0].unalias().this, exp.Star)
    )
    source = tree.find(exp.From)
    reads_object = (
        source is not None and isinstance(source.this, exp.Table) and source.this.name == _OBJECT_NAME
    )
    return counts_rows and reads_object and tree.args.get("where") is not None


def _after_where(text: str, tokens: list[Token]) -> str:
    depth = 0
    for token in tokens:
        if token.token_type in (TokenType.L_PAREN, TokenType.L_BRACKET):
            depth += 1
        elif token.token_type in (TokenType.R_PAREN, TokenType.R_BRACKET):
            depth -= 1
        elif token.token_type is TokenType.WHERE and depth == 0:
            return text[token.end + 1 :].strip()
    raise SqlFault("no WHERE clause")


def _columns(tree: exp.Expression) -> tuple[str, ...]:
    names = (column.name for column in tree.find_all(exp.Column, bfs=False))
    return tuple(dict.fromkeys(names))
