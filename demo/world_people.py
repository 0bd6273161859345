"""One made-up person: names, documents, birthday, where from, how to reach. Roles point to a person."""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from demo import ids, names
from demo.world_campus import AREAS

_AREAS = tuple(AREAS)
_STREETS = (
    "文化路",
    "建设路",
    "人民路",
    "和平街",
    "书院巷",
    "滨河路",
    "青年路",
    "学府路",
    "新华街",
    "长兴路",
)
_ETHNIC = ("02", "03", "04", "05", "06", "07", "08", "09", "11", "12", "13", "14", "15", "17", "33")
_MAIL = ("mail.example.com", "post.example.cn", "stu.example.edu")
_FOREIGN = ("KAZ", "VNM", "POL", "IDN", "GHA", "PAK", "NGA", "PER", "UZB", "SEN")


@dataclass(frozen=True, slots=True)
class Document:
    """An identity document.

    Attributes:
        kind: code of id_document_types: 1 resident card, 6 mainland permit (Hong Kong, Macao), 8 mainland permit
            (Taiwan), 9 permanent residence of foreigners, A passport, C residence permit (Hong Kong, Macao),
            D residence permit (Taiwan).
        country: nationality of the holder, ISO 3166 alpha-3.
        number: as printed.
        valid_until: None for unlimited.
    """

    kind: str
    country: str
    number: str
    valid_until: date | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """One human being, whatever roles they have.

    Attributes:
        key: number within this world; known to no system.
        name: as registers write it today; Latin letters for foreigners without a Chinese name.
        pinyin: of the name, empty where it has none.
        former_name: earlier name, empty if there was none.
        sex: 1 man, 2 woman (GB/T 2261.1).
        ethnic: code of GB/T 3304; 98 and empty for those who are not citizens of China.
        compatriot: code 00 none, 01 Hong Kong, 03 Macao, 05 Taiwan, 51 foreigner.
        documents: the one that registers use first.
        phone: empty if it was never told.
        area: prefecture (GB/T 2260), 000000 abroad.
    """

    key: int
    name: str
    pinyin: str
    former_name: str
    sex: str
    born_on: date
    ethnic: str
    nationality: str
    compatriot: str
    documents: tuple[Document, ...]
    phone: str
    email: str
    area: str
    address: str
    postcode: str
    politics: str
    married: bool

    @property
    def document(self) -> Document:
        """The document that registers use."""
        return self.documents[0]


class PeopleMaker:
    """Makes people one after the other; every number it gives is given once."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.count = 0
        self._orders: dict[tuple[str, date], int] = {}

    def citizen(
        self,
        born: tuple[date, date],
        sex: str = "",
        name: tuple[str, str] | None = None,
        born_on: date | None = None,
    ) -> Person:
        """Make a citizen of China born within a period."""
        random, roll = self.random, self.random.random
        sex = sex or ("1" if roll() < 0.51 else "2")
        area = _AREAS[int(roll() * len(_AREAS))]
        first, last = born
        born_on = born_on or first + timedelta(days=int(roll() * ((last - first).days + 1)))
        ethnic = "01" if roll() < 0.91 else _ETHNIC[int(roll() * len(_ETHNIC))]
        if name is None:
            if ethnic in ("05", "17") and roll() < 0.9:
                name = names.dotted_name(random, sex)
            elif roll() < 0.002:
                name = names.rare_name(random, sex)
            else:
                name = names.chinese_name(random, sex)
        number = self._resident_id(area, born_on, sex)
        document = Document(
            "1", "CHN", number, date(2026 + int(roll() * 15) + 1, born_on.month, min(born_on.day, 28))
        )
        politics = _politics(roll(), 2026 - born_on.year)
        return self._person(name, sex, born_on, ethnic, "CHN", "00", (document,), area, politics)

    def compatriot(self, region: str, born: tuple[date, date], by_permit: bool) -> Person:
        """Make a student or teacher from Hong Kong (HKG), Macao (MAC) or Taiwan (TWN).

        Args:
            region: three letters.
            born: period of birth.
            by_permit: True: known by the travel permit; False: by the residence permit of 18 digits.
        """
        random = self.random
        sex = random.choice("12")
        name = names.chinese_name(random, sex)
        born_on = born[0] + timedelta(days=random.randrange((born[1] - born[0]).days))
        area = {"HKG": "810000", "MAC": "820000", "TWN": "830000"}[region]
        letter = {"HKG": "H", "MAC": "M", "TWN": ""}[region]
        permit = Document(
            "8" if region == "TWN" else "6",
            region,
            ids.mainland_permit(letter, self._serial()),
            date(2031, 6, 30),
        )
        resident = Document(
            "D" if region == "TWN" else "C", region, self._resident_id(area, born_on, sex), date(2030, 9, 1)
        )
        documents = (permit, resident) if by_permit else (resident, permit)
        code = {"HKG": "01", "MAC": "03", "TWN": "05"}[region]
        kept = {"HKG": "810000", "MAC": "820000", "TWN": "710000"}[region]
        return self._person(name, sex, born_on, "", region, code, documents, kept, "13")

    def foreigner(self, born: tuple[date, date], has_residence: bool = False) -> Person:
        """Make a foreigner, known by passport or by the permanent residence card."""
        random = self.random
        sex = random.choice("12")
        country = random.choice(_FOREIGN)
        born_on = born[0] + timedelta(days=random.randrange((born[1] - born[0]).days))
        documents = [
            Document("A", country, ids.passport(self._serial(), random.choice("ABCEKN")), date(2030, 3, 31))
        ]
        if has_residence:
            number = ids.permanent_residence(country, "3301", born_on, random.randrange(10))
            documents.insert(0, Document("9", country, number, date(2033, 3, 31)))
        name = (names.latin_name(random, sex), "")
        return self._person(name, sex, born_on, "", country, "51", tuple(documents), "900000", "13")

    def _person(
        self, name, sex, born_on, ethnic, nationality, compatriot, documents, area, politics
    ) -> Person:
        roll = self.random.random
        self.count += 1
        serial = self.count * 104_729 % 70_000_000
        street = _STREETS[int(roll() * len(_STREETS))]
        return Person(
            key=self.count,
            name=name[0],
            pinyin=name[1],
            former_name="",
            sex=sex,
            born_on=born_on,
            ethnic=ethnic,
            nationality=nationality,
            compatriot=compatriot,
            documents=documents,
            phone=ids.phone(serial) if roll() > 0.012 else "",
            email=f"u{self.count:07d}@{_MAIL[self.count % 3]}" if roll() > 0.2 else "",
            area=area,
            address=f"{AREAS.get(area, '')}{street}{int(roll() * 300) + 1}号",
            postcode=f"{area[:2]}{int(roll() * 9000) + 1000}" if area in AREAS else "",
            politics=politics,
            married=2026 - born_on.year > 26 and roll() < 0.75,
        )

    def _serial(self) -> int:
        self.count += 1
        return 10_000_000 + self.count * 7_919 % 80_000_000

    def _resident_id(self, area: str, born_on: date, sex: str) -> str:
        county = area[:4] + f"{1 + int(self.random.random() * 9):02d}" if area < "810000" else area
        order = self._orders.get((county, born_on), 0)
        self._orders[county, born_on] = order + 1
        return ids.resident_id(county, born_on, (order + born_on.day * 7) % 500, sex)


def _politics(draw: float, age: int) -> str:
    if age <= 28:
        # Whoever joins the party is of age when applying, an activist for a year and a probationer for another.
        if draw < 0.09 and age >= (22 if draw < 0.05 else 20):
            return "01" if draw < 0.05 else "02"
        return "03" if draw < 0.92 else "13"
    return "01" if draw < 0.48 else "13" if draw < 0.93 else "05" if draw < 0.97 else "10"
