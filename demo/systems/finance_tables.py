"""The finance system's tables, as its vendor made them: pinyin initials, local time, yes/no as digits."""

from demo.tables import Table

_SECRET = ("SMBZ", "char(1)", "涉密标志: 0 否, 1 是")
_TOUCHED = ("GXSJ", "datetime", "更新时间")

ACCOUNTS = Table(
    "xmjfzh",
    "项目经费账户",
    (
        ("XMBH", "varchar(20)", "项目编号"),
        ("XMMC", "varchar(200)", "项目名称"),
        ("JFKH", "varchar(20)", "经费卡号"),
        ("FZRGH", "varchar(12)", "负责人工号"),
        ("BMBH", "varchar(12)", "部门编号"),
        ("PFJE", "decimal(18,2)", "批复金额"),
        ("LJDK", "decimal(18,2)", "累计到款"),
        ("LJZC", "decimal(18,2)", "累计支出"),
        ("YE", "decimal(18,2)", "账面余额"),
        ("DJJE", "decimal(18,2)", "冻结金额"),
        ("ZTJE", "decimal(18,2)", "在途金额"),
        ("JZSJ", "datetime", "余额截至时间"),
        ("ZT", "char(1)", "账户状态: 1 正常, 2 冻结, 3 结清"),
        _SECRET,
        _TOUCHED,
    ),
    ("XMBH",),
    ("FZRGH",),
)
VOUCHERS = Table(
    "kjpz",
    "会计凭证",
    (
        ("PZNM", "bigint", "凭证内码"),
        ("ND", "int", "会计年度"),
        ("QJ", "int", "会计期间"),
        ("PZLX", "char(2)", "凭证类型: 01 收款, 02 付款, 03 转账"),
        ("PZH", "varchar(12)", "凭证号"),
        ("PZRQ", "date", "凭证日期"),
        ("ZY", "varchar(200)", "摘要"),
        ("ZDR", "varchar(12)", "制单人工号"),
        ("FHR", "varchar(12)", "复核人工号"),
        ("ZT", "char(1)", "凭证状态: 0 制单, 1 复核, 2 记账, 9 作废"),
        _SECRET,
        _TOUCHED,
    ),
    ("PZNM",),
    ("GXSJ",),
)
LINES = Table(
    "kjpzfl",
    "会计凭证分录",
    (
        ("PZNM", "bigint", "凭证内码"),
        ("FLH", "int", "分录号"),
        ("KMBM", "varchar(12)", "会计科目编码"),
        ("XMBH", "varchar(20)", "项目编号"),
        ("BMBH", "varchar(12)", "部门编号"),
        ("ZY", "varchar(200)", "摘要"),
        ("JFJE", "decimal(18,2)", "借方金额"),
        ("DFJE", "decimal(18,2)", "贷方金额"),
        _SECRET,
        _TOUCHED,
    ),
    ("PZNM", "FLH"),
    ("GXSJ", "XMBH"),
)
INCOMING = Table(
    "dkxx",
    "到款信息",
    (
        ("DKLSH", "varchar(20)", "到款流水号"),
        ("DKRQ", "date", "到款日期"),
        ("FKDW", "varchar(120)", "付款单位"),
        ("FKZH", "varchar(32)", "付款账号"),
        ("JE", "decimal(18,2)", "到款金额"),
        ("FY", "varchar(200)", "银行附言"),
        ("RLZT", "char(1)", "认领状态: 0 未认领, 1 已认领, 2 已上账"),
        ("XMBH", "varchar(20)", "认领项目编号"),
        ("RLRGH", "varchar(12)", "认领人工号"),
        ("RLSJ", "datetime", "认领时间"),
        _SECRET,
        _TOUCHED,
    ),
    ("DKLSH",),
    ("RLZT",),
)
REIMBURSEMENTS = Table(
    "bxd",
    "网上报账单",
    (
        ("BXDH", "varchar(20)", "报销单号"),
        ("BXRGH", "varchar(12)", "报销人工号"),
        ("JBRXH", "varchar(20)", "学生报销员学号"),
        ("XMBH", "varchar(20)", "项目编号"),
        ("BXLX", "char(2)", "报销类型: 01 差旅, 02 材料, 03 劳务, 04 设备, 05 会议, 06 出版, 09 其他"),
        ("JE", "decimal(18,2)", "报销金额"),
        ("FJZS", "int", "附件张数"),
        ("SY", "varchar(200)", "事由"),
        ("TJSJ", "datetime", "提交时间"),
        ("ZT", "char(2)", "状态: 01 待审, 02 审核通过, 03 退回, 04 已付款"),
        ("THYY", "varchar(100)", "退回原因"),
        ("FKSJ", "datetime", "付款时间"),
        ("PZNM", "bigint", "凭证内码"),
        _SECRET,
        _TOUCHED,
    ),
    ("BXDH",),
    ("BXRGH", "ZT"),
)
FEES = Table(
    "xsjf",
    "学生缴费",
    (
        ("XH", "varchar(20)", "学号"),
        ("XN", "varchar(9)", "学年"),
        ("XSLB", "varchar(10)", "学生类别: 本科生, 研究生"),
        ("YJXF", "decimal(18,2)", "应缴学费"),
        ("YJZSF", "decimal(18,2)", "应缴住宿费"),
        ("SJJE", "decimal(18,2)", "实缴金额"),
        ("JMJE", "decimal(18,2)", "减免金额"),
        ("QFJE", "decimal(18,2)", "欠费金额"),
        ("SFJQ", "char(1)", "是否缴清: 0 否, 1 是"),
        ("HJBZ", "char(1)", "缓缴标志: 0 否, 1 是"),
        ("JQRQ", "date", "缴清日期"),
        _TOUCHED,
    ),
    ("XH", "XN"),
)
PAYROLL = Table(
    "gzffb",
    "工资发放表",
    (
        ("GH", "varchar(12)", "工号"),
        ("NY", "char(6)", "年月"),
        ("GZLB", "char(2)", "工资类别: 01 月工资, 02 年终绩效"),
        ("GWGZ", "decimal(18,2)", "岗位工资"),
        ("XJGZ", "decimal(18,2)", "薪级工资"),
        ("JXGZ", "decimal(18,2)", "绩效工资"),
        ("YFHJ", "decimal(18,2)", "应发合计"),
        ("SBJE", "decimal(18,2)", "社会保险个人部分"),
        ("GJJ", "decimal(18,2)", "住房公积金个人部分"),
        ("GRSDS", "decimal(18,2)", "代扣个人所得税"),
        ("SFHJ", "decimal(18,2)", "实发合计"),
        ("FFRQ", "date", "发放日期"),
        _TOUCHED,
    ),
    ("GH", "NY", "GZLB"),
    ("NY",),
)
ANNUAL_INCOME = Table(
    "ndsr",
    "年度收入汇总",
    (
        ("GH", "varchar(12)", "工号"),
        ("ND", "int", "年度"),
        ("SQSR", "decimal(18,2)", "税前收入"),
        ("JNGS", "decimal(18,2)", "缴纳个人所得税"),
        ("FFYS", "int", "发放月数"),
        ("HZRQ", "date", "汇总日期"),
        _TOUCHED,
    ),
    ("GH", "ND"),
)
ADVANCES = Table(
    "grjk",
    "个人借款汇总",
    (
        ("GH", "varchar(12)", "工号"),
        ("JKBS", "int", "未清借款笔数"),
        ("WQJE", "decimal(18,2)", "未清金额"),
        ("ZZJKRQ", "date", "最早借款日期"),
        _TOUCHED,
    ),
    ("GH",),
)
TABLES = (ACCOUNTS, VOUCHERS, LINES, INCOMING, REIMBURSEMENTS, FEES, PAYROLL, ANNUAL_INCOME, ADVANCES)
