"""What a PDF or token that somebody brings is worth: a verdict and a reason, whatever it is made of.

A paper from outside is hostile until it is judged. So it is read in a process of its own, with limits on time and
memory, killed when it takes too long, and answering in JSON: the worst that a paper can do is to be judged `unknown`.
One rule decides most: our papers are one signed piece. So a PDF is valid only if its only signature covers every byte
of the file, is certified by a root that we trust, and forbids changes; nothing after the signature is weighed as
harmless, it makes the paper invalid.

`unknown` means that nothing can be said: no signature, encrypted, the status list not to be had. `invalid` means that
it must not be relied on: changed, damaged, or signed by a key that no root of ours certified.
"""

import json
import logging
import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from certificates import pdf_reading, tokens
from certificates.paper import Text
from certificates.pdf_reading import PaperFault
from certificates.pki import Trust
from certificates.tokens import StatusReference, TokenFault

LARGEST_BYTES = 5_000_000
_PDF, _TOKEN = "pdf", "token"
_HEAD = 1024  # bytes within which readers look for `%PDF-`
_PRELOADED = ["certificates.judging"]


class Standing(StrEnum):
    """What a paper is worth."""

    VALID = "valid"
    INVALID = "invalid"
    REVOKED = "revoked"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


_VALID, _INVALID, _REVOKED, _EXPIRED, _UNKNOWN = Standing

REASONS: Mapping[str, tuple[Standing, Text]] = {
    "valid": (
        _VALID,
        Text("签名有效, 未被撤销。", "The signature holds and the certificate is not revoked."),
    ),
    "revoked": (_REVOKED, Text("该证明已被撤销。", "The certificate has been revoked.")),
    "signer_revoked": (
        _REVOKED,
        Text("签发所用的证书已被吊销。", "The key that signed it has been revoked."),
    ),
    "token_expired": (_EXPIRED, Text("该证明已过有效期。", "The certificate's validity has ended.")),
    "signer_expired": (
        _EXPIRED,
        Text("签发所用的证书已过有效期。", "The validity of the key that signed it has ended."),
    ),
    "bad_signature": (
        _INVALID,
        Text(
            "签名不成立: 内容在签名后被改动。",
            "The signature does not hold: the content was changed after it.",
        ),
    ),
    "changed_after": (
        _INVALID,
        Text(
            "签名没有覆盖整个文件: 签名后有添加。",
            "The signature does not cover the whole file: something was added.",
        ),
    ),
    "several_signatures": (
        _INVALID,
        Text(
            "文件有不止一个签名, 本校证明只有一个。", "It has several signatures; our certificates have one."
        ),
    ),
    "not_certified": (
        _INVALID,
        Text("签名没有禁止改动, 本校证明一律禁止。", "Its signature does not forbid changes; ours do."),
    ),
    "untrusted_signer": (
        _INVALID,
        Text("签名的密钥未经本校认证。", "It is signed by a key that this university did not certify."),
    ),
    "signer_not_yet_valid": (
        _INVALID,
        Text("签名所用的证书尚未生效。", "The certificate of the key that signed it is not valid yet."),
    ),
    "not_yet_valid": (_INVALID, Text("签发时间在未来。", "It is dated in the future.")),
    "bad_proof": (
        _INVALID,
        Text("持有人的证明不成立。", "The holder's proof of possession does not hold."),
    ),
    "damaged": (
        _INVALID,
        Text(
            "文件带签名但已损坏, 无法读取。", "The file has a signature, but is damaged and cannot be read."
        ),
    ),
    "malformed": (_INVALID, Text("凭据残缺或格式不对。", "The token is incomplete or malformed.")),
    "revocation_list_stale": (
        _UNKNOWN,
        Text(
            "证书吊销列表已过期, 无法判断。",
            "The revocation list of keys is out of date; nothing can be said.",
        ),
    ),
    "status_unavailable": (
        _UNKNOWN,
        Text(
            "签名有效, 但此刻查不到是否被撤销。", "The signature holds, but its status is not to be had now."
        ),
    ),
    "no_token": (
        _UNKNOWN,
        Text(
            "签名有效, 但不是本系统签发的证明。",
            "The signature holds, but the file is no certificate of this kind.",
        ),
    ),
    "no_signature": (_UNKNOWN, Text("文件没有数字签名。", "The file has no digital signature.")),
    "encrypted": (
        _UNKNOWN,
        Text("文件已加密, 本校证明从不加密。", "The file is encrypted; our certificates never are."),
    ),
    "not_a_paper": (_UNKNOWN, Text("既不是 PDF 也不是凭据。", "It is neither a PDF nor a token.")),
    "too_large": (_UNKNOWN, Text("文件太大。", "The file is too large.")),
    "too_costly": (
        _UNKNOWN,
        Text("文件读取所需的时间或内存过多。", "Reading the file takes too much time or memory."),
    ),
}
"""Every reason: the standing that follows from it, and its explanation."""


@dataclass(frozen=True)
class Limits:
    """What judging one paper may cost: seconds of processor and of waiting, bytes of memory, bytes of the paper."""

    cpu_s: int = 3
    wall_s: float = 30.0
    memory_bytes: int = 1_000_000_000
    largest_bytes: int = LARGEST_BYTES


@dataclass(frozen=True)
class Verdict:
    """The judgement on one paper.

    Attributes:
        standing: what it is worth.
        reason: a code of `REASONS`.
        explanation: the reason for people, in both languages; never a value of the paper.
        kind: `pdf`, `token` or "" where it is neither.
        signed_by: the name in the signer's certificate; "" where no trusted one signed.
        signed_at: what the signature states (UTC); None where none holds.
        expires_at: the end of validity that its token states (UTC).
        code: of the certificate (`jti`), for the register; "" where no token holds.
        claims: what its token states, only where its signature holds: to be compared with the printed text.
        status: where the token's status stands.
    """

    standing: Standing
    reason: str
    explanation: Text
    kind: str = ""
    signed_by: str = ""
    signed_at: datetime | None = None
    expires_at: datetime | None = None
    code: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)
    status: StatusReference | None = None


def judge(
    data: bytes,
    trust: Trust,
    at: datetime,
    status_of: Callable[[StatusReference], int | None],
    limits: Limits | None = None,
) -> Verdict:
    """Judge a PDF or a token. Never raises for what the paper is. Blocks: call it in a thread where that matters.

    Args:
        data: the file's bytes, or the token's text in ASCII.
        trust: roots and revocation lists.
        at: the moment of judging, with a time zone.
        status_of: returns the status at a reference (`status.VALID`, …), None where it is not to be had. Called in
            this process, at most once, and only for a paper that is otherwise valid.
        limits: what it may cost.
    """
    limits = limits or Limits()
    if len(data) > limits.largest_bytes:
        return _verdict("too_large")
    kind = _kind(data)
    if not kind:
        return _verdict("not_a_paper")
    found = _read_apart(kind, data, trust, at, limits)
    reason = found.pop("reason")
    status = StatusReference(*found["status"]) if found.get("status") else None
    if reason == "valid" and status is not None:
        reason = {None: "status_unavailable", 0: "valid"}.get(status_of(status), "revoked")
    return _verdict(
        reason,
        kind=kind,
        signed_by=found.get("signed_by", ""),
        signed_at=_moment(found.get("signed_at")),
        expires_at=_moment(found.get("expires_at")),
        code=found.get("code", ""),
        claims=found.get("claims", {}),
        status=status,
    )


def _verdict(reason: str, **known: Any) -> Verdict:
    standing, explanation = REASONS[reason]
    return Verdict(standing, reason, explanation, **known)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _kind(data: bytes) -> str:
    if b"%PDF-" in data[:_HEAD]:
        return _PDF
    text = data.strip()
    return _TOKEN if text.isascii() and text.count(b".", 0, text.find(b"~")) == 2 else ""


def _read_apart(kind: str, data: bytes, trust: Trust, at: datetime, limits: Limits) -> dict[str, Any]:
    """Read a paper in a process of its own; what is not answered in time and within memory is `too_costly`."""
    context: Any = multiprocessing.get_context("forkserver" if os.name == "posix" else "spawn")
    if os.name == "posix":
        context.set_forkserver_preload(_PRELOADED)
    here, there = context.Pipe(duplex=False)
    order = (kind, data, trust.to_pem(), trust.issuers, at, limits, there)
    child = context.Process(target=_serve, args=order, name="yici judges a paper", daemon=True)
    child.start()
    there.close()
    try:
        answer = json.loads(here.recv_bytes()) if here.poll(limits.wall_s) else {}
    except EOFError:  # killed by a limit
        answer = {}
    finally:
        child.kill()
        child.join()
        here.close()
    return answer or {"reason": "too_costly"}


def _serve(
    kind: str,
    data: bytes,
    pem: bytes,
    issuers: tuple[str, ...],
    at: datetime,
    limits: Limits,
    parent: Connection,
) -> None:
    """Run in the child: read, answer, end. It writes nothing: what libraries say of a paper may quote it."""
    logging.disable()
    with Path(os.devnull).open("w") as nowhere:
        sys.stderr = nowhere
        _limit(limits)
        try:
            answer = read_paper(kind, data, Trust.from_pem(pem, issuers), at)
        except MemoryError:
            answer = {"reason": "too_costly"}
        parent.send_bytes(json.dumps(answer).encode())


def _limit(limits: Limits) -> None:
    if os.name == "posix":
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_s, limits.cpu_s + 1))
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def read_paper(kind: str, data: bytes, trust: Trust, at: datetime) -> dict[str, Any]:
    """Read a paper in this process, without limits: the part of judging that a hostile paper may break.

    Returns:
        JSON values: `reason`, and where its signature holds what `Verdict` says of it.

    Raises:
        MemoryError: as the limits have it.
    """
    told: dict[str, Any] = {}
    try:
        token = data.strip().decode("ascii") if kind == _TOKEN else ""
        if kind == _PDF:
            sealed = pdf_reading.read(data, trust, at)
            told |= {"signed_by": sealed.signed_by, "signed_at": sealed.signed_at.isoformat()}
            token = sealed.token
        found = tokens.check(token, trust, at)
    except (PaperFault, TokenFault) as fault:
        return told | {"reason": fault.reason}
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  # a hostile paper may break its readers in any way; it is not valid then
        return {"reason": "damaged" if kind == _PDF else "malformed"}
    return {
        "signed_by": found.signed_by,
        "signed_at": found.issued_at.isoformat(),
        **told,
        "reason": "valid",
        "expires_at": found.expires_at.isoformat(),
        "code": found.token_id,
        "claims": dict(found.claims),
        "status": [found.status.address, found.status.index] if found.status else None,
    }
