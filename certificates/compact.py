"""Signed JSON in its compact form (JWS): what tokens and status lists have in common.

Signing goes through a `Signer`, as the key may stand in a device; checking is joserfc's. The signer's certificates are
in the header (`x5c`); a key that only the header vouches for is no key, so the chain is accepted before the signature
is looked at, and the algorithm is ours to say, not the header's.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc import jws
from joserfc.errors import JoseError

from certificates.keys import ES256, Signer
from certificates.pki import Trust, UntrustedError, header_chain, key_id, public_key

_HALF = 32  # bytes of each of the two numbers of a P-256 signature
_MOST_CERTIFICATES = 5


class _Registry(jws.JWSRegistry):
    """joserfc's limits on what it reads, wide enough for certificates in a header and for a status list."""

    max_header_length = 20_000
    max_payload_length = 400_000


_REGISTRY = _Registry(algorithms=[ES256])


class TokenFault(Exception):
    """A token does not hold. The message names no value of it.

    Attributes:
        reason: a code of `judging.REASONS`, such as `bad_signature`, `untrusted_signer`, `token_expired`, `malformed`.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def base64url(content: bytes) -> str:
    """Return bytes in base64url without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Return the bytes of unpadded base64url.

    Raises:
        ValueError: it is none.
    """
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def to_json(value: Any) -> bytes:
    """Return JSON without spaces, in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def signed(kind: str, payload: Mapping[str, Any], signer: Signer) -> str:
    """Return a payload as a JWS of a type (`typ`).

    Raises:
        ValueError: no ES256 key.
        KeyFault: the key does not sign.
    """
    protected = f"{_header(kind, signer.algorithm, signer.chain)}.{base64url(to_json(payload))}"
    first, second = decode_dss_signature(signer.sign(protected.encode()))
    return f"{protected}.{base64url(first.to_bytes(_HALF, 'big') + second.to_bytes(_HALF, 'big'))}"


@lru_cache(maxsize=64)
def _header(kind: str, algorithm: str, chain: tuple[x509.Certificate, ...]) -> str:
    if algorithm != ES256:
        raise ValueError(f"tokens are signed with {ES256}, not with {algorithm}")
    named = {"alg": algorithm, "typ": kind, "kid": key_id(chain[0]), "x5c": header_chain(chain)}
    return base64url(to_json(named))


def checked(
    text: str, kinds: tuple[str, ...], trust: Trust, at: datetime
) -> tuple[dict[str, Any], x509.Certificate]:
    """Return the payload of a JWS, and the certificate of the key that signed it.

    Args:
        text: the JWS.
        kinds: the accepted values of `typ`.
        trust: roots and revocation lists.
        at: the moment of judging.

    Raises:
        TokenFault: `malformed`, `untrusted_signer` and its kin (`pki.Trust.accept`), `bad_signature`.
    """
    chain = _chain_of(text, kinds)
    try:
        trust.accept(chain, at)
        key = public_key(chain[0])
    except UntrustedError as error:
        raise TokenFault(error.reason, "the token's key is not vouched for by a trusted root") from None
    except Exception as error:  # noqa: BLE001 a foreign certificate may be wrong in any way
        raise TokenFault("untrusted_signer", f"the token's certificate: {type(error).__name__}") from None
    signature = text.rpartition(".")[2]
    try:
        if base64url(from_base64url(signature)) != signature:  # one signature, one text
            raise TokenFault("bad_signature", "the token's signature is not written as it has to be")
        payload = json.loads(jws.deserialize_compact(text, key, registry=_REGISTRY).payload)
    except JoseError:
        raise TokenFault("bad_signature", "the token's signature does not hold") from None
    except (ValueError, RecursionError):
        raise TokenFault("malformed", "the token's payload is no JSON") from None
    if not isinstance(payload, dict):
        raise TokenFault("malformed", "the token's payload is no object")
    return payload, chain[0]


def _chain_of(text: str, kinds: tuple[str, ...]) -> list[x509.Certificate]:
    try:
        header = json.loads(from_base64url(text.partition(".")[0]))
        if header["typ"] not in kinds:
            raise TokenFault("malformed", "the token is of another type")
        encoded = header["x5c"]
        if not isinstance(encoded, list) or not 1 <= len(encoded) <= _MOST_CERTIFICATES:
            raise TokenFault("untrusted_signer", "the token names no certificates")
        return [x509.load_der_x509_certificate(base64.b64decode(one, validate=True)) for one in encoded]
    except KeyError:
        raise TokenFault("malformed", "the token's header has no type or no certificates") from None
    except (ValueError, TypeError, RecursionError, binascii.Error):
        raise TokenFault("malformed", "the token's header cannot be read") from None
