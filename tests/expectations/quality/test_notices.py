"""Notices over a real SMTP server and a real HTTP server: sent once, signed, tried again, never lost."""

import json
import socket
import ssl
from datetime import timedelta
from email import message_from_bytes
from email.policy import default as policy
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from catalogs.settings import ConfigurationError, now
from expectations.quality import desk, outbox, routine, senders
from expectations.quality.terms import terms
from tests.expectations.quality.conftest import people
from tests.support.http import Reply
from warehouse.connect import connect

TERMS = '{mailDomain: "t.example", mendDays: {warning: 2}}'
PASSWORD, SECRET = "mail-password-1", "hook-secret-1"


class Mailbox:
    """An SMTP server's handler that keeps what it gets, or refuses while `is_dead`."""

    def __init__(self) -> None:
        self.messages: list = []
        self.is_dead = False

    async def handle_DATA(self, server, session, envelope):
        if self.is_dead:
            return "451 try later"
        self.messages.append(message_from_bytes(envelope.content, policy=policy))
        return "250 OK"


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def mailbox(monkeypatch):
    """A mail server on this machine that the settings name."""
    box = Mailbox()
    server = Controller(box, hostname="127.0.0.1", port=_free_port())
    server.start()
    monkeypatch.setenv("YICI_SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("YICI_SMTP_PORT", str(server.port))
    monkeypatch.setenv("YICI_SMTP_SECURITY", "none")
    monkeypatch.setenv("YICI_SMTP_FROM", "数据办 <data@t.example>")
    yield box
    server.stop()


@pytest.fixture
def con(office):
    with connect(autocommit=True) as opened:
        yield opened


def states(con) -> list[tuple]:
    return con.execute("SELECT state, tries FROM yici.notice ORDER BY id").fetchall()


def test_a_new_ticket_is_told_to_its_post_by_mail_once(office, con, mailbox):
    at = office(TERMS)
    assert at.publish(people(wrong=3)).notices == 1
    assert outbox.deliver(con, at.catalog).sent == 1
    assert outbox.deliver(con, at.catalog).sent == 0
    (message,) = mailbox.messages
    assert message["To"] == "hr-steward@t.example"
    assert message["From"].addresses[0].addr_spec == "data@t.example"
    assert "开单 1 张" in message["Subject"]
    text = message.get_content()
    assert "性别" in text and "3 行" in text
    assert "试1" not in text and "00001" not in text


def test_what_opens_at_one_moment_is_one_mail_to_one_post(office, con, mailbox):
    at = office(TERMS)
    rows = people(wrong=2)
    rows[5]["salary"] = "-1"
    assert at.publish(rows).opened == 2
    outbox.deliver(con, at.catalog)
    (message,) = mailbox.messages
    assert message.get_content().count("工单 ") == 2


def test_overdue_and_climbed_tickets_are_told_to_both_posts(office, con, mailbox):
    at = office(TERMS)
    at.publish(people(wrong=1))
    at.days_pass(6)
    routine.every_day(con, at.catalog)
    outbox.deliver(con, at.catalog)
    told = {str(message["To"]): str(message["Subject"]) for message in mailbox.messages[1:]}
    assert set(told) == {"hr-steward@t.example", "hr-director@t.example"}
    assert "逾期" in told["hr-steward@t.example"] and "上报" in told["hr-director@t.example"]


def test_what_a_person_told_and_what_is_handed_over_is_told_to_its_post(office, con, mailbox):
    at = office(TERMS)
    wanted = terms(at.catalog)
    one = desk.tell(con, at.catalog, wanted, "complaint", "职务不对", "TS-1", "hr.staff")
    desk.hand_over(con, at.catalog, wanted, one.id, "post:hr-steward", "post:cw-steward")
    assert outbox.deliver(con, at.catalog).sent == 2
    told = {str(message["To"]): str(message["Subject"]) for message in mailbox.messages}
    assert "开单" in told["hr-steward@t.example"] and "转办" in told["cw-steward@t.example"]


def test_a_dead_server_stops_nothing_and_the_notice_goes_out_later_under_the_same_id(office, con, mailbox):
    at = office(TERMS)
    mailbox.is_dead = True
    at.publish(people(wrong=1))
    assert outbox.deliver(con, at.catalog) == outbox.Sent(0, 1, 0)
    assert outbox.deliver(con, at.catalog) == outbox.Sent(0, 0, 0)
    mailbox.is_dead = False
    later = now() + timedelta(minutes=2)
    assert outbox.deliver(con, at.catalog, at=lambda: later).sent == 1
    assert states(con) == [("sent", 2)]
    (number,) = con.execute("SELECT id FROM yici.notice").fetchone()
    assert mailbox.messages[0]["Message-ID"] == f"<notice-{number}.t@t.example>"


def test_a_receiver_that_stays_dead_is_given_up_and_can_be_tried_again(office, con, mailbox):
    at = office(TERMS)
    mailbox.is_dead = True
    at.publish(people(wrong=1))
    moment = now()
    for _ in range(12):
        moment += timedelta(days=2)
        outbox.deliver(con, at.catalog, at=lambda moment=moment: moment)
    (state, tries) = states(con)[0]
    assert (state, tries) == ("dead", 9)
    (error,) = con.execute("SELECT error FROM yici.notice").fetchone()
    assert error == "SMTPDataError 451"
    mailbox.is_dead = False
    assert outbox.again(con) == 1
    assert outbox.deliver(con, at.catalog).sent == 1


def test_a_channel_that_is_down_does_not_hold_up_the_rest(office, con):
    at = office(TERMS)
    tried: list[int] = []

    def dead(letter):
        tried.append(letter.number)
        raise senders.NotSent("ConnectTimeout")

    con.execute(
        """INSERT INTO yici.notice
               (at, kind, channel, post, address, subject, body, same_as, state, tries, next_at)
           SELECT now(), 'tickets', 'mail', 'post:a', 'a@t.example', 's', 'b', n::text, 'waiting', 0,
               now() - interval '1 h'
           FROM generate_series(1, 10) n"""
    )
    assert outbox.deliver(con, at.catalog, {"mail": dead}) == outbox.Sent(0, 3, 0)
    assert len(tried) == 3


def test_two_senders_side_by_side_send_each_notice_once(office, con, mailbox):
    at = office(TERMS)
    at.publish(people(wrong=1))
    with connect(autocommit=True) as other, other.transaction():
        held = other.execute("SELECT id FROM yici.notice FOR UPDATE").fetchone()
        assert held is not None
        assert outbox.deliver(con, at.catalog).sent == 0
    assert outbox.deliver(con, at.catalog).sent == 1
    assert len(mailbox.messages) == 1


def test_without_a_channel_nothing_is_put_out(office, con):
    at = office(TERMS)
    assert at.publish(people(wrong=1)).notices == 0
    assert states(con) == []


def test_a_post_without_an_address_gets_no_mail(office, con, mailbox):
    at = office()
    assert at.publish(people(wrong=1)).notices == 0


def test_a_password_goes_only_over_tls(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("YICI_SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("YICI_SMTP_FROM", "a@t.example")
    monkeypatch.setenv("YICI_SMTP_SECURITY", "none")
    monkeypatch.setenv("YICI_SMTP_USER", "a")
    file = tmp_path / "password"
    file.write_text(PASSWORD)
    monkeypatch.setenv("YICI_SMTP_PASSWORD_FILE", str(file))
    with pytest.raises(ConfigurationError) as caught:
        senders.senders()
    assert "YICI_SMTP_SECURITY" in str(caught.value) and PASSWORD not in str(caught.value)


@pytest.mark.parametrize("security", ["starttls", "ssl"])
def test_a_server_whose_certificate_nobody_knows_gets_no_password(tmp_path, monkeypatch, security):
    seen: list[bytes] = []

    def authenticate(server, session, envelope, mechanism, data):
        seen.append(data.password)
        return AuthResult(success=True)

    context = _own_certificate(tmp_path)
    # aiosmtpd counts only STARTTLS as TLS.
    tls = (
        {"ssl_context": context, "auth_require_tls": False} if security == "ssl" else {"tls_context": context}
    )
    port = _free_port()
    server = Controller(Mailbox(), hostname="127.0.0.1", port=port, authenticator=authenticate, **tls)
    server.start()
    try:
        file = tmp_path / "password"
        file.write_text(PASSWORD)
        for name, value in {
            "HOST": "127.0.0.1", "PORT": str(server.port), "SECURITY": security,
            "FROM": "a@t.example", "USER": "a", "PASSWORD_FILE": str(file),
        }.items():  # fmt: skip
            monkeypatch.setenv(f"YICI_SMTP_{name}", value)
        letter = senders.Letter(1, "T", "tickets", "b@t.example", "s", "b")
        with pytest.raises(senders.NotSent) as caught:
            senders.senders()["mail"](letter)
        assert str(caught.value) == "SSLCertVerificationError"
        assert seen == []
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        senders.senders()["mail"](letter)
        assert seen == [PASSWORD.encode()]
    finally:
        server.stop()


def _own_certificate(folder: Path) -> ssl.SSLContext:
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    today = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def test_a_webhook_is_signed_over_its_time_and_body(office, con, http_server, tmp_path, monkeypatch):
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n")
    monkeypatch.setenv("YICI_WEBHOOK_URL", f"{http_server.url}/hook")
    monkeypatch.setenv("YICI_WEBHOOK_SECRET_FILE", str(file))
    at = office(TERMS)
    at.publish(people(wrong=2))
    assert outbox.deliver(con, at.catalog) == outbox.Sent(0, 1, 0)
    assert con.execute("SELECT error FROM yici.notice").fetchone()[0] == "HTTP 404"
    http_server.answers["/hook"] = Reply(status=204)
    later = now() + timedelta(minutes=2)
    assert outbox.deliver(con, at.catalog, at=lambda: later).sent == 1
    _, request = http_server.requests
    expected = senders.sign(SECRET.encode(), request.headers["yici-timestamp"], request.body)
    assert request.headers["yici-signature"] == f"sha256={expected}"
    told = json.loads(request.body)
    assert (told["post"], told["kind"]) == ("post:hr-steward", "tickets")
    assert "试1" not in request.body.decode()


@pytest.mark.parametrize(
    ("name", "value"),
    [("SECURITY", "tls"), ("PORT", "smtp"), ("FROM", "nobody"), ("USER", "a")],
)
def test_a_setting_that_cannot_be_used_is_named(monkeypatch, name, value):
    monkeypatch.setenv("YICI_SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("YICI_SMTP_FROM", "a@t.example")
    monkeypatch.setenv(f"YICI_SMTP_{name}", value)
    with pytest.raises(ConfigurationError, match=f"YICI_SMTP_{'PASSWORD_FILE' if name == 'USER' else name}"):
        senders.senders()


def test_the_week_tells_units_once(office, con, mailbox, tmp_path):
    at = office(TERMS)
    at.publish(people(wrong=1))
    at.days_pass(7)
    done = routine.every_week(con, at.catalog, tmp_path / "reports")
    assert done.reports == 6
    assert done.notices == 2
    assert routine.every_week(con, at.catalog, tmp_path / "reports").notices == 0
    outbox.deliver(con, at.catalog)
    subjects = [str(message["Subject"]) for message in mailbox.messages]
    assert sum("周报" in one for one in subjects) == 2
    assert terms(at.catalog).mail_domain == "t.example"
