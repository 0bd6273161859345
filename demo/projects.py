"""Research projects: known to research administration, to finance (accounts) and to the offices (contracts)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from demo.roll import Member, Roll, dice
from demo.target import FIRST_DAY

LEVELS = (
    # level, source, number prefix, project amount in ten thousand yuan, months, weight
    ("国家级", "国家自然科学基金", "ZK", (20, 260), 48, 5),
    ("国家级", "国家重点研发计划", "ZD", (80, 900), 36, 1),
    ("省部级", "省自然科学基金", "SJ", (5, 50), 36, 6),
    ("市厅级", "市科技局", "ST", (3, 20), 24, 4),
    ("横向", "企业委托", "HX", (2, 120), 18, 9),
    ("校级", "学校自设", "XJ", (1, 5), 12, 5),
)
_TOPICS = (
    "近海藻类固碳", "老旧桥梁损伤识别", "多孔材料吸附", "乡村医生培训", "稻田甲烷排放", "低温电解质",
    "方言语音合成", "山区滑坡预警", "课堂行为分析", "古籍修复用纸", "城市内涝模拟", "智能仓储调度",
    "肝脏影像分割", "地方志整理", "风机叶片检测", "茶树抗寒基因", "跨境物流成本", "工业废水回用",
)  # fmt: skip
# Who commissions research: a few do so again and again, most once or twice.
CLIENTS = (
    "江畔智能装备有限公司", "东岭环保工程有限公司", "明湖生物科技有限公司", "北川交通设计院", "禾穗数据服务有限公司",
    "沿海港务集团", "青禾农业发展有限公司", "岚桥结构检测有限公司", "松原材料研究所", "白沙渔业合作社",
    "远汀船舶工程有限公司", "石塘镇人民政府", "澄江水务", "南屿风电有限公司", "竹溪茶业", "云岭地质勘察院",
    "丰泽物流有限公司", "翠屏古籍书店",
    "临溪城市建设有限公司", "瑶光光学仪器有限公司", "麦田教育科技有限公司", "青石滑坡监测站", "溪口卫生院",
    "珊瑚岛养殖场",
)  # fmt: skip
FUNDS = {
    "国家自然科学基金": "国家自然科学基金委员会",
    "国家重点研发计划": "国家科技计划专户",
    "省自然科学基金": "省自然科学基金办公室",
    "市科技局": "市科技局财政专户",
    "学校自设": "校科研基金专户",
}
_ENDINGS = ("机理研究", "关键技术", "方法与应用", "若干问题", "系统研制", "评价体系")


@dataclass(frozen=True, slots=True)
class Project:
    """One research project.

    Attributes:
        number: project number, known campus-wide.
        amount_fen: approved amount.
        is_secret: a 涉密 project: stands in the source systems and must never be read from them.
        members: leader first.
        contract_no: number of the contract with the client, empty without one.
        payer: whose money it is: the client of the contract, or the fund.
    """

    number: str
    name: str
    level: str
    source: str
    leader: Member
    starts_on: date
    ends_on: date
    amount_fen: int
    is_secret: bool
    members: tuple[Member, ...]
    contract_no: str
    payer: str

    @property
    def status(self) -> str:
        return "在研" if self.ends_on >= FIRST_DAY else "结题"


def projects(roll: Roll, seed: int) -> Iterator[Project]:
    """Yield the campus's projects, about two for every three members of staff, in order of number.

    One project in a hundred and fifty, and at least one, is secret.
    """
    random = dice(seed, "projects")
    present = roll.on(FIRST_DAY)
    leaders = present.staff
    helpers = present.graduates or present.students
    count = max(12, len(leaders) * 2 // 3)
    weights = [level[-1] for level in LEVELS]
    for number in range(1, count + 1):
        level, source, prefix, (low, high), months, _ = random.choices(LEVELS, weights)[0]
        leader = leaders[random.randrange(len(leaders))]
        starts_on = date(2021, 1, 1) + timedelta(days=random.randrange(0, 2050))
        team = {leader.number: leader}
        for pool, size in ((leaders, random.randint(1, 4)), (helpers, random.randint(0, 3))):
            for member in random.sample(pool, min(size, len(pool))):
                team.setdefault(member.number, member)
        yield Project(
            number=f"{prefix}{starts_on.year}{number:05d}",
            name=f"{random.choice(_TOPICS)}{random.choice(_ENDINGS)}",
            level=level,
            source=source,
            leader=leader,
            starts_on=starts_on,
            ends_on=starts_on + timedelta(days=months * 30),
            amount_fen=random.randint(low * 10, high * 10) * 100_000,
            is_secret=number % 150 == 7,
            members=tuple(team.values()),
            contract_no=f"HT{starts_on.year}{number:05d}" if level == "横向" else "",
            payer=FUNDS.get(source) or _client(dice(seed, "client", number)),
        )


def _client(random: Random) -> str:
    return CLIENTS[int(random.random() ** 2 * len(CLIENTS))]
