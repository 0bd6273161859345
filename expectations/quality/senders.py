"""How a notice leaves the house: by mail over SMTP, or to a webhook signed with HMAC.

Settings are the installation's, from the environment: `YICI_SMTP_HOST`, `_PORT`, `_SECURITY` (starttls, ssl, none),
`_USER`, `_PASSWORD_FILE`, `_FROM`; `YICI_WEBHOOK_URL`, `YICI_WEBHOOK_SECRET_FILE`. A password stands in a file and is
read when it is needed; it is never part of an error.
"""

import hashlib
import hmac
import json
import os
import smtplib
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import httpx

from catalogs.settings import ConfigurationError

TIMEOUT_S = 20.0
_SECURITY = ("starttls", "ssl", "none")
_PORTS = {"starttls": 587, "ssl": 465, "none": 25}


class NotSent(Exception):
    """A notice could not be handed over. Says of what kind the failure was, never what the other side said."""


@dataclass(frozen=True)
class Letter:
    """A notice on its way.

    Attributes:
        number: of the notice: the receiver knows by it what comes twice.
        campus: code of the university.
    """

    number: int
    campus: str
    kind: str
    address: str
    subject: str
    body: str


Sender = Callable[[Letter], None]


def senders() -> Mapping[str, Sender]:
    """Return channel → how it is sent, of the channels that are set up.

    Raises:
        ConfigurationError: a setting is malformed; names it.
    """
    found: dict[str, Sender] = {}
    if os.environ.get("YICI_SMTP_HOST"):
        found["mail"] = _mailer()
    if os.environ.get("YICI_WEBHOOK_URL"):
        found["webhook"] = _hook()
    return found


def _mailer() -> Sender:
    security = os.environ.get("YICI_SMTP_SECURITY") or "starttls"
    if security not in _SECURITY:
        raise ConfigurationError(
            f"YICI_SMTP_SECURITY: expected one of {', '.join(_SECURITY)}; nothing was sent"
        )
    port = os.environ.get("YICI_SMTP_PORT") or str(_PORTS[security])
    if not port.isdigit():
        raise ConfigurationError("YICI_SMTP_PORT: expected a number; nothing was sent")
    sender = os.environ.get("YICI_SMTP_FROM") or ""
    if "@" not in parseaddr(sender)[1]:
        raise ConfigurationError("YICI_SMTP_FROM: expected an address of mail; nothing was sent")
    host, user = os.environ["YICI_SMTP_HOST"], os.environ.get("YICI_SMTP_USER") or ""
    password = _secret("YICI_SMTP_PASSWORD_FILE") if user else ""
    if user and security == "none":
        raise ConfigurationError(
            "YICI_SMTP_SECURITY=none with YICI_SMTP_USER: the password would be read by anybody; nothing was sent"
        )

    def send(letter: Letter) -> None:
        message = _message(letter, sender)
        try:
            if security == "ssl":
                server: smtplib.SMTP = smtplib.SMTP_SSL(
                    host, int(port), timeout=TIMEOUT_S, context=ssl.create_default_context()
                )
            else:
                server = smtplib.SMTP(host, int(port), timeout=TIMEOUT_S)
            with server:
                if security == "starttls":
                    server.starttls(context=ssl.create_default_context())
                if user:
                    server.login(user, password)
                server.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            code = getattr(error, "smtp_code", None)
            raise NotSent(f"{type(error).__name__}{f' {code}' if code else ''}") from None

    return send


def _message(letter: Letter, sender: str) -> EmailMessage:
    name, address = parseaddr(sender)
    message = EmailMessage()
    message["From"] = Address(name, addr_spec=address)
    message["To"] = Address(addr_spec=letter.address)
    message["Subject"] = letter.subject
    # The same notice has the same id however often it is tried, so that a mailbox shows it once.
    message["Message-ID"] = f"<notice-{letter.number}.{letter.campus.lower()}@{address.partition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.body, cte="8bit" if letter.body.isascii() else "base64")
    return message


def _hook() -> Sender:
    url = os.environ["YICI_WEBHOOK_URL"]
    if not url.startswith(("https://", "http://")):
        raise ConfigurationError(
            "YICI_WEBHOOK_URL: expected an address starting with https://; nothing was sent"
        )
    secret = _secret("YICI_WEBHOOK_SECRET_FILE").encode()

    def send(letter: Letter) -> None:
        body = json.dumps(_told(letter), ensure_ascii=False, separators=(",", ":")).encode()
        at = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "Yici-Notice": str(letter.number),
            "Yici-Timestamp": at,
            "Yici-Signature": f"sha256={sign(secret, at, body)}",
        }
        try:
            answer = httpx.post(url, content=body, headers=headers, timeout=TIMEOUT_S, follow_redirects=False)
        except httpx.HTTPError as error:
            raise NotSent(type(error).__name__) from None
        if not answer.is_success:
            raise NotSent(f"HTTP {answer.status_code}")

    return send


def sign(secret: bytes, at: str, body: bytes) -> str:
    """Return the signature of a webhook: HMAC-SHA-256 of `<timestamp>.<body>`, in hexadecimal."""
    return hmac.new(secret, at.encode() + b"." + body, hashlib.sha256).hexdigest()


def _told(letter: Letter) -> dict[str, Any]:
    return {
        "notice": letter.number,
        "campus": letter.campus,
        "kind": letter.kind,
        "post": letter.address,
        "subject": letter.subject,
        "text": letter.body,
    }


def _secret(name: str) -> str:
    path = os.environ.get(name)
    if not path:
        raise ConfigurationError(f"{name} is not set: the file that holds the secret; nothing was sent")
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigurationError(f"{name}: {type(error).__name__}; nothing was sent") from None
    if not text:
        raise ConfigurationError(f"{name}: the file is empty; nothing was sent")
    return text
