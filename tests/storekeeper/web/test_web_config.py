"""The web config file."""

from pathlib import Path

import bcrypt
import pytest

from storekeeper.errors import ConfigurationError
from storekeeper.web.web_config import parse_web_config, read_web_config

HASH = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()


def problems_of(text: str) -> tuple[str, ...]:
    """Give the problems that a file has."""
    with pytest.raises(ConfigurationError) as caught:
        parse_web_config(text, name="web.yml", folder=Path("/etc/shop"))
    return caught.value.problems


def test_whole_file_is_read_and_its_paths_count_from_its_folder() -> None:
    """The parts of the format that are served are all understood."""
    config = parse_web_config(
        f"""
        tls_server_config:
          cert_file: shop.crt
          key_file: /keys/shop.key
          client_auth_type: RequireAndVerifyClientCert
          client_ca_file: ca.crt
          min_version: TLS13
        http_server_config:
          http2: false
          headers: {{x-frame-options: deny}}
        basic_auth_users: {{ប្រាក់: "{HASH}"}}
        """,
        name="web.yml",
        folder=Path("/etc/shop"),
    )
    assert config.tls_server_config is not None
    assert Path("/etc/shop/shop.crt") == config.tls_server_config.cert_file
    assert Path("/keys/shop.key") == config.tls_server_config.key_file
    assert Path("/etc/shop/ca.crt") == config.tls_server_config.client_ca_file
    assert {"X-Frame-Options": "deny"} == config.http_server_config.headers
    assert {"ប្រាក់": HASH} == config.basic_auth_users


@pytest.mark.parametrize("text", ["", "basic_auth_users:\n", "{}"])
def test_empty_file_asks_for_nothing(text: str) -> None:
    """A file, or a section, with nothing in it is as good as none."""
    config = parse_web_config(text, name="web.yml", folder=Path())
    assert (None, {}) == (config.tls_server_config, config.basic_auth_users)


def test_all_problems_are_told_at_once() -> None:
    """Unknown keys, missing ones, and values that do not fit stand together in one error."""
    assert (
        "tls_server_config.cipher_suites: not supported here; min_version: TLS13 leaves only strong ones",
        "rate_limit: not supported here; limit the rate in a proxy before this service",
        "tls_server_config.key_file: missing",
        "tls_server_config.min_version: 'TLS10': no longer safe; write TLS12 or TLS13",
        "http_server_config.headers: {'X-Powered-By': 'a'}: X-Powered-By cannot be set here; these can: "
        "Content-Security-Policy, Strict-Transport-Security, X-Content-Type-Options, X-Frame-Options, "
        "X-XSS-Protection",
        "basic_auth_user: no such key; did you mean basic_auth_users?",
    ) == problems_of(
        """
        tls_server_config: {cert_file: a, min_version: TLS10, cipher_suites: []}
        http_server_config: {headers: {X-Powered-By: a}}
        rate_limit: {interval: 1s}
        basic_auth_user: {}
        """
    )


def test_password_that_is_no_hash_is_refused_and_never_shown() -> None:
    """A password written in clear is a problem whose text does not repeat it."""
    [problem] = problems_of("basic_auth_users: {alice: hunter2}")
    assert "the password of alice is no bcrypt hash" in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    "tls",
    [
        "client_auth_type: RequireAndVerifyClientCert",
        "client_ca_file: ca.crt",
        "client_auth_type: RequireAnyClientCert",
        "{min_version: TLS13, max_version: TLS12}",
    ],
)
def test_protection_that_would_not_protect_is_refused(tls: str) -> None:
    """Client certificates without a CA, or that nobody checks, are problems."""
    inner = tls.strip("{}")
    assert 1 == len(problems_of(f"tls_server_config: {{cert_file: a, key_file: b, {inner}}}"))


def test_header_cannot_smuggle_another() -> None:
    """A header's value is one line."""
    [problem] = problems_of('http_server_config: {headers: {X-Frame-Options: "deny\\r\\nSet-Cookie: a"}}')
    assert "a header is printable ASCII on one line" in problem


def test_missing_file_is_told(tmp_path: Path) -> None:
    """A file that cannot be read is a configuration problem."""
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_web_config(tmp_path / "web.yml")
