"""The status list (IETF Token Status List): which of many certificates are revoked, without saying whose they are.

One bit per certificate in a compressed list that anybody may fetch and keep for `ttl_s`: who checks a paper tells
nobody which one. An index is given once and at random within its list (the service does that), so that neighbours in
time are not neighbours in the list.
"""

import zlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from certificates.compact import TokenFault, base64url, checked, from_base64url, signed
from certificates.keys import Signer
from certificates.pki import Trust

TYPE = "statuslist+jwt"
MEDIA_TYPE = "application/statuslist+jwt"
VALID, INVALID, SUSPENDED = 0, 1, 2
LARGEST = 1 << 20  # entries of a list that is read; a larger one is refused before it is unpacked


class StatusList:
    """Statuses by index, `bits` each (1, 2, 4 or 8).

    Attributes:
        bits: of one entry.
        size: how many entries.
    """

    def __init__(self, size: int, invalid: Iterable[int] = (), bits: int = 1) -> None:
        """Make a list of `size` entries that fill whole bytes, all valid but those named.

        Raises:
            ValueError: a size that does not fill whole bytes or is beyond `LARGEST`, other bits, an index outside.
        """
        if bits not in (1, 2, 4, 8) or size * bits % 8 or not 0 < size <= LARGEST:
            raise ValueError(
                f"a status list has up to {LARGEST} entries of 1, 2, 4 or 8 bits, in whole bytes"
            )
        self.bits = bits
        self.size = size
        self._bytes = bytearray(size * bits // 8)
        for index in invalid:
            self.set(index, INVALID)

    def get(self, index: int) -> int | None:
        """Return the status at an index; None outside the list."""
        if not 0 <= index < self.size:
            return None
        place, shift = divmod(index * self.bits, 8)
        return self._bytes[place] >> shift & (1 << self.bits) - 1

    def set(self, index: int, status: int) -> None:
        """Set the status at an index.

        Raises:
            ValueError: an index or a status outside.
        """
        most = (1 << self.bits) - 1
        if not 0 <= index < self.size or not 0 <= status <= most:
            raise ValueError(
                f"entry {index} with status {status} is outside a list of {self.size}, 0 to {most}"
            )
        place, shift = divmod(index * self.bits, 8)
        self._bytes[place] = self._bytes[place] & ~(most << shift) | status << shift

    def encode(self) -> dict[str, Any]:
        """Return the claim `status_list`: bits, and the list compressed (zlib, base64url)."""
        return {"bits": self.bits, "lst": base64url(zlib.compress(bytes(self._bytes), 9))}

    @classmethod
    def decode(cls, claim: Any) -> "StatusList":
        """Read the claim `status_list`.

        Raises:
            ValueError: it is none, or unpacks to more than `LARGEST` entries.
        """
        if not isinstance(claim, dict) or not isinstance(claim.get("lst"), str):
            raise ValueError("no status list")
        bits = claim.get("bits")
        if isinstance(bits, bool) or bits not in (1, 2, 4, 8):
            raise ValueError("a status list has entries of 1, 2, 4 or 8 bits")
        unpacking = zlib.decompressobj()
        try:
            unpacked = unpacking.decompress(from_base64url(claim["lst"]), LARGEST * bits // 8)
        except zlib.error:
            raise ValueError("a status list that does not unpack") from None
        if not unpacking.eof:
            raise ValueError(f"a status list cut short, or of more than {LARGEST} entries")
        found = cls(len(unpacked) * 8 // bits, bits=bits)
        found._bytes[:] = unpacked
        return found


def sign(
    statuses: StatusList,
    signer: Signer,
    *,
    address: str,
    at: datetime,
    lifetime_s: int = 86_400,
    ttl_s: int = 60,
) -> str:
    """Return a status list as a signed JWT.

    Args:
        statuses: the list.
        signer: an ES256 key.
        address: where it is published; tokens refer to it by exactly this (`sub`).
        at: the moment of the list, with a time zone.
        lifetime_s: after how many seconds it holds no longer (`exp`).
        ttl_s: for how many seconds a reader may keep it.

    Raises:
        ValueError: no ES256 key.
        KeyFault: the key does not sign.
    """
    made_at = int(at.timestamp())
    payload = {
        "sub": address,
        "iat": made_at,
        "exp": made_at + lifetime_s,
        "ttl": ttl_s,
        "status_list": statuses.encode(),
    }
    return signed(TYPE, payload, signer)


def read(text: str, trust: Trust, *, address: str, at: datetime) -> StatusList:
    """Check a signed status list and return it.

    Raises:
        TokenFault: it is malformed, expired, of another address, or not signed by a key that a root certified.
    """
    payload, _ = checked(text, (TYPE,), trust, at)
    if payload.get("sub") != address:
        raise TokenFault("malformed", "the status list is of another address")
    try:
        is_over = datetime.fromtimestamp(payload["exp"], UTC) <= at
        statuses = StatusList.decode(payload.get("status_list"))
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        raise TokenFault("malformed", "the status list cannot be read") from None
    if is_over:
        raise TokenFault("token_expired", "the status list is too old")
    return statuses
