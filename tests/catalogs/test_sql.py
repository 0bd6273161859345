"""A row rule's condition is cut from its query as written, and only if it judges single rows."""

import duckdb
import pytest

from catalogs.sql import SqlFault, order_columns, predicate, row_rule

ROW = "SELECT COUNT(*) FROM ${object} WHERE "


@pytest.mark.parametrize(
    ("condition", "columns"),
    [
        ("a IS NULL", ("a",)),
        ("a = 'where' AND (b > 1 OR c IN (1, 2))", ("a", "b", "c")),
        ("substr(id_no, 7, 8) <> strftime(born_on, '%Y%m%d')", ("id_no", "born_on")),
        ("NOT regexp_matches(名称, '^[一-龥]+$')", ("名称",)),
        ("CASE WHEN a THEN b ELSE c END", ("a", "b", "c")),
        ("list_contains([1, 2], a)", ("a",)),
    ],
)
def test_the_condition_is_the_text_after_where(condition, columns):
    found = row_rule(ROW + condition + " ;")
    assert found.where == condition
    assert found.columns == columns


def test_the_condition_judges_rows_as_the_whole_query_counts_them():
    con = duckdb.connect()
    con.execute("CREATE TABLE t AS SELECT range AS a, nullif(range % 3, 0) AS b FROM range(10)")
    query = ROW + "a > 4 AND b IS NULL"
    [(counted,)] = con.execute(query.replace("${object}", "t")).fetchall()
    refused = con.execute(f"SELECT a FROM t WHERE {row_rule(query).where}").fetchall()
    assert counted == len(refused) == 2


@pytest.mark.parametrize(
    "query",
    [
        "SELECT COUNT(*) FROM t WHERE a IS NULL",
        "DELETE FROM ${object}",
        ROW + "a IN (SELECT b FROM other)",
        ROW + "count(*) OVER () > 1",
        ROW + "max(a) > 1",
        ROW + "t.a IS NULL",
        ROW + "a IS NULL -- here",
        ROW + "a b c",
        ROW + "1; DROP TABLE x",
    ],
)
def test_what_is_more_than_a_row_is_refused(query):
    with pytest.raises(SqlFault):
        row_rule(query)


def test_a_rule_over_the_whole_extract_is_no_row_rule():
    assert row_rule("SELECT COUNT(*) FROM (SELECT a FROM ${object} GROUP BY a HAVING COUNT(*) > 1)") is None
    assert row_rule("SELECT COUNT(DISTINCT a) FROM ${object} WHERE b") is None


def test_predicates_and_orders_name_their_columns():
    assert predicate("state = '在读' AND NOT left_on IS NULL").columns == ("state", "left_on")
    assert order_columns("updated_at DESC NULLS LAST, seq") == ("updated_at", "seq")
    for bad in ("a; b", "1 = 1 ORDER BY a", "SELECT 1"):
        with pytest.raises(SqlFault):
            predicate(bad)
    with pytest.raises(SqlFault):
        order_columns("a LIMIT 1")
