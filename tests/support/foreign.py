"""Source systems in styles that the project has never seen: each by another vendor, none made for Yici.

Rows are made by arithmetic, so that a test can say how many there are and nobody is real.
"""

import sqlite3
from pathlib import Path

from openpyxl import Workbook

from tests.support.mariadb import MariaDatabase
from tests.support.postgres import PgDatabase

READERS = 120
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def resident_id(number: int) -> str:
    """Return a number of the form of a resident identity card, with its check digit, of a district that is none."""
    text = f"990000{1980 + number % 20}{number % 12 + 1:02d}{number % 28 + 1:02d}{number % 1000:03d}"
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, text, strict=True))
    return text + "10X98765432"[total % 11]


def library(database: PgDatabase) -> None:
    """A library system in PostgreSQL: a schema of its own, pinyin names, Chinese comments, every odd thing at once."""
    with database.connect() as con:
        con.execute(_LIBRARY)
        with con.cursor() as cursor:
            cursor.executemany(
                'INSERT INTO tsg."DZ_JBXX" VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)',
                [
                    (
                        f"{20250000 + n:010d}",
                        f"读者{n}",
                        str(n % 2 + 1),
                        f"{1990 + n % 10}{n % 12 + 1:02d}{n % 28 + 1:02d}",
                        resident_id(n),
                        f"1390000{n:04d}",
                        ("BK", "YJS", "JZG")[n % 3],
                        None if n % 7 == 0 else f"reader{n}@lib.example",
                        f"{100000 + n % 50}",
                        f"2026-0{n % 9 + 1}-01 08:00:{n % 60:02d}",
                    )
                    for n in range(READERS)
                ],
            )
            cursor.executemany(
                "INSERT INTO tsg.jy_jl VALUES (%s, %s, %s, %s, %s, %s, %s)",
                [
                    (
                        f"{20250000 + n % READERS:010d}",
                        f"TM{n:06d}",
                        n // READERS,
                        f"{n * 7 % 97}.{n % 100:02d}{'5' if n % 3 else ''}",
                        n % 5 == 0,
                        f"2025-{n % 12 + 1:02d}-{n % 28 + 1:02d}",
                        [[n, 1], [2, n % 3]],
                    )
                    for n in range(3 * READERS)
                ],
            )
            cursor.executemany(
                'INSERT INTO tsg."order" VALUES (%s, %s, %s, %s, %s)',
                [(n, n % 9, "x" * (n % 3), n * 1.5, n % 4 == 0) for n in range(1, 41)],
            )
            cursor.executemany(
                "INSERT INTO tsg.mj_rz VALUES (%s, %s)",
                [("东门" if n % 2 else "西门", "2026-01-01 08:00:00") for n in range(30)],
            )
            cursor.executemany(
                "INSERT INTO tsg.gc_dd VALUES (%s, %s, %s)",
                [(f"{n % 6 + 1}", f"{n // 6:03d}", f"架位{n}") for n in range(48)],
            )


_LIBRARY = """
CREATE SCHEMA tsg;
SET search_path = tsg;
CREATE TYPE tsg.zt AS ENUM ('在借', '已还');
CREATE TABLE "DZ_JBXX" (
    "DZTM" varchar(10) PRIMARY KEY, "XM" varchar(60) NOT NULL, "XBDM" char(1) NOT NULL, "CSRQ" varchar(8),
    "SFZH" varchar(18), "SJHM" varchar(11), "DZLX" char(4) NOT NULL, "DZYX" varchar(80), "YZBM" varchar(6),
    "GXSJ" timestamp NOT NULL
);
COMMENT ON TABLE "DZ_JBXX" IS '读者基本信息';
COMMENT ON COLUMN "DZ_JBXX"."DZTM" IS '读者条码(补零)';
COMMENT ON COLUMN "DZ_JBXX"."XM" IS '姓名';
COMMENT ON COLUMN "DZ_JBXX"."XBDM" IS '性别代码: 1 男, 2 女';
COMMENT ON COLUMN "DZ_JBXX"."CSRQ" IS '出生日期 YYYYMMDD';
COMMENT ON COLUMN "DZ_JBXX"."SFZH" IS '身份证号';
COMMENT ON COLUMN "DZ_JBXX"."SJHM" IS '手机号码';
COMMENT ON COLUMN "DZ_JBXX"."DZLX" IS '读者类型';
COMMENT ON COLUMN "DZ_JBXX"."DZYX" IS '电子邮箱';
COMMENT ON COLUMN "DZ_JBXX"."YZBM" IS '邮政编码';
COMMENT ON COLUMN "DZ_JBXX"."GXSJ" IS '更新时间';
CREATE INDEX ON "DZ_JBXX" ("GXSJ");
CREATE TABLE jy_jl (
    dztm varchar(10) REFERENCES "DZ_JBXX" ("DZTM"), tstm text, xh smallint, fk numeric, sfyh boolean, jcrq date,
    wz integer[][], PRIMARY KEY (dztm, tstm, xh)
);
COMMENT ON COLUMN jy_jl.fk IS '罚款金额';
CREATE TABLE "order" (
    "select" bigint PRIMARY KEY, "group" integer, "from" text, "Mixed Case" double precision, no boolean
);
CREATE TABLE mj_rz (men text, sj timestamp);
COMMENT ON TABLE mj_rz IS '门禁日志, 没有主键';
CREATE TABLE gc_dd (lc text, jh text, mc text);
CREATE TABLE yy_jl (yyh varchar(20) PRIMARY KEY, bz text);
COMMENT ON TABLE yy_jl IS '预约记录, 尚未启用';
CREATE TABLE fq_rz (rq date, bz text) PARTITION BY RANGE (rq);
CREATE TABLE fq_rz_2026 PARTITION OF fq_rz FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE VIEW v_zjdz AS SELECT "DZTM" AS tm, count(*) AS zjs FROM "DZ_JBXX" JOIN jy_jl ON dztm = "DZTM" GROUP BY 1;
CREATE DOMAIN tsg.bh AS integer CHECK (value > 0);
CREATE DOMAIN tsg.ylje AS numeric(12, 2) NOT NULL;
CREATE TABLE sb_zc (
    id bh PRIMARY KEY, "Mc" text, mc text, yl ylje, qx daterange, sm varchar(6000), b1 boolean
);
COMMENT ON TABLE sb_zc IS '设备资产';
INSERT INTO sb_zc SELECT n, 'A' || n, 'b' || n, n + 0.25, daterange('2026-01-01', '2026-01-01'::date + n),
    repeat('文', 100 * n), n % 2 = 0 FROM generate_series(1, 50) n;
CREATE TABLE geheim (id integer PRIMARY KEY);
CREATE SCHEMA arc;
CREATE TABLE arc.dz_ls (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, wyh uuid, je money, xx jsonb, z tsg.zt);
INSERT INTO arc.dz_ls (wyh, je, xx, z)
    SELECT md5(n::text)::uuid, n, jsonb_build_object('n', n), '在借' FROM generate_series(1, 25) n;
"""


def meals(database: MariaDatabase) -> None:
    """A canteen system in MariaDB: English names without comments, flags as tinyint, zero dates, unsigned numbers."""
    with database.connect() as con, con.cursor() as cursor:
        cursor.execute("SET SESSION sql_mode = ''")
        cursor.execute(
            "CREATE TABLE shops (id int unsigned PRIMARY KEY AUTO_INCREMENT, "
            "shopName varchar(40) NOT NULL COMMENT '档口名称', "
            "isOpen tinyint(1), closed_on date, balance decimal(20,4), big bigint unsigned, at_ timestamp NULL, "
            "y year, kind enum('面', '饭'), bits bit(3), pic blob, no_ int(6) zerofill, "
            "UNIQUE KEY (shopName)) COMMENT '档口'"
        )
        cursor.execute(
            "CREATE TABLE sales (shop int unsigned NOT NULL, day date NOT NULL, seq smallint NOT NULL, cents bigint, "
            "card varchar(20), note text, PRIMARY KEY (shop, day, seq), FOREIGN KEY (shop) REFERENCES shops (id))"
        )
        cursor.executemany(
            "INSERT INTO shops VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    n,
                    f"第{n}档",
                    n % 3,
                    "0000-00-00" if n == 3 else "2026-01-02",
                    f"{n}.1234",
                    18446744073709551615 if n == 5 else n,
                    "2026-01-01 00:00:00",
                    2026,
                    "面",
                    n % 8,
                    bytes([n, 0, 255]),
                    n,
                )
                for n in range(1, 31)
            ],
        )
        cursor.executemany(
            "INSERT INTO sales VALUES (%s, %s, %s, %s, %s, %s)",
            [
                (
                    n % 30 + 1,
                    f"2026-03-{n % 28 + 1:02d}",
                    n // 30,
                    n * 10,
                    f"{n % 50:08d}",
                    None if n % 2 else "😀𠮷",
                )
                for n in range(300)
            ],
        )


def gym(file: Path) -> None:
    """A gym's SQLite file: Chinese names, values of another kind than their column says, a table without a key."""
    con = sqlite3.connect(file)
    with con:
        con.execute("CREATE TABLE 场馆 (编号 TEXT PRIMARY KEY NOT NULL, 名称 TEXT, 面积 REAL, 容量 INTEGER)")
        con.execute(
            "CREATE TABLE 预约 (场馆 TEXT REFERENCES 场馆, 日期 TEXT, 时段 INTEGER, 学号 TEXT, 金额 NUMERIC)"
        )
        con.executemany(
            "INSERT INTO 场馆 VALUES (?, ?, ?, ?)",
            [(f"{n:03d}", f"馆{n}", n + 0.1, "不限" if n == 2 else n * 10) for n in range(25)],
        )
        con.executemany(
            "INSERT INTO 预约 VALUES (?, ?, ?, ?, ?)",
            [
                (f"{n % 25:03d}", f"2026-05-{n // 25 + 1:02d}", n % 4, f"{20260000 + n % 40}", f"{n % 7}.5")
                for n in range(200)
            ],
        )
    con.close()


def dorm(folder: Path) -> None:
    """A dormitory's drop folder: a GBK file per day, a text file as a spreadsheet exports it, and a workbook."""
    folder.mkdir()
    header = "床位号,学号,姓名,入住日期,押金\n"
    for day in (1, 2):
        rows = "".join(
            f"A{n:04d},{2026000 + n:08d},住户{n},2026-09-{day:02d},{n}.50\n" for n in range(60 + day)
        )
        (folder / f"住宿_2026090{day}.csv").write_bytes((header + rows).encode("gb18030"))
    lines = ["水表号\t楼号\t读数\t", *(f"S{n:03d}\tL{n % 25 + 1:02d}\t{n}.5\t" for n in range(40))]
    (folder / "水表.txt").write_text("\r\n".join(lines) + "\r\n", encoding="utf-16")
    book = Workbook()
    sheet = book.active
    sheet.title = "楼栋"
    sheet.append(["楼号", "楼名", "层数"])
    for n in range(1, 26):
        sheet.append([f"L{n:02d}", f"第{n}栋", n % 6 + 1])
    book.create_sheet("说明").append(["字段", "意思"])
    book["说明"].append(["楼号", "编号"])
    book["说明"].append(["层数", "几层"])
    book.save(folder / "楼栋.xlsx")
