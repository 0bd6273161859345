"""What a page says when it cannot be shown: what, what stays safe, what to do; never a value of a person."""


class Refused(Exception):
    """A page is not given.

    Attributes:
        status: of HTTP.
        kind: which texts of `portal.texts` tell it: `error.<kind>.what` and `error.<kind>.mend`.
        rule: the rule that decided, as the record of deeds has it.
        deed: number of the entry on record, where it was a decision.
    """

    def __init__(self, status: int, kind: str, rule: str = "", deed: int | None = None) -> None:
        super().__init__(kind)
        self.status = status
        self.kind = kind
        self.rule = rule or kind
        self.deed = deed


def not_found() -> Refused:
    """Return the refusal of what is not there, or not for this reader: the difference is not told."""
    return Refused(404, "not_found")
