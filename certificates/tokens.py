"""The token of a certificate: an SD-JWT VC (RFC 9901), from which the holder shows as much as is asked.

Everything that a share may leave out is a disclosure of its own: the issuer's signature covers salted digests, the
holder passes on the disclosures that are to be seen. What stands in the signed part itself: issuer, kind (`vct`),
code and validity, the status reference, and what the template does not let the holder hide. Disclosures are of whole
claims, never of parts of one: our certificates are flat, and a flat form leaves less to get wrong.
"""

import hashlib
import json
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from certificates.compact import TokenFault, base64url, checked, from_base64url, signed, to_json
from certificates.keys import ES256, Signer
from certificates.pki import Trust, issuers_of, name_of

__all__ = ["Checked", "StatusReference", "Token", "TokenFault", "check", "issue", "select"]

TYPE = "dc+sd-jwt"
LARGEST = 100_000  # characters of a token that is read
_PROOF_TYPE = "kb+jwt"
_HASH = "sha-256"
_SALT_BYTES = 16
_CLOCK_SKEW = timedelta(seconds=60)
_OURS = ("iss", "vct", "jti", "iat", "exp", "nbf", "status", "cnf", "_sd", "_sd_alg", "...")
_MACHINERY = ("_sd", "_sd_alg", "cnf", "status")


@dataclass(frozen=True)
class StatusReference:
    """Where a token's status stands: the list's address (`uri`) and the index in it."""

    address: str
    index: int


@dataclass(frozen=True)
class Token:
    """An issued token.

    Attributes:
        text: all of it, every disclosure included: `<JWT>~<disclosure>~…~`.
        disclosures: each disclosable claim's name and its disclosure.
    """

    text: str
    disclosures: Mapping[str, str]


@dataclass(frozen=True)
class Checked:
    """A token whose signature holds.

    Attributes:
        signed_by: organisation and name in the certificate of the key that signed it.
        claims: the disclosed and the plain claims; the machinery (`_sd`, `_sd_alg`, `cnf`, `status`) left out.
        issuer, kind, token_id: `iss`, `vct`, `jti`.
        issued_at, expires_at: UTC.
        status: where its status stands, if anywhere.
        hidden: how many claims were not disclosed.
        is_bound: whether the holder proved possession of the bound key.
    """

    signed_by: str
    claims: Mapping[str, Any]
    issuer: str
    kind: str
    token_id: str
    issued_at: datetime
    expires_at: datetime
    status: StatusReference | None
    hidden: int
    is_bound: bool


def issue(
    signer: Signer,
    *,
    issuer: str,
    kind: str,
    token_id: str,
    claims: Mapping[str, Any],
    disclosable: Collection[str],
    issued_at: datetime,
    expires_at: datetime,
    status: StatusReference | None = None,
    holder_key: Mapping[str, Any] | None = None,
) -> Token:
    """Issue a token.

    Args:
        signer: an ES256 key.
        issuer: `iss`, the service's public address, as the key's certificate states it.
        kind: `vct`, the address or name of the kind of certificate.
        token_id: `jti`; the certificate's code.
        claims: JSON values by name; none of the registered names that this function sets itself.
        disclosable: which of them the holder may leave out.
        issued_at: with a time zone; whole seconds are kept.
        expires_at: the end of validity, with a time zone.
        status: the entry of the status list.
        holder_key: a public JWK that the token is bound to; None: whoever holds the token may show it.

    Raises:
        ValueError: a claim of a reserved name, a disclosable name that no claim has, or no ES256 key.
        KeyFault: the key does not sign.
    """
    if reserved := sorted(set(claims) & set(_OURS)):
        raise ValueError(f"{', '.join(reserved)}: set by the token itself, not a claim's name")
    if unknown := sorted(set(disclosable) - set(claims)):
        raise ValueError(f"{', '.join(unknown)}: disclosable, but no claim")
    disclosures = {name: _disclosure(name, claims[name]) for name in claims if name in disclosable}
    payload: dict[str, Any] = {
        "iss": issuer,
        "vct": kind,
        "jti": token_id,
        "iat": int(issued_at.timestamp()),
        "exp": int(expires_at.timestamp()),
    }
    payload |= {name: value for name, value in claims.items() if name not in disclosures}
    if disclosures:
        # Sorted by digest, so that their order does not tell which is which.
        payload |= {"_sd": sorted(map(_digest, disclosures.values())), "_sd_alg": _HASH}
    if status is not None:
        payload["status"] = {"status_list": {"idx": status.index, "uri": status.address}}
    if holder_key is not None:
        payload["cnf"] = {"jwk": dict(holder_key)}
    return Token("~".join((signed(TYPE, payload, signer), *disclosures.values(), "")), disclosures)


def select(token: str, names: Collection[str]) -> str:
    """Return a token with only the disclosures of the named claims: what a share passes on.

    Raises:
        TokenFault: `malformed`.
    """
    head, *disclosures, _ = _parts(token)
    return "~".join((head, *(one for one in disclosures if _opened(one)[0] in names), ""))


def check(
    token: str, trust: Trust, at: datetime, *, nonce: str | None = None, audience: str | None = None
) -> Checked:
    """Check a token offline: form, chain, signature, digests, validity, the holder's proof if it carries one.

    The status is not looked at: that is the caller's, with `status.StatusList`.

    Args:
        token: SD-JWT, or SD-JWT with key binding.
        trust: roots and revocation lists.
        at: the moment of judging, with a time zone.
        nonce, audience: what a holder's proof must state; where one is given, a token without proof is refused.

    Raises:
        TokenFault: `malformed`, `untrusted_signer`, `bad_signature`, `token_expired`, `not_yet_valid`, `bad_proof` …
    """
    head, *disclosures, proof = _parts(token)
    payload, certificate = checked(head, (TYPE,), trust, at)
    found = _read(payload, disclosures, name_of(certificate))
    if found.issuer not in issuers_of(certificate) or (trust.issuers and found.issuer not in trust.issuers):
        raise TokenFault(
            "untrusted_signer", "the token's issuer is not the one that its key is certified for"
        )
    if found.issued_at > at + _CLOCK_SKEW:
        raise TokenFault("not_yet_valid", "the token is dated in the future")
    if found.expires_at <= at:
        raise TokenFault("token_expired", "the token's validity has ended")
    if not proof:
        if nonce is not None or audience is not None:
            raise TokenFault("bad_proof", "the holder's proof is missing")
        return found
    presented = token[: len(token) - len(proof)]
    _check_proof(proof, presented, payload.get("cnf"), at, nonce, audience)
    return replace(found, is_bound=True)


def _parts(token: str) -> list[str]:
    if len(token) > LARGEST or not token.isascii() or "~" not in token:
        raise TokenFault("malformed", "no SD-JWT: too long, not ASCII, or without its separators")
    return token.split("~")


def _disclosure(name: str, value: Any) -> str:
    return base64url(to_json([secrets.token_urlsafe(_SALT_BYTES), name, value]))


def _digest(disclosure: str) -> str:
    return base64url(hashlib.sha256(disclosure.encode()).digest())


def _opened(disclosure: str) -> tuple[str, Any]:
    """Return the name and value of a disclosure."""
    try:
        _, name, value = json.loads(from_base64url(disclosure))
    except (ValueError, TypeError, RecursionError):
        raise TokenFault("malformed", "a disclosure of the token cannot be read") from None
    if not isinstance(name, str) or name in _OURS:
        raise TokenFault("malformed", "a disclosure of the token has no name that may be disclosed")
    return name, value


def _read(payload: Mapping[str, Any], disclosures: Collection[str], signed_by: str) -> Checked:
    """Put payload and disclosures together (RFC 9901 §7.1, for a flat token)."""
    digests = payload.get("_sd", [])
    if payload.get("_sd_alg", _HASH) != _HASH or not isinstance(digests, list):
        raise TokenFault("malformed", "the token's digests are not SHA-256")
    claims = {name: value for name, value in payload.items() if name not in _MACHINERY}
    if len(set(disclosures)) < len(disclosures):
        raise TokenFault("malformed", "a disclosure stands in the token twice")
    for disclosure in disclosures:
        if _digest(disclosure) not in digests:
            raise TokenFault("bad_signature", "a disclosure is not one that the issuer signed")
        name, value = _opened(disclosure)
        if name in claims:
            raise TokenFault("malformed", "a claim of the token is stated twice")
        claims[name] = value
    texts = {name: payload.get(name) for name in ("iss", "vct", "jti")}
    times = {name: payload.get(name) for name in ("iat", "exp")}
    if not all(isinstance(text, str) for text in texts.values()):
        raise TokenFault("malformed", "the token does not state issuer, kind and code")
    return Checked(
        signed_by,
        claims,
        str(texts["iss"]),
        str(texts["vct"]),
        str(texts["jti"]),
        _moment(times["iat"]),
        _moment(times["exp"]),
        _status(payload.get("status")),
        len(digests) - len(disclosures),
        False,
    )


def _moment(value: Any) -> datetime:
    try:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError
        return datetime.fromtimestamp(value, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise TokenFault(
            "malformed", "the token does not state when it was issued and until when it holds"
        ) from None


def _status(value: Any) -> StatusReference | None:
    if value is None:
        return None
    try:
        named = value["status_list"]
        address, index = named["uri"], named["idx"]
    except (KeyError, TypeError):
        raise TokenFault("malformed", "the token's status is of a kind that is not known") from None
    if not isinstance(address, str) or isinstance(index, bool) or not isinstance(index, int) or index < 0:
        raise TokenFault("malformed", "the token's status names no entry of a list")
    return StatusReference(address, index)


def _check_proof(
    proof: str, presented: str, bound: Any, at: datetime, nonce: str | None, audience: str | None
) -> None:
    """Check the holder's proof (KB-JWT) over what is presented."""
    try:
        key = ECKey.import_key(bound["jwk"])
        held = jws.deserialize_compact(proof, key, algorithms=[ES256])
        stated = json.loads(held.payload)
        made_at = datetime.fromtimestamp(stated["iat"], UTC)
        is_ours = (
            held.headers()["typ"] == _PROOF_TYPE
            and stated["sd_hash"] == _digest(presented)
            and (nonce is None or stated["nonce"] == nonce)
            and (audience is None or stated["aud"] == audience)
            and made_at <= at + _CLOCK_SKEW
        )
    except (JoseError, ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError):
        is_ours = False
    if not is_ours:
        raise TokenFault("bad_proof", "the holder's proof does not hold for this presentation")
