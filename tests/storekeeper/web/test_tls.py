"""TLS by real handshakes."""

import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

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


def test_outdated_and_foreign_certificates_are_none(
    serve: Serve, certificate: Certificate, tmp_path: Path
) -> None:
    """A client's certificate that has run out, or that another authority signed, opens nothing."""
    trusted, _ = certificate()
    authority, authority_key = certificate("client")
    foreign = certificate("foreign")
    outdated, key, request = (tmp_path / f"outdated.{kind}" for kind in ("crt", "key", "csr"))
    for words in (
        f"req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=a -keyout {key} -out {request}",
        f"x509 -req -in {request} -CA {authority} -CAkey {authority_key} -CAcreateserial -days -1"
        f" -out {outdated}",
    ):
        subprocess.run(["openssl", *words.split()], check=True, capture_output=True)
    server = serve(
        web_config(tmp_path, ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: client.crt")
    )
    for shown in ((outdated, key), foreign):
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(
                f"https://localhost:{server.port}/",
                verify=str(trusted),
                cert=(str(shown[0]), str(shown[1])),
                timeout=10,
            )


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
