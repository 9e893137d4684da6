"""TLS by real handshakes."""

import datetime as dt
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from storekeeper.errors import ConfigurationError
from storekeeper.web.serve import WebServer
from storekeeper.web.tls import make_tls_context
from storekeeper.web.web_config import TlsServerConfig

Serve = Callable[[Path | None], WebServer]
Certificate = Callable[..., tuple[Path, Path]]


def web_config(folder: Path, more: str = "") -> Path:
    """Write a web config that uses the certificate ``shop``."""
    file = folder / "web.yml"
    file.write_text(f"tls_server_config: {{cert_file: shop.crt, key_file: shop.key{more}}}", "utf-8")
    return file


def test_page_comes_over_tls_only(serve: Serve, certificate: Certificate, tmp_path: Path) -> None:
    """A client that trusts the certificate gets the page; plain HTTP gets nothing."""
    trusted, _ = certificate()
    server = serve(web_config(tmp_path))
    assert "https" == server.scheme
    answer = requests.get(f"https://localhost:{server.port}/", verify=str(trusted), timeout=10)
    assert "hello" == answer.text
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(f"http://localhost:{server.port}/", timeout=10)


def test_renewed_certificate_is_used_by_the_next_connection(
    serve: Serve, certificate: Certificate, tmp_path: Path
) -> None:
    """A certificate that was replaced on disk is shown without a restart; a broken one changes nothing."""
    certificate(common_name="old")
    server = serve(web_config(tmp_path))
    address = ("localhost", server.port)
    before = ssl.get_server_certificate(address)
    new, _ = certificate(common_name="new")
    after = ssl.get_server_certificate(address)
    assert new.read_text("ascii").strip() == after.strip()
    assert before != after
    new.write_text("not a certificate", "ascii")
    assert after == ssl.get_server_certificate(address)


def test_client_must_show_a_certificate(serve: Serve, certificate: Certificate, tmp_path: Path) -> None:
    """With RequireAndVerifyClientCert nobody without a certificate of the CA gets an answer."""
    trusted, _ = certificate()
    client = certificate("client")
    server = serve(
        web_config(tmp_path, ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: client.crt")
    )
    url = f"https://localhost:{server.port}/"
    answer = requests.get(url, verify=str(trusted), cert=(str(client[0]), str(client[1])), timeout=10)
    assert "hello" == answer.text
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(url, verify=str(trusted), timeout=10)


def signed(folder: Path, *, authority: Path, key: Path, days: int) -> tuple[str, str]:
    """Make a client's certificate that the authority signed, for so many days from yesterday."""
    # Not by openssl: from 3.5 on it makes none whose end has passed.
    own = ec.generate_private_key(ec.SECP256R1())
    yesterday = dt.datetime.now(tz=dt.UTC) - dt.timedelta(days=1)
    issuer = x509.load_pem_x509_certificate(authority.read_bytes())
    issuer_key = serialization.load_pem_private_key(key.read_bytes(), password=None)
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a")]))
        .issuer_name(issuer.subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(yesterday - dt.timedelta(days=1))
        .not_valid_after(yesterday + dt.timedelta(days=days))
        .sign(issuer_key, hashes.SHA256())
    )
    (folder / f"{days}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / f"{days}.key").write_bytes(
        own.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return str(folder / f"{days}.crt"), str(folder / f"{days}.key")


def test_outdated_and_foreign_certificates_are_none(
    serve: Serve, certificate: Certificate, tmp_path: Path
) -> None:
    """A client's certificate that has run out, or that another authority signed, opens nothing."""
    trusted, _ = certificate()
    authority, key = certificate("client")
    valid, outdated = (signed(tmp_path, authority=authority, key=key, days=days) for days in (2, 0))
    foreign = tuple(map(str, certificate("foreign")))
    server = serve(
        web_config(tmp_path, ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: client.crt")
    )

    def get(shown: tuple[str, ...]) -> str:
        url = f"https://localhost:{server.port}/"
        return requests.get(url, verify=str(trusted), cert=shown, timeout=10).text

    assert "hello" == get(valid)
    for shown in (outdated, foreign):
        with pytest.raises(requests.exceptions.ConnectionError):
            get(shown)


def test_old_protocol_is_refused(serve: Serve, certificate: Certificate, tmp_path: Path) -> None:
    """With min_version TLS13 a client that speaks TLS 1.2 alone is turned away."""
    certificate()
    server = serve(web_config(tmp_path, ", min_version: TLS13"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        socket.create_connection(("localhost", server.port), timeout=10) as plain,
        pytest.raises(ssl.SSLError),
        context.wrap_socket(plain),
    ):
        pass


def test_key_of_another_certificate_is_refused(certificate: Certificate, tmp_path: Path) -> None:
    """Files that do not belong together are told at the start, with both names."""
    certificate("one")
    certificate("two")
    config = TlsServerConfig(cert_file=tmp_path / "one.crt", key_file=tmp_path / "two.key")
    with pytest.raises(ConfigurationError, match=r"one\.crt and .*two\.key cannot be used"):
        make_tls_context(config)
