"""Check the evidence of a decision offline: python verify_evidence.py evidence.zip [options]; needs `cryptography`.

It says what was recorded, that the record held it when the checkpoint was signed, and, with the receipt and the answer
that you kept, that this is what you were told. It shares no code with the service. Exit code 1: a check failed.

  --key KEY         the verifier key as you know it from elsewhere (else the one in the archive is used, and said so)
  --receipt FILE    the receipt (a JWS) that came with the answer
  --answer FILE     the answer as JSON, with its receipt or without
"""

import argparse
import base64
import hashlib
import hmac
import json
import sys
import zipfile
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def main() -> None:
    """Check what the arguments name, and say so line by line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("evidence")
    parser.add_argument("--key")
    parser.add_argument("--receipt", type=Path)
    parser.add_argument("--answer", type=Path)
    asked = parser.parse_args()
    with zipfile.ZipFile(asked.evidence) as archive:
        kept = {name: archive.read(name) for name in archive.namelist()}
    entry, proof, keys = (json.loads(kept[name]) for name in ("entry.json", "proof.json", "keys.json"))
    leaf = hashlib.sha256(b"\x00" + kept["entry.json"]).digest()
    hold(
        "the proof is about this entry",
        leaf.hex() == proof["leaf_hash"] and entry["seq"] == proof["index"] + 1,
    )
    if asked.key:
        check_succession(keys["succession"], asked.key, keys["checkpoint"])
    size, root = checkpoint(kept["checkpoint.txt"].decode(), keys["checkpoint"])
    path = [bytes.fromhex(one) for one in proof["path"]]
    hold(
        "the checkpoint covers it",
        size == proof["size"] and included(leaf, proof["index"], size, path) == root,
    )
    if "details.json" in kept:
        digest = hashlib.sha256(kept["details.json"]).hexdigest()
        hold("the details are those that were recorded", digest == entry["detail_hash"])
    if asked.receipt:
        check_receipt(asked.receipt.read_text().strip(), keys["receipts"], entry, asked.answer)
    if not asked.key:
        print("! the verifier key is the archive's own: compare it with one that you trust:")
        print(f"  {keys['checkpoint']}")
    print(f"entry {entry['seq']} of {size}: {entry['action']} for {entry['client_id']} at {entry['logtime']}: "
          f"{entry['outcome']} ({entry['code']}), elements {', '.join(entry['elements']) or '-'}")  # fmt: skip


def hold(what: str, holds: bool) -> None:
    """Say whether something holds, and end here if it does not."""
    print("✓" if holds else "✕", what)
    if not holds:
        sys.exit(1)


def checkpoint(note: str, verifier_key: str) -> tuple[int, bytes]:
    """Return size and root of a signed note (C2SP) after its signature was checked."""
    name, key_id, encoded = verifier_key.split("+", 2)
    key = base64.b64decode(encoded)
    identified = hashlib.sha256(name.encode() + b"\n" + key).hexdigest()[:8] == key_id
    text, signatures = note.split("\n\n")
    signed = [line.split(" ")[2] for line in signatures.splitlines() if line.startswith(f"— {name} ")]
    raw = base64.b64decode(signed[0]) if signed else b""
    is_signed = raw[:4].hex() == key_id and verified(key[1:], raw[4:], f"{text}\n".encode())
    hold("the checkpoint is signed by that key", identified and is_signed)
    _, size, root = text.split("\n")[:3]
    return int(size), base64.b64decode(root)


def check_succession(succession: list[dict], trusted: str, wanted: str) -> None:
    """Check that the trusted key is the one wanted, or that a chain of keys leads there, each vouching for the next."""
    known = trusted
    for one in succession:
        text = f"yici record key\n{one['verifier_key']}\n".encode()
        signature = base64.b64decode(one["vouched"])
        if known != wanted and verified(base64.b64decode(known.split("+", 2)[2])[1:], signature, text):
            known = one["verifier_key"]
    hold("the checkpoint's key is the one that you trust, or follows from it", known == wanted)


def included(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """Return the root that a proof of inclusion leads to (RFC 9162 §2.1.3.2)."""
    last, found = size - 1, leaf
    for other in path:
        if index % 2 or index == last:
            found = hashlib.sha256(b"\x01" + other + found).digest()
            while index % 2 == 0 and index:
                index, last = index >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\x01" + found + other).digest()
        index, last = index >> 1, last >> 1
    return found if last == 0 else b""


def check_receipt(receipt: str, keys: list[dict], entry: dict, answer_file: Path | None) -> None:
    """Check that a receipt is ours, is about this entry, and, with the answer, that it proves that answer."""
    header, claims, signature = receipt.split(".")
    signed = f"{header}.{claims}".encode()
    named = json.loads(unpadded(header))["kid"]
    public = [unpadded(key["x"]) for key in keys if key["kid"] == named]
    hold("the receipt is signed", any(verified(key, unpadded(signature), signed) for key in public))
    told = json.loads(unpadded(claims))
    wanted = {
        "txn": entry["transaction_id"],
        **{name: entry[name] for name in ("seq", "request_digest", "response_digest")},
    }
    hold("the receipt is about this entry", all(told[name] == value for name, value in wanted.items()))
    if answer_file:
        answer = json.loads(answer_file.read_text(encoding="utf-8"))
        answer.pop("receipt", None)
        content = json.dumps(answer, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        digest = hmac.new(bytes.fromhex(told["salt"]), content, hashlib.sha256).hexdigest()
        hold("this is the answer that was given", digest == entry["response_digest"])


def verified(key: bytes, signature: bytes, content: bytes) -> bool:
    """Whether an Ed25519 signature holds."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, content)
    except (InvalidSignature, ValueError):
        return False
    return True


def unpadded(text: str) -> bytes:
    """Decode base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


if __name__ == "__main__":
    main()
