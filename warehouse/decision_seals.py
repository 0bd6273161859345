"""What an approval of a proposal is worth: only those that a process of this installation recorded decide anything.

The portal's role in the database writes what posts say of proposals. Whoever has stolen its password, or slips a
statement into its connection, could write that somebody approved. So each approval carries a keyed digest over the
proposal's content and what was decided, by a key that lies in the state folder and that no database session is given.
What takes effect is judged by approvals whose seal is right, and by nothing else.

Without the key (`keys/decisions`) proposals that are decided and have not taken effect must be made anew; whatever took
effect before stays.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path

from catalogs.changes.edits import Edit
from catalogs.settings import kept_secret

KEY = "decisions"


def seal(
    home: Path,
    number: int,
    edits: Sequence[Edit],
    post: str,
    person: str,
    steps: Sequence[int],
    on: date,
) -> str:
    """Return the seal of an approval.

    Args:
        home: the state folder; its key is made if there is none.
        number, edits: of the proposal, as the warehouse keeps it.
        post, person: who approves.
        steps: places in the route's steps that are decided.
        on: the campus's day.
    """
    key = bytes.fromhex(kept_secret(home, KEY, lambda: secrets.token_hex(32)))
    told = [number, [asdict(edit) for edit in edits], post, person, list(steps), on.isoformat()]
    content = json.dumps(told, ensure_ascii=False, sort_keys=True).encode()
    return hmac.new(key, content, hashlib.sha256).hexdigest()


def is_right(given: str, own: str) -> bool:
    """Whether a seal is the one that `seal` returns, compared in constant time."""
    return hmac.compare_digest(given.encode(), own.encode())
