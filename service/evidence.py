"""The evidence of one decision: its entry, the proof that the record holds it, and the keys to check both offline.

`docs/verify_evidence.py` checks it with nothing of Yici: what was recorded then, and that it was not changed since.
"""

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

from service.checkpoints import Sealed
from service.keys import Keys
from service.record import canonical, leaf_content

ENTRY, DETAILS, PROOF, CHECKPOINT, KEYS = (
    "entry.json",
    "details.json",
    "proof.json",
    "checkpoint.txt",
    "keys.json",
)


def packed(
    entry: Mapping[str, Any], details: Mapping[str, Any] | None, path: list[bytes], sealed: Sealed, keys: Keys
) -> bytes:
    """Return the evidence as a ZIP archive, the same bytes for the same evidence.

    Args:
        entry: as `record.written`.
        details: as they are kept; None where their time is over.
        path: the proof that the entry is under the checkpoint.
        sealed: a checkpoint that covers it.
        keys: whose public ones go with it; who checks should know them from elsewhere.
    """
    proof = {
        "index": entry["seq"] - 1,
        "size": sealed.size,
        "leaf_hash": entry["leaf_hash"],
        "path": [one.hex() for one in path],
    }
    public = {
        "checkpoint": keys.verifier_of(sealed.note),
        "succession": keys.succession,
        "receipts": keys.for_receipts.as_dict(private=False)["keys"],
    }
    members = {
        ENTRY: leaf_content(entry),
        DETAILS: canonical(details) if details else None,
        PROOF: json.dumps(proof, indent=1).encode(),
        CHECKPOINT: sealed.note.encode(),
        KEYS: json.dumps(public, indent=1).encode(),
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            if content is not None:
                archive.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()
