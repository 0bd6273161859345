"""Drafted contracts: what is declared stands as it is, what is guessed is marked, and nobody is given anything."""

from datetime import date

import catalogs
from catalogs import loading
from catalogs.draft import Drafted, Drafter, Found, registers_of
from catalogs.found import ColumnProfile, FoundColumn, FoundReference, FoundTable, Profile
from catalogs.guesses import Registers, code_table, hints, name_in, title_of
from catalogs.model import Catalog, Resource

FILES = {
    "campus.yaml": b'code: "T"\nnameZh: "\xe8\xaf\x95\xe9\xaa\x8c\xe5\xa4\xa7\xe5\xad\xa6"\n',
    "systems.yaml": '- {system: "jw", nameZh: "教务系统", provider: "JW", kind: "sqlite", file: "env:F"}\n'.encode(),
    "units.csv": "code,nameZh,accountable,steward\nJW,教务处,post:head,post:steward\n".encode(),
}
ELEMENTS = "code,nameZh,type,piClass\nXH,学号,C,personal\nXM,姓名,C,personal\n".encode()
FULL = ColumnProfile(filled=100, distinct=100, longest=10)


def column(
    name: str, type: str = "text", family: str = "text", comment: str = "", **more: bool
) -> FoundColumn:
    return FoundColumn(name, type, family, comment, **more)


def found(
    name: str, columns: list[FoundColumn], profiles: dict[str, ColumnProfile] | None = None, **more
) -> Found:
    """A table of 100 rows; columns that are not profiled are full of different texts."""
    seen = {one.name: (profiles or {}).get(one.name, FULL) for one in columns}
    keys = {"keys": ((columns[0].name,),)} | more
    rows, is_sample = keys.pop("rows", 100), keys.pop("is_sample", False)
    told = keys.pop("found_keys", ())
    return Found(FoundTable(name, columns=tuple(columns), **keys), Profile(rows, is_sample, seen, told))


def campus(**more: bytes) -> Catalog:
    return loading.read(FILES | more)[0].catalog


def draft(*tables: Found, catalog: Catalog | None = None, **more) -> tuple[Catalog, list[Drafted]]:
    """Draft the tables; returns the campus with them, which has no error then, and the drafts."""
    known = catalog or campus()
    drafter = Drafter(known.systems["jw"], known, registers_of(known), date(2026, 11, 26), **more)
    drafts, undrafted = drafter.draft(tables)
    assert undrafted == []
    texts = {name: text.encode() for name, text in drafter.files(drafts).items()}
    return catalogs.load({**known.files, **texts}), drafts


def one(table: Found, **more) -> tuple[Resource, str]:
    catalog, (drafted,) = draft(table, **more)
    return catalog.resources[drafted.resource], drafted.text


def text_that_reads_as(kind: str, **more) -> ColumnProfile:
    return ColumnProfile(filled=100, distinct=80, longest=8, readable={kind: 100}, **more)


def test_declared_types_keys_and_comments_stand_as_they_are():
    resource, text = one(
        found(
            "XS.XJ",
            [
                column("XH", "varchar(20)", comment="学号", is_required=True),
                column("XNXQ", "char(11)", comment="学年学期: 2025-2026-1", is_required=True),
                column("CJ", "decimal(5,1)", "number", "百分制成绩"),
                column("KSRQ", "date", "date", "考试日期"),
                column("GXSJ", "timestamp", "timestamp", "更新时间", is_indexed=True),
                column("RS", "int", "integer", "人数"),
                column("YX", "boolean", "boolean"),
            ],
            {
                "CJ": text_that_reads_as("number", scale=1),
                "KSRQ": text_that_reads_as("date"),
                "GXSJ": text_that_reads_as("timestamp"),
                "RS": text_that_reads_as("integer"),
                "YX": text_that_reads_as("boolean"),
            },
            keys=(("XH", "XNXQ"),),
            comment="学生成绩",
            sql_name='"XS"."XJ"',
        )
    )
    assert resource.name == "jw.xj" and resource.physical_name == "XS.XJ"
    assert resource.business_name == "学生成绩"
    assert resource.key == ("xh", "xnxq")
    assert {item.name: item.logical_type for item in resource.items} == {
        "xh": "string", "xnxq": "string", "cj": "number", "ksrq": "date", "gxsj": "timestamp", "rs": "integer",
        "yx": "boolean",
    }  # fmt: skip
    assert resource.item("cj").scale == 1
    assert (resource.item("xnxq").business_name, resource.item("xnxq").description) == (
        "学年学期",
        "学年学期: 2025-2026-1",
    )
    assert resource.item("yx").business_name == "YX"
    assert "no comment in the source" in text
    assert 'watermark: "gxsj" would read only what changed' in text
    assert resource.steward == "post:steward"


def test_a_draft_is_shared_with_nobody_and_answers_for_nothing():
    resource, text = one(
        found("XS", [column("XH", comment="学号"), column("XM", comment="姓名")]),
        catalog=campus(**{"elements.csv": ELEMENTS}),
    )
    assert (resource.status, resource.share_type, resource.tier) == ("draft", "none", "office")
    assert resource.subject is None and not any(item.authoritative or item.element for item in resource.items)
    assert {item.pi_class for item in resource.items} == {"personal"}
    assert resource.item("xh").note == "guess: element XH (学号)"
    assert "# guess: means element XM (姓名)" in text


def test_an_item_of_a_draft_answers_nobody_even_if_somebody_makes_it_authoritative():
    _, (drafted,) = draft(
        found("XS", [column("XH", comment="学号")]), catalog=campus(**{"elements.csv": ELEMENTS})
    )
    bold = drafted.text.replace(
        '- {property: "tier"',
        '- {property: "subject", value: {type: "person", key: "xh", idType: "student_no"}}\n  - {property: "tier"',
    ).replace(
        '{property: "note", value: "guess: element XH (学号)"}',
        '{property: "element", value: "XH"}, {property: "authoritative", value: true}',
    )
    files = FILES | {"elements.csv": ELEMENTS, drafted.file: bold.encode()}
    assert catalogs.load(files).sources_of("XH") == ()
    active = bold.replace('status: "draft"', 'status: "active"')
    assert len(catalogs.load(files | {drafted.file: active.encode()}).sources_of("XH")) == 1


def test_names_become_pinyin_and_never_a_reserved_word_or_each_other():
    columns = [
        column(name)
        for name in ("学号", "XH", "xh", "Order", "no", "1st", "姓 名/Name", "x" * 80, "编号（新）")
    ]
    resource, _ = one(found("选课 记录", columns))
    assert resource.name == "jw.xuan_ke_ji_lu"
    assert [item.name for item in resource.items] == [
        "xue_hao", "xh", "xh_2", "order_", "no_", "c_1st", "xing_ming_name", "x" * 58, "bian_hao_xin",
    ]  # fmt: skip
    assert [item.physical_name for item in resource.items] == [one.name for one in columns]


def test_text_stays_text_unless_its_name_agrees_with_its_values():
    def kind_of(name: str, comment: str, seen: ColumnProfile) -> str:
        resource, _ = one(found("T", [column("id"), column(name, comment=comment)], {name: seen}))
        return resource.items[1].logical_type

    assert kind_of("CSRQ", "出生日期", text_that_reads_as("date")) == "date"
    assert kind_of("BH", "批号", ColumnProfile(100, 100, 8, {"date": 100, "integer": 100})) == "string"
    assert kind_of("SJ", "", ColumnProfile(100, 100, 10, {"date": 100, "integer": 0})) == "date"
    assert kind_of("JE", "金额", text_that_reads_as("number", scale=2)) == "number"
    assert kind_of("XH", "学号", text_that_reads_as("integer")) == "string"
    assert (
        kind_of("SL", "数量", ColumnProfile(100, 90, 6, {"integer": 100, "number": 100}, is_zero_filled=True))
        == "string"
    )
    assert kind_of("SFZX", "是否在校", ColumnProfile(100, 2, 1, {"boolean": 100})) == "boolean"
    assert kind_of("XB", "性别", ColumnProfile(100, 2, 1, {"boolean": 100})) == "string"
    # 99 of 100 dates are not dates, and the one that is none would be refused.
    assert kind_of("CSRQ", "出生日期", ColumnProfile(100, 99, 8, {"date": 99})) == "string"


def test_a_declared_type_that_a_value_breaks_becomes_text():
    resource, text = one(
        found(
            "T", [column("id"), column("d", "date", "date")], {"d": ColumnProfile(100, 90, 10, {"date": 99})}
        )
    )
    assert resource.item("d").logical_type == "string"
    assert "1 of 100 values are no date: text" in text


def test_numbers_get_the_digits_that_their_type_allows():
    def scale(type: str, digits: int) -> tuple[str, int]:
        seen = ColumnProfile(100, 90, 9, {"integer": 0 if digits else 100, "number": 100}, scale=digits)
        resource, _ = one(found("T", [column("id"), column("n", type, "number")], {"n": seen}))
        return resource.items[1].logical_type, resource.items[1].scale

    assert scale("numeric(10,0)", 0) == ("integer", 6)
    assert scale("NUMBER(38)", 0) == ("number", 0)
    assert scale("decimal(20,4)", 2) == ("number", 4)
    assert scale("numeric", 0) == ("number", 6)
    assert scale("numeric", 9) == ("number", 9)
    assert scale("double precision", 1) == ("number", 20)
    assert scale("numeric(60,30)", 12) == ("number", 12)


def test_references_are_written_where_both_ends_have_a_contract():
    parent = found("P", [column("a", is_required=True), column("b", is_required=True)], keys=(("a", "b"),))
    single = found("S", [column("id", "int", "integer")], {"id": text_that_reads_as("integer")})
    child = found(
        "C",
        [column("no"), column("pa"), column("pb"), column("sid", "int", "integer"), column("other")],
        {"sid": text_that_reads_as("integer")},
        references=(
            FoundReference(("pa", "pb"), "P", ("a", "b")),
            FoundReference(("sid",), "S", ()),
            FoundReference(("other",), "ELSEWHERE", ("id",)),
        ),
    )
    catalog, drafts = draft(parent, single, child)
    links = {
        link.items: (link.to_resource, link.to_items) for link in catalog.resources["jw.c"].relationships
    }
    assert links == {("pa", "pb"): ("jw.p", ("a", "b")), ("sid",): ("jw.s", ("id",))}
    assert "refers to ELSEWHERE, which has no contract" in drafts[2].text


def test_a_reference_to_a_table_with_a_contract_uses_that_contracts_names():
    _, (drafted,) = draft(found("学生", [column("学号")]))
    renamed = drafted.text.replace('name: "xue_hao"', 'name: "student_no"')
    known = campus(**{drafted.file: renamed.encode()})
    child = found("C", [column("no"), column("xh")], references=(FoundReference(("xh",), "学生", ("学号",)),))
    catalog, _ = draft(child, catalog=known)
    assert catalog.resources["jw.c"].relationships[0].to_items == ("student_no",)


def test_a_key_that_was_found_says_so_and_a_table_without_one_gets_no_contract():
    columns = [column("lc"), column("jh"), column("x")]
    resource, text = one(found("T", columns, keys=(), found_keys=(("lc", "jh"), ("jh", "x"))))
    assert resource.key == ("lc", "jh")
    assert "# guess: key: none is declared; (lc, jh) tells apart all 100 rows; so do (jh, x)" in text
    known = campus()
    drafts, undrafted = Drafter(known.systems["jw"], known, Registers(), date(2026, 1, 1)).draft(
        [found("A", columns, keys=()), found("B", columns, keys=(), rows=0)]
    )
    assert drafts == []
    assert [none.table for none in undrafted] == ["A", "B"]
    assert "no three columns" in undrafted[0].reason and "fewer than two rows" in undrafted[1].reason
    assert all("--key" in none.reason and "ignored" in none.reason for none in undrafted)


def test_a_key_said_by_hand_goes_before_what_is_declared_or_found():
    columns = [column("lc"), column("jh"), column("x")]
    for declared, told in ((("x",),), ()), ((), (("lc",),)), ((), ()):
        resource, text = one(found("T", columns, keys=declared, found_keys=told, rows=0), key=("jh", "lc"))
        assert resource.key == ("jh", "lc")
        assert "# guess: key: (jh, lc) was said by hand" in text and "none is declared" not in text


def test_a_key_said_by_hand_that_is_not_there_is_told_with_what_is():
    known = campus()
    table = found("T", [column("学号"), column("KCH")], keys=()).table

    def fault(*key: str) -> str:
        return Drafter(known.systems["jw"], known, Registers(), date(2026, 1, 1), key=key).key_fault(table)

    assert fault() == fault("学号", "KCH") == ""
    assert fault("KHC") == '--key KHC: it has no column that is called so; did you mean "KCH"?'
    assert "there are: 学号, KCH" in fault("zzzzzz")
    assert fault("KCH", "KCH") == "--key names a column twice"


def test_codes_are_those_of_a_known_table_if_values_and_name_agree():
    seen = ColumnProfile(100, 2, 1, codes={"1": 60, "2": 40})
    catalog, (drafted,) = draft(
        found("T", [column("id"), column("XBDM", comment="性别代码")], {"XBDM": seen})
    )
    assert catalog.resources["jw.t"].item("xbdm").code_table == "sex"
    assert catalog.codes["sex"].norm == "GB/T 2261.1-2003"
    assert list(drafted.codes) == ["codes/sex.csv"]
    catalog, _ = draft(found("T", [column("id"), column("LX", comment="门禁类型")], {"LX": seen}))
    assert catalog.resources["jw.t"].item("lx").code_table == ""
    assert dict(catalog.codes["jw_t_lx"].codes_by_name) == {"待定 1": "1", "待定 2": "2"}


def test_a_code_table_found_takes_its_names_from_the_comment_and_leaves_out_what_is_rare():
    seen = ColumnProfile(100, 3, 3, codes={"BK": 60, "YJS": 38, "XX": 2})
    column_ = column("LX", comment="类型: BK 本科, YJS-研究生")
    catalog, _ = draft(found("T", [column("id"), column_], {"LX": seen}))
    assert {row.code: row.name_zh for row in catalog.codes["jw_t_lx"].rows.values()} == {
        "BK": "本科",
        "YJS": "研究生",
    }


def test_what_people_are_called_or_numbered_by_is_never_written_as_codes():
    seen = {"few": ColumnProfile(100, 3, 3, codes={"王一": 40, "李二": 40, "张三": 20})}
    numbers = {"few": ColumnProfile(100, 3, 3, codes={"0001": 40, "0002": 40, "0003": 20})}
    for comment, profiles in (
        ("任课教师", seen),
        ("", seen),
        ("教师姓名", seen),
        ("工号", numbers),
        ("卡号", numbers),
    ):
        _, (drafted,) = draft(found("T", [column("id"), column("few", comment=comment)], profiles))
        assert drafted.codes == {}, comment
        assert "王一" not in drafted.text and "0001" not in drafted.text


def test_a_format_that_every_value_has_is_demanded_and_one_that_most_have_is_told():
    all_of_them = ColumnProfile(100, 100, 18, formats={"resident_id": 100})
    most = ColumnProfile(100, 100, 20, formats={"email": 97})
    resource, text = one(
        found(
            "T", [column("id"), column("zj", comment="证件"), column("yx")], {"zj": all_of_them, "yx": most}
        )
    )
    assert resource.item("zj").format == "resident_id"
    assert (resource.item("zj").pi_class, resource.item("zj").mask) == ("sensitive", "hide")
    assert resource.item("yx").format == "" and "97 of 100 values are of format email" in text


def test_of_a_sample_nothing_is_concluded_for_the_rest():
    seen = ColumnProfile(100, 100, 18, {"date": 100}, formats={"resident_id": 100})
    resource, text = one(
        found("T", [column("id"), column("csrq", comment="出生日期")], {"csrq": seen}, is_sample=True)
    )
    item = resource.item("csrq")
    assert (item.logical_type, item.required, item.format) == ("string", False, "")
    assert "looked at the first 100 rows only" in text


def test_what_a_vendor_wrote_cannot_break_the_file():
    evil = 'x"\n  - {property: "shareType", value: "unconditional"}\u2028# {{ x }} \x07'
    resource, _ = one(found('a"b\n', [column('c"\n', comment=evil)], comment=evil))
    assert resource.share_type == "none"
    assert resource.items[0].physical_name == 'c" '


def test_two_tables_of_one_comment_or_of_the_systems_name_get_names_of_their_own():
    tables = [found(name, [column("id")], comment="教务系统") for name in ("A", "B")]
    catalog, _ = draft(*tables)
    assert {r.business_name for r in catalog.resources.values()} == {"教务系统 A", "教务系统 B"}


def test_comments_speak_in_chinese_and_names_in_pinyin_initials():
    assert title_of("性别代码: 1 男, 2 女") == "性别代码"
    assert title_of("出生日期 YYYYMMDD") == "出生日期"
    assert title_of("Date of birth (UTC)") == "Date of birth"
    assert name_in("0-否;1-是", "1") == "是" and name_in("10 甲", "1") == ""
    assert hints("GXSJ", "", Registers()).is_changed_at
    assert hints("updated_at", "", Registers()).is_changed_at
    assert hints("mj", "项目密级", Registers()).is_secrecy
    assert hints("sfzh", "", Registers()).pi_class == "sensitive"
    assert hints("rl", "容量", Registers()).pi_class == ""


def test_values_alone_do_not_make_a_code_table():
    codes = registers_of(campus()).codes
    values = frozenset("12")
    assert code_table("性别", "", values, codes) is codes["sex"]
    assert (
        code_table("民族代码", "民族代码 GB/T 3304", frozenset(("01", "02")), codes) is codes["ethnic_groups"]
    )
    assert code_table("门禁方向", "", values, codes) is None
    assert code_table("性别", "", frozenset("17"), codes) is None
