"""Campus cards and what is spent with them: one card per holder, one list of purchases per day."""

from bisect import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import blake2b
from itertools import accumulate
from typing import TYPE_CHECKING

from demo.roll import dice
from demo.tables import yuan
from demo.target import campus_day

if TYPE_CHECKING:
    from demo.world import World
    from demo.world_staff import Staff
    from demo.world_students import Graduate, Undergraduate

    Role = Undergraduate | Graduate | Staff

UNDERGRADUATES, GRADUATES, STAFF = "本科生", "研究生", "教职工"
VALID, LOST, FROZEN, CLOSED, EXPIRED = "正常", "挂失", "冻结", "注销", "过期"
_CLOSED_SINCE = date(2026, 6, 1)
# Card numbers look random and are never given twice: multiplication modulo a prime above every holder's number.
_PRIME, _FACTOR = 100_000_000_003, 48_271_913_077
_STATES = (VALID,) * 975 + (LOST,) * 10 + (FROZEN,) * 6 + (EXPIRED,) * 9
_ISSUES = (1,) * 88 + (2,) * 10 + (3,) * 2
_RETIRED = "退休"
_KINDS = {"S": "2", "B": "3"}
# Each day one card of so many is lost; the day after, its holder has another one.
_LOST_EACH = 4000
_WORKDAY_RATE, _WEEKEND_RATE = 0.85, 0.5
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Card:
    """A card.

    Attributes:
        number: of the card; a card that replaces a lost one has another.
        holder_no: student or staff number.
        state: as the card office words it.
        balance_fen: on the evening of `settled_on`.
        opened_on: since when it is valid.
        settled_on: Sunday of the last settlement.
        is_secret: the holder works on classified matters.
    """

    number: str
    holder_no: str
    state: str
    balance_fen: int
    opened_on: date
    settled_on: date
    is_secret: bool = False


@dataclass(frozen=True, slots=True)
class Spot:
    """A place to spend: weight, first and last second of the day, prices in fen."""

    merchant: str
    terminals: int
    kind: str
    weight: int
    opens_s: int
    closes_s: int
    least_fen: int
    most_fen: int


def _spot(
    merchant: str, terminals: int, kind: str, weight: int, hours: tuple[float, float], fen: tuple[int, int]
) -> Spot:
    return Spot(merchant, terminals, kind, weight, int(hours[0] * 3600), int(hours[1] * 3600), *fen)


SPOTS = (
    _spot("溪东一食堂", 24, "餐饮", 9, (6.5, 9.0), (150, 800)),
    _spot("溪东一食堂", 24, "餐饮", 18, (11.0, 13.0), (600, 2200)),
    _spot("溪东一食堂", 24, "餐饮", 14, (16.8, 19.0), (600, 2200)),
    _spot("溪东二食堂", 18, "餐饮", 13, (11.0, 13.2), (700, 2600)),
    _spot("溪西食堂", 16, "餐饮", 12, (11.0, 13.0), (600, 2200)),
    _spot("溪西食堂", 16, "餐饮", 9, (16.8, 19.0), (600, 2200)),
    _spot("南湖食堂", 10, "餐饮", 8, (11.0, 13.0), (600, 2200)),
    _spot("清真餐厅", 6, "餐饮", 4, (11.0, 19.0), (800, 2600)),
    _spot("教育超市", 12, "购物", 12, (8.0, 22.0), (200, 5000)),
    _spot("公寓热水", 60, "热水", 14, (17.0, 23.0), (20, 300)),
    _spot("自助洗衣", 30, "洗衣", 5, (8.0, 22.5), (300, 500)),
    _spot("自助打印", 20, "打印", 5, (8.0, 22.0), (20, 600)),
    _spot("校际班车", 8, "班车", 3, (7.0, 20.0), (200, 300)),
)


def cards(world: "World", day: int, holders: str) -> Iterator[Card]:
    """Yield the cards that the card office lists on the morning of a campus day, by holder.

    Args:
        world: the campus.
        day: campus day.
        holders: UNDERGRADUATES, GRADUATES or STAFF.
    """
    today = campus_day(day)
    settled_on = today - timedelta(days=(today.weekday() + 1) % 7 or 7)
    number, since = ("staff_no", "joined_on") if holders == STAFF else ("student_no", "entered_on")
    for role in _roles(world, holders):
        if role.left_on is None or role.left_on >= _CLOSED_SINCE or role.leave == _RETIRED:
            yield _card(role, getattr(role, number), getattr(role, since), settled_on, world.seed, day)


def _roles(world: "World", holders: str) -> "Iterable[Role]":
    if holders == STAFF:
        return world.staff
    return world.undergraduates if holders == UNDERGRADUATES else world.graduates


def _card(role: "Role", number: str, since: date, settled_on: date, seed: int, day: int) -> Card:
    draw, lost_day = divmod(_draw(seed, number), _LOST_EACH)
    draw, at = divmod(draw, len(_STATES))
    state, issue = _STATES[at], _ISSUES[draw % len(_ISSUES)]
    if state == VALID and lost_day + 1 == day:
        state = LOST
    elif state == VALID and lost_day + 1 < day:
        issue += 1
    balance_fen = _draw(seed, number, settled_on) % 30_000
    if role.left_on is not None and role.left_on < campus_day(day) and role.leave != _RETIRED:
        state, balance_fen = CLOSED, 0
    is_secret = getattr(role, "is_secret", False)
    return Card(_number(number, issue), number, state, balance_fen, since, settled_on, is_secret)


def _draw(*names: object) -> int:
    """Return 64 bits of chance for one purpose: what `dice` is for many draws, at a tenth of its price."""
    return int.from_bytes(blake2b(":".join(map(str, names)).encode(), digest_size=8).digest(), "big")


def _number(holder_no: str, issue: int) -> str:
    kind = _KINDS.get(holder_no[0]) or ("1" if len(holder_no) > 9 else "4")
    scattered = int(holder_no.lstrip("SB")) * _FACTOR % _PRIME
    return f"{kind}{scattered:012d}{issue}"


def spending_lines(card_numbers: list[str], on: date, seed: int) -> Iterator[str]:
    """Yield the lines of one day's purchases in order of time: ready to be written, for there are many.

    Args:
        card_numbers: of the cards that could be used.
        on: the day.
        seed: of the campus.
    """
    random = dice(seed, "logistics", "spending", on)
    weights = list(accumulate(spot.weight for spot in SPOTS))
    rate = _WORKDAY_RATE if on.weekday() < 5 else _WEEKEND_RATE
    bits, total, holders = random.getrandbits, weights[-1], len(card_numbers)
    found = []
    for _ in range(int(holders * rate)):
        draw = bits(96)
        draw, at = divmod(draw, holders)
        draw, weight = divmod(draw, total)
        spot = SPOTS[bisect(weights, weight)]
        draw, second = divmod(draw, spot.closes_s - spot.opens_s)
        draw, price = divmod(draw, spot.most_fen - spot.least_fen)
        found.append((spot.opens_s + second, at, spot, spot.least_fen + price, draw % spot.terminals + 1))
    found.sort(key=lambda one: one[:2])
    day, prefix = on.isoformat(), f"{on:%Y%m%d}"
    for number, (second, at, spot, fen, terminal) in enumerate(found, start=1):
        minutes, seconds = divmod(second, 60)
        yield (
            f"{prefix}{number:07d},{card_numbers[at]},{day} {minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d},"
            f"{spot.kind},{spot.merchant},{terminal:02d},{yuan(fen)}\n"
        )


def usable(world: "World", day: int) -> list[str]:
    """Return the numbers of the cards that can be used from the morning of a campus day, by holder."""
    return [
        card.number
        for holders in (UNDERGRADUATES, GRADUATES, STAFF)
        for card in cards(world, day, holders)
        if card.state == VALID and not card.is_secret
    ]
