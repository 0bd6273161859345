"""Identity: one stored key per subject, linked to the natural keys by which systems know it.

A person's key is minted once and never computed from attributes. What comes in: the rows of a candidate, through the
items that contracts name under `subject`; what goes out: `yici.link`, and pairs in doubt in `yici.identity_review`.
The certain rule is in `resolve`, probable pairs in `probable`, what humans decide in `decisions`, the rest is reading
and writing. Not here: rows (`warehouse.versions`), and what a link means for an answer (`service.subjects`).
"""

from warehouse.identity.keys import DOCUMENT, kept, resident_id_18, said
from warehouse.identity.links import update
from warehouse.identity.names import fold_name

__all__ = ["DOCUMENT", "fold_name", "kept", "resident_id_18", "said", "update"]
