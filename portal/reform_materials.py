"""What people still bring: high-frequency items, what was spared, what is asked for although held, best openings."""

from portal import charts
from portal.blocks import COUNT, MEAN, SHARE, Block, Column, few_parts, few_within, seen, tells, without_few
from portal.marts import Row
from portal.reform import CHARTED, Reading, share

FREQUENT = """SELECT service_item, name_zh, lead_unit, is_in_catalog, cases, share, cumulative_share, is_high_frequency,
    to_char(period_on, 'YYYY') AS year FROM marts.mart_reform__service_item_volume
    WHERE period_kind = 'year' AND period_on = (SELECT max(period_on) FROM marts.mart_reform__service_item_volume
        WHERE period_kind = 'year') ORDER BY cases DESC, service_item"""
SPARED = "SELECT * FROM marts.mart_reform__spared ORDER BY materials_spared DESC, cases DESC, service_item"
PREFILLS = """SELECT to_char(month_on, 'YYYY-MM') AS month, sum(prefills)::bigint AS prefills,
    sum(fields_kept)::bigint AS kept FROM marts.mart_service__prefill
    GROUP BY month_on ORDER BY month_on DESC LIMIT 1"""
_OF_PREFILLS = ("prefills", "fields_kept", "fields_kept_per_prefill", "fields_spared_if_all_prefilled")
_ITEM = Column("name", "事项", "Service item")
_UNIT = Column("unit", "主责单位", "Lead unit")


def prefills(reading: Reading) -> Row | None:
    """Return month, prefills and kept fields of the newest month that has enough to be told; None without."""
    rows = [row for row in reading.rows(PREFILLS) if row["prefills"] >= reading.threshold]
    return rows[0] if rows else None


def high_frequency(reading: Reading) -> list[Block]:
    """Return the items that make four fifths of all cases, and what they already offer."""
    every = reading.rows(FREQUENT)
    if not every:
        return []
    rows = []
    for row in without_few(every, "cases", reading.threshold):
        known = reading.catalog.services.get(row["service_item"])
        rows.append(
            {
                **reading.item(row),
                "unit": reading.unit(row["lead_unit"]),
                "part": (round(row["share"] * 1000000), 1000000),
                "so_far": (round(row["cumulative_share"] * 1000000), 1000000),
                "is_once": bool(known and known.is_at_most_once),
                "is_online": bool(known and "online" in known.channels),
            }
        )
    frequent = [row for row in rows if row["is_high_frequency"]]
    once = sum(row["is_once"] for row in frequent)
    online = sum(row["is_online"] for row in frequent)
    drawn = seen(frequent, 2 * CHARTED)
    figure = charts.bars(
        [row["name"] for row in drawn],
        [row["cases"] for row in drawn],
        [f"{row['cases']:,}" for row in drawn],
        reading.t("cases"),
    )
    columns = (
        _ITEM,
        _UNIT,
        Column("cases", "办件量", "Cases", COUNT),
        Column("part", "占比", "Share", SHARE),
        Column("so_far", "累计", "Cumulative", SHARE),
        Column("is_high_frequency", "高频", "Frequent"),
        Column("is_once", "承诺最多跑一次", "At most once promised"),
        Column("is_online", "可网上申请", "Online"),
    )
    title = reading.t(
        "frequent", n=len(frequent), all=len(rows), once=once, online=online, year=every[0]["year"]
    )
    return [reading.block("frequent", title, columns=columns, rows=rows, figure=figure)]


def materials(reading: Reading) -> list[Block]:
    """Return what was spared, what is still asked for although it is held, and what would free most."""
    return [*_spared(reading), *_openings(reading), *asked_again(reading)]


def _spared(reading: Reading) -> list[Block]:
    raw = reading.rows(SPARED)
    if sum(row["cases"] for row in raw) < reading.threshold:
        return []
    rows = [
        {
            **reading.item(row),
            "unit": reading.unit(row["lead_unit"]),
            "part": (row["materials_spared"], row["materials_spared"] + row["materials_given"]),
        }
        for row in without_few(raw, "cases", reading.threshold)
    ]
    rows = few_within(rows, "prefills", _OF_PREFILLS, reading.threshold)
    handed = ("materials_spared", "materials_given")
    rows = few_parts(
        rows, lambda row: {key: int(row[key]) for key in handed}, reading.threshold, {"part": handed}
    )
    spared = sum(row["materials_spared"] for row in raw)
    whole = spared + sum(row["materials_given"] for row in raw)
    fields = sum(row["fields_kept"] for row in raw)
    drawn = [row for row in rows if tells(row, *handed) and row["materials_spared"]][:CHARTED]
    figure = charts.parts(
        [row["name"] for row in drawn],
        {
            reading.both("免提交", "spared"): [row["materials_spared"] for row in drawn],
            reading.both("仍提交", "handed in"): [row["materials_given"] for row in drawn],
        },
        (charts.STEPS[0], charts.STEPS[2]),
        reading.both("件", "materials"),
    )
    columns = (
        _ITEM,
        _UNIT,
        Column("cases", "一年办件量", "Cases a year", COUNT),
        Column("materials_given", "仍提交材料", "Materials handed in", COUNT),
        Column("materials_spared", "免提交材料", "Materials spared", COUNT),
        Column("part", "免提交比例", "Share spared", SHARE),
        Column("prefills", "预填次数", "Prefills", COUNT),
        Column("fields_kept", "免填字段", "Fields spared", COUNT),
        Column("fields_kept_per_prefill", "每次免填", "Fields per prefill", MEAN),
        Column("fields_spared_if_all_prefilled", "若都预填可免", "If all were prefilled", COUNT),
    )
    title = reading.t("spared", n=spared, share=share(spared, whole), fields=fields)
    return [reading.block("spared", title, columns=columns, rows=rows, figure=figure)]


def _openings(reading: Reading) -> list[Block]:
    found = reading.lists.get("openings")
    if not found or not found.rows:
        return []
    steps: dict[int, dict] = {}
    for row in map(reading.listed, found.rows):
        step = steps.setdefault(row["step"], {**row, "what": "", "who": {}})
        step["what"] += f"{reading.both('、', ', ') if step['what'] else ''}{row['kind']} {row['target']}"
        step["who"][row["office"]] = None
    rows = [{**step, "office": tuple(step["who"])} for step in steps.values()]
    drawn = rows[:CHARTED]
    figure = charts.bars(
        [row["what"] for row in drawn],
        [row["gain"] for row in drawn],
        [f"{row['gain']:,}" for row in drawn],
        reading.both("每年再省份数", "more copies freed a year"),
    )
    columns = (
        Column("step", "步骤", "Step"),
        Column("what", "开放或整改", "Opening or mend"),
        Column("office", "由谁", "By whom"),
        Column("gain", "本步可省份数", "Copies freed", COUNT),
        Column("total", "累计可省份数", "So far", COUNT),
    )
    title = reading.t("openings", what=rows[0]["what"], n=rows[0]["gain"])
    return [reading.block("openings", title, columns=columns, rows=rows, figure=figure, of_list=True)]


def asked_again(reading: Reading) -> list[Block]:
    """Return where people are still asked for what the university holds."""
    found = reading.lists.get("asked_again")
    if not found:
        return []
    columns = [
        Column(one.key, one.zh, one.en, COUNT if one.key in ("cases", "handed") else "text")
        for one in found.columns
        if one.key not in ("number", "item")
    ]
    return [
        reading.block(
            "asked_again",
            reading.t("asked_again", n=len(found.rows)),
            columns=columns,
            rows=[reading.listed(row) for row in found.rows],
            of_list=True,
        )
    ]
