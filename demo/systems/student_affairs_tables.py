"""The student affairs vendor's tables, and the views by which other offices read undergraduates and graduates apart."""

from demo.tables import Table

_NUMBER = ("xh", "varchar(20)", "学号")
_KIND = ("xslx", "varchar(3)", "学生类型: BKS 本专科生, YJS 研究生")
_TOUCHED = ("gxsj", "datetime", "更新时间")
UNDERGRADUATE, GRADUATE = "BKS", "YJS"

AWARDS = Table(
    "xg_jl",
    "学生奖励",
    (
        ("jlbh", "varchar(20)", "奖励编号"),
        _NUMBER,
        _KIND,
        ("jlmc", "varchar(60)", "奖励名称"),
        ("jljb", "varchar(10)", "国家级, 省级, 校级, 院级"),
        ("jlje", "decimal(10,2)", "奖金, 元; 荣誉称号为零"),
        ("jlxn", "varchar(9)", "学年"),
        ("bfrq", "date", "颁发日期"),
        ("bfwh", "varchar(60)", "颁发文号"),
        ("sfyx", "char(1)", "是否有效: 撤销后为 0"),
        _TOUCHED,
    ),
    ("jlbh",),
    ("xh",),
)
HARDSHIP = Table(
    "xg_knrd",
    "家庭经济困难认定",
    (
        _NUMBER,
        ("xn", "varchar(9)", "学年"),
        _KIND,
        ("kndj", "varchar(10)", "特别困难, 困难, 一般困难, 不困难"),
        ("rdrq", "date", "认定日期"),
        ("sfdq", "char(1)", "是否当前学年"),
        _TOUCHED,
    ),
    ("xh", "xn"),
)
LOANS = Table(
    "xg_zxdk",
    "国家助学贷款",
    (
        ("hth", "varchar(24)", "贷款合同号"),
        _NUMBER,
        _KIND,
        ("dklx", "varchar(10)", "校园地, 生源地"),
        ("htje", "decimal(10,2)", "合同金额, 元"),
        ("whje", "decimal(10,2)", "未还金额, 元"),
        ("dkzt", "varchar(10)", "在贷, 还款中, 已结清, 逾期"),
        ("qdrq", "date", "签订日期"),
        ("dqrq", "date", "到期日期"),
        _TOUCHED,
    ),
    ("hth",),
    ("xh",),
)
DISCIPLINE = Table(
    "xg_cf",
    "违纪处分",
    (
        ("cfbh", "varchar(20)", "编号"),
        _NUMBER,
        _KIND,
        ("cflb", "varchar(10)", "警告, 严重警告, 记过, 留校察看"),
        ("cfrq", "date", "处分日期"),
        ("cfwh", "varchar(60)", "处分文号"),
        ("cfzt", "varchar(10)", "调查中, 生效, 申诉中, 已解除, 撤销"),
        ("jcrq", "date", "解除日期"),
        _TOUCHED,
    ),
    ("cfbh",),
    ("xh",),
)
STANDING = Table(
    "xg_czzt",
    "学生操行状态",
    (
        _NUMBER,
        _KIND,
        ("yxcfs", "int", "有效处分数: 生效与申诉中"),
        ("wcf", "char(1)", "无有效处分"),
        _TOUCHED,
    ),
    ("xh",),
)
REIMBURSERS = Table(
    "xg_bxy",
    "学生报销员",
    (
        _NUMBER,
        _KIND,
        ("tjrgh", "varchar(12)", "推荐负责人工号"),
        ("bxyzt", "varchar(10)", "待培训, 有效, 暂停投单, 取消, 到期"),
        ("pxhg", "char(1)", "培训合格"),
        ("pxrq", "date", "培训日期"),
        ("zgyxq", "date", "资格有效期至"),
        ("tdcs", "int", "退单次数"),
        _TOUCHED,
    ),
    ("xh",),
)
ASSESSMENTS = Table(
    "xg_zhcp",
    "综合测评",
    (
        _NUMBER,
        ("xn", "varchar(9)", "学年"),
        _KIND,
        ("bjmc", "varchar(60)", "测评班级"),
        ("zhcj", "decimal(5,2)", "综合测评成绩"),
        ("bjpm", "int", "班级排名"),
        ("bjrs", "int", "参评人数"),
        _TOUCHED,
    ),
    ("xh", "xn"),
)
TABLES = (AWARDS, HARDSHIP, LOANS, DISCIPLINE, STANDING, REIMBURSERS, ASSESSMENTS)


def views() -> list[str]:
    """Return the statements that make the views `v_bks_…` and `v_yjs_…` of each table."""
    return [
        f"CREATE VIEW v_{kind.lower()}_{table.name.removeprefix('xg_')} AS "
        f"SELECT {', '.join(table.column_names)} FROM {table.name} WHERE xslx = '{kind}'"
        for table in TABLES
        for kind in (UNDERGRADUATE, GRADUATE)
    ]
