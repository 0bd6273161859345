"""Powers and approvals as frozen data: who may decide what, and who decides a change; part of `catalogs.model`.

A campus without an approvals.yaml, or whose file leaves a kind of change out, decides as DEFAULT_APPROVALS says
(CATALOG §3.7): what is shared without condition waits for nobody but the data office's check, what is shared on
condition is the provider's to decide, what is not shared is refused at once, and two persons are needed only where
sensitive personal data is concerned. No default names a post: `post` then is a role of the unit that `who` stands for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

DEMAND, TASK, DISPUTE, SERVICE_ITEM, CONTRACT = "demand", "task", "dispute", "service_item", "contract"
CODE_TABLE, REGISTER, CORRECTION, QUALITY_TICKET = "code_table", "register", "correction", "quality_ticket"
CHANGES = (
    DEMAND, TASK, DISPUTE, SERVICE_ITEM, CONTRACT, CODE_TABLE, REGISTER, CORRECTION, QUALITY_TICKET,
)  # fmt: skip
DECIDERS = ("data_office", "provider", "requester", "lead", "lead_office", "university_office")
POSTS = ("accountable", "steward", "clerk")
REFUSED = "refused"


@dataclass(frozen=True)
class Power:
    """A row of the power list (权责清单), with the columns of CATALOG §3.4.

    Attributes:
        lists: the lists it is published on (权责, 审批, 服务, 小微权力).
        subject: in whose name it is exercised (责任主体); `unit` is the unit that does it (承办机构).
        accountable_persons, accountable_for: whom and for what one is called to account (追责).
        batch: with which batch of publication it came (分批公布).
    """

    code: str
    name_zh: str
    kind: str = ""
    lists: tuple[str, ...] = ()
    basis: str = ""
    subject: str = ""
    unit: str = ""
    duties: str = ""
    duty_basis: str = ""
    accountable_persons: str = ""
    accountable_for: str = ""
    phone: str = ""
    batch: int | None = None
    published_on: date | None = None
    status: str = ""
    service_items: tuple[str, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ApprovalStep:
    """One decider of an approval.

    Attributes:
        who: the unit, one of DECIDERS.
        post: a post of units.csv (`post:…`), or its role in that unit (POSTS).
        limit_days: working days of the calendar within which it is decided; 0: is only informed.
    """

    seq: int
    who: str
    post: str
    act: str
    limit_days: int


@dataclass(frozen=True)
class Approval:
    """How one kind of change is decided: the deciders in their order.

    Attributes:
        change: one of CHANGES.
        when_share_type, when_pi_class: the strictest share type or personal-data class concerned; empty: any.
        escalate: the post or role to which silence climbs; silence never grants.
        four_eyes: whether two different persons must decide.
        undertaking, assessment: whether an undertaking, or the number of an impact assessment, must be there.
        outcome: `refused` where there is nothing to decide.
    """

    change: str
    steps: tuple[ApprovalStep, ...]
    name_zh: str = ""
    when_share_type: str = ""
    when_pi_class: str = ""
    escalate: str = ""
    four_eyes: bool = False
    undertaking: bool = False
    assessment: bool = False
    outcome: str = ""

    def fits(self, change: str, share_type: str, pi_class: str) -> bool:
        """Whether this is a way to decide such a change."""
        return (
            self.change == change
            and self.when_share_type in ("", share_type)
            and self.when_pi_class in ("", pi_class)
        )

    @property
    def rank(self) -> tuple[bool, bool, bool]:
        """Of several that fit, the highest rank decides: refusal, then sensitive data, then the nearer condition."""
        return self.outcome == REFUSED, bool(self.when_pi_class), bool(self.when_share_type)


@dataclass(frozen=True)
class Approvals:
    """All ways of deciding; `is_declared` tells whether the campus has an approvals.yaml."""

    ways: tuple[Approval, ...] = ()
    is_declared: bool = False

    def of(self, change: str, share_type: str = "", pi_class: str = "") -> Approval:
        """Return how a change is decided: as the campus says, else as the default says.

        Args:
            change: one of CHANGES.
            share_type: of a demand, the strictest share type of what is asked for.
            pi_class: of a demand, the strictest class of personal data among it.

        Raises:
            KeyError: no such kind of change.
        """
        for ways in (self.ways, DEFAULT_APPROVALS):
            fitting = [way for way in ways if way.fits(change, share_type, pi_class)]
            if fitting:
                return max(fitting, key=lambda way: way.rank)
        raise KeyError(f"no way to decide {change!r} ({share_type or 'any share type'})")


def _way(change: str, *steps: tuple[str, str, str, int], **keys: Any) -> Approval:
    numbered = (ApprovalStep(seq, *step) for seq, step in enumerate(steps, start=1))
    return Approval(change, tuple(numbered), **{"escalate": "accountable", **keys})


_OFFICE = ("data_office", "steward")
_PROVIDER = ("provider", "steward")
_ANY_DEMAND = _way(DEMAND, (*_OFFICE, "核对用途与最小必要", 3), (*_PROVIDER, "决定", 5), undertaking=True)
DEFAULT_APPROVALS = (
    _way(
        DEMAND,
        (*_OFFICE, "核对用途与最小必要, 授权", 3),
        (*_PROVIDER, "知悉", 0),
        when_share_type="unconditional",
    ),
    _ANY_DEMAND,
    _way(
        DEMAND,
        (*_OFFICE, "最小必要审查", 3),
        (*_PROVIDER, "决定", 5),
        ("data_office", "accountable", "复核(两人)", 2),
        when_pi_class="sensitive",
        four_eyes=True,
        undertaking=True,
        assessment=True,
    ),
    _way(DEMAND, (*_OFFICE, "告知依据, 退回", 1), when_share_type="none", outcome=REFUSED),
    _way(TASK, (*_PROVIDER, "决定", 5), ("data_office", "accountable", "复核", 2), undertaking=True),
    _way(
        DISPUTE,
        (*_OFFICE, "收集意见", 5),
        ("lead_office", "accountable", "认责会议: 纪要编号、期限、结论", 10),
    ),
    _way(
        SERVICE_ITEM,
        ("lead", "clerk", "起草", 5),
        ("lead", "accountable", "单位负责人签字", 3),
        ("university_office", "accountable", "初审", 5),
        ("lead_office", "accountable", "审定公布", 5),
    ),
    _way(CONTRACT, ("provider", "accountable", "确认数源职责", 3), (*_OFFICE, "审核发布", 3)),
    _way(CODE_TABLE, (*_OFFICE, "公告并征求意见", 20)),
    _way(REGISTER, (*_OFFICE, "核对登记", 3)),
    _way(CORRECTION, (*_PROVIDER, "核实并决定", 5)),
    _way(QUALITY_TICKET, (*_PROVIDER, "整改", 5)),
)
