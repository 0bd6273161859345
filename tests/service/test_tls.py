"""Served directly over TLS: nothing older than 1.2, and browsers are told to stay with it."""

import datetime
import ssl
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from catalogs.settings import ConfigurationError
from service.app import create_app
from service.configuration import Configuration, configuration
from service.wire import Wire, tls_options
from tests.service.conftest import service_url
from tests.support import migrated
from tests.support.http import asgi_server


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> tuple[str, str]:
    """A certificate for this machine, signed by itself."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    today = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(made.public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return str(cert_file), str(key_file)


@pytest.fixture(scope="module")
def url(pg_module_database, certificate, tmp_path_factory) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YICI_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("YICI_DATABASE_URL", pg_module_database.url)
        patch.setenv("YICI_SERVICE_DATABASE_URL", service_url(pg_module_database))
        migrated.begin()
        chosen = Configuration(tls_cert=certificate[0], tls_key=certificate[1])
        with asgi_server(create_app(chosen), http=Wire, ws="none", **tls_options(chosen)) as found:
            yield found


def context(certificate: tuple[str, str]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate[0])


def test_a_client_that_knows_the_certificate_is_answered_and_told_to_stay_with_tls(url, certificate):
    reply = httpx.get(f"{url}/healthz", verify=context(certificate), trust_env=False)
    assert reply.status_code == 200
    assert reply.headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_older_versions_are_refused(url, certificate, version):
    old = context(certificate)
    old.minimum_version = old.maximum_version = version
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((httpx.ConnectError, httpx.ReadError)):
        httpx.get(f"{url}/healthz", verify=old, trust_env=False)
    now = context(certificate)
    now.maximum_version = ssl.TLSVersion.TLSv1_2
    assert httpx.get(f"{url}/healthz", verify=now, trust_env=False).status_code == 200


def test_plain_http_gets_nothing_there(url):
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"http://{urlsplit(url).netloc}/healthz", trust_env=False)


def test_a_certificate_and_its_key_are_set_together(certificate, monkeypatch, tmp_path: Path):
    assert tls_options(Configuration()) == {}
    monkeypatch.setenv("YICI_SERVICE_TLS_CERT", certificate[0])
    with pytest.raises(ConfigurationError, match="YICI_SERVICE_TLS_KEY"):
        configuration()
    monkeypatch.setenv("YICI_SERVICE_TLS_KEY", str(tmp_path / "none.pem"))
    with pytest.raises(ConfigurationError, match="two files"):
        configuration()
    monkeypatch.setenv("YICI_SERVICE_TLS_KEY", certificate[1])
    assert (configuration().tls_cert, configuration().tls_key) == certificate


def test_networks_of_the_campus_are_read_or_refused(monkeypatch):
    monkeypatch.setenv("YICI_SERVICE_INNER_NETS", "10.1.0.0/16, 2001:db8::/32")
    assert configuration().outward.allows("10.1.2.3") and not configuration().outward.allows("10.2.0.1")
    monkeypatch.setenv("YICI_SERVICE_INNER_NETS", "campus")
    with pytest.raises(ConfigurationError, match="expected networks"):
        configuration()
