"""Names of made-up people: combined from common characters, with their pinyin; some rare, some of other kinds."""

from random import Random

SURNAMES = (
    "王wang 李li 张zhang 刘liu 陈chen 杨yang 赵zhao 黄huang 周zhou 吴wu 徐xu 孙sun 胡hu 朱zhu 高gao 林lin 何he 郭guo "
    "马ma 罗luo 梁liang 宋song 郑zheng 谢xie 韩han 唐tang 冯feng 于yu 董dong 萧xiao 程cheng 曹cao 袁yuan 邓deng 许xu "
    "傅fu 沈shen 曾zeng 彭peng 吕lv 苏su 卢lu 蒋jiang 蔡cai 贾jia 丁ding 魏wei 薛xue 叶ye 阎yan 余yu 潘pan 杜du 戴dai "
    "夏xia 钟zhong 汪wang 田tian 任ren 姜jiang 范fan 方fang 石shi 姚yao 谭tan 廖liao 邹zou 熊xiong 金jin 陆lu 郝hao "
    "孔kong 白bai 崔cui 康kang 邱qiu 秦qin 江jiang 史shi 顾gu 侯hou 邵shao 孟meng 龙long 万wan 段duan 雷lei 钱qian "
    "汤tang 尹yin 黎li 易yi 常chang 武wu 乔qiao 贺he 赖lai 龚gong 文wen 欧阳ouyang 上官shangguan 司徒situ 诸葛zhuge"
)
MALE = (
    "伟wei 强qiang 磊lei 军jun 洋yang 勇yong 杰jie 涛tao 斌bin 鹏peng 浩hao 宇yu 轩xuan 博bo 俊jun 峰feng 毅yi 恒heng "
    "松song 柏bai 川chuan 岩yan 翔xiang 凯kai 旭xu 晨chen 阳yang 哲zhe 瀚han 泽ze 铭ming 睿rui 逸yi 航hang 卓zhuo "
    "然ran 远yuan 志zhi 诚cheng 信xin 立li 德de 明ming 嘉jia 言yan 思si 源yuan 子zi 墨mo 景jing 安an 邦bang 承cheng "
    "希xi 致zhi 群qun 青qing 楷kai 霖lin 岳yue 衡heng"
)
FEMALE = (
    "芳fang 娜na 敏min 静jing 丽li 娟juan 艳yan 霞xia 秀xiu 玲ling 桂gui 兰lan 慧hui 琳lin 雪xue 梅mei 婷ting "
    "颖ying 佳jia 怡yi 欣xin 悦yue 雨yu 萱xuan 思si 涵han 梦meng 琪qi 诗shi 语yu 若ruo 曦xi 晓xiao 彤tong 清qing "
    "婉wan 雅ya 宁ning 书shu 瑶yao 可ke 心xin 亦yi 菲fei 紫zi 薇wei 听ting 荷he 映ying 月yue 初chu 晴qing 安an 然ran "
    "桐tong 筠yun 溪xi 棠tang"
)
# Characters that GB 18030 and Unicode have and GBK has not.
RARE = "䶮yan 㛃jie 𫖯fu 𨱑huang 𬭎hong 𬴊lin 𬱖di 𫍯xian"
MINORITY_GIVEN = {
    "1": ("艾尔肯", "买买提江", "阿不都热依木", "吐尔逊", "多吉次仁", "扎西平措", "巴特尔", "居马别克"),
    "2": ("阿依古丽", "古丽娜尔", "帕提古丽", "热依汗", "卓玛央金", "德吉拉姆", "其其格", "阿依努尔"),
}
MINORITY_FATHERS = ("玉素甫", "卡斯木", "托合提", "库尔班", "热合曼", "艾合买提", "达吾提", "尼牙孜")
LATIN_GIVEN = {
    "1": ("Amadou", "Nurlan", "Tomasz", "Rizki", "Kofi", "Bilal", "Minh Duc", "Emeka", "Mateo", "Aziz"),
    "2": ("Aigerim", "Thu Ha", "Sofia", "Fatou", "Nadia", "Dewi", "Katarzyna", "Amina", "Lucia", "Saule"),
}
LATIN_FAMILY = (
    "Diallo", "Sarsenov", "Wisniewski", "Pratama", "Mensah", "Rahmani", "Nguyen", "Okonjo", "Quispe", "Karimov",
)  # fmt: skip


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    found = []
    for word in text.split():
        at = next(place for place, char in enumerate(word) if char.isascii())
        found.append((word[:at], word[at:]))
    return tuple(found)


_SURNAMES, _RARE = _pairs(SURNAMES), _pairs(RARE)
_GIVEN = {"1": _pairs(MALE), "2": _pairs(FEMALE)}


def chinese_name(random: Random, sex: str) -> tuple[str, str]:
    """Return a name and its pinyin, surname first, words parted by a blank."""
    roll = random.random
    # Squaring prefers the surnames at the head of the list, as life does.
    surname, surname_pinyin = _SURNAMES[int(roll() * roll() * len(_SURNAMES))]
    given = _GIVEN[sex]
    name, pinyin = given[int(roll() * len(given))]
    if roll() < 0.82:
        second, second_pinyin = given[int(roll() * len(given))]
        name, pinyin = name + second, pinyin + second_pinyin
    return surname + name, f"{surname_pinyin} {pinyin}"


def rare_name(random: Random, sex: str) -> tuple[str, str]:
    """Return a name that ends in a character GBK does not have."""
    name, pinyin = chinese_name(random, sex)
    char, sound = random.choice(_RARE)
    surname = 2 if pinyin.split()[0] in ("ouyang", "shangguan", "situ", "zhuge") else 1
    return f"{name[:surname]}{char}", f"{pinyin.split()[0]} {sound}"


def dotted_name(random: Random, sex: str) -> tuple[str, str]:
    """Return a name of two parts with a middle dot, as several peoples of China write theirs; no pinyin."""
    return f"{random.choice(MINORITY_GIVEN[sex])}·{random.choice(MINORITY_FATHERS)}", ""


def latin_name(random: Random, sex: str) -> str:
    """Return a foreigner's name in the order and case of a passport: FAMILY, GIVEN."""
    return f"{random.choice(LATIN_FAMILY).upper()}, {random.choice(LATIN_GIVEN[sex]).upper()}"
