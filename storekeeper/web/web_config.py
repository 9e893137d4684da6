"""
The web config file in the format of Prometheus' exporter-toolkit: TLS, users, headers.

What that format knows and we cannot do is refused with the reason, never passed over: a file that asks
for more protection than it gets would be worse than none.
"""

import re
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from storekeeper.config.fields import Model
from storekeeper.config.problems import describe_problems
from storekeeper.config.yaml_reader import read_yaml
from storekeeper.errors import ConfigurationError

BCRYPT_HASH: Final = re.compile(r"\$2[abxy]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}")

# The headers that exporter-toolkit lets a file set, with the name as they are sent.
HEADERS: Final = (
    "Content-Security-Policy",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-XSS-Protection",
)

# Keys of the format that we do not serve, and what to do instead.
NOT_SERVED: Final = {
    "tls_server_config": {
        "cert": "write the certificate to a file and name it in cert_file",
        "key": "write the key to a file and name it in key_file",
        "client_ca": "write the certificates to a file and name it in client_ca_file",
        "client_allowed_sans": "not supported here; give the allowed clients a CA of their own",
        "cipher_suites": "not supported here; min_version: TLS13 leaves only strong ones",
        "curve_preferences": "not supported here; the defaults of OpenSSL are used",
        "prefer_server_cipher_suites": "not supported here; the server's order is always used",
    },
    "rate_limit": {"": "not supported here; limit the rate in a proxy before this service"},
}

ClientAuth = Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"]
TlsVersion = Literal["TLS12", "TLS13"]


class TlsServerConfig(Model):
    """Certificate, key, and whether clients must show certificates of their own."""

    cert_file: Path
    key_file: Path
    client_auth_type: ClientAuth = "NoClientCert"
    client_ca_file: Path | None = None
    min_version: TlsVersion = "TLS12"
    max_version: TlsVersion = "TLS13"

    @field_validator("client_auth_type", mode="before")
    @classmethod
    def _known_client_auth(cls, value: Any) -> Any:
        if value in ("RequestClientCert", "RequireAnyClientCert"):
            raise ValueError(
                "certificates that nobody checks protect nothing; use RequireAndVerifyClientCert"
            )
        return value or "NoClientCert"

    @field_validator("min_version", "max_version", mode="before")
    @classmethod
    def _safe_version(cls, value: Any) -> Any:
        if value in ("TLS10", "TLS11"):
            raise ValueError("no longer safe; write TLS12 or TLS13")
        return value

    @model_validator(mode="after")
    def _goes_together(self) -> "TlsServerConfig":
        if (self.client_auth_type == "NoClientCert") != (self.client_ca_file is None):
            raise ValueError("client_ca_file and a client_auth_type that verifies belong together")
        if self.min_version > self.max_version:
            raise ValueError("min_version is above max_version")
        return self


class HttpServerConfig(Model):
    """Headers for every answer; ``http2`` is taken but HTTP/1.1 is what is spoken."""

    http2: bool = True
    headers: dict[str, str] = Field(default_factory=dict)

    @field_validator("headers")
    @classmethod
    def _known_headers(cls, value: dict[str, str]) -> dict[str, str]:
        names = {name.lower(): name for name in HEADERS}
        for name, text in value.items():
            if name.lower() not in names:
                raise ValueError(f"{name} cannot be set here; these can: {', '.join(HEADERS)}")
            if not text.isascii() or not text.isprintable():
                raise ValueError(f"{name}: a header is printable ASCII on one line")
        return {names[name.lower()]: text for name, text in value.items()}


class WebConfig(Model):
    """The whole file. Password hashes are secrets, too, and are never shown."""

    tls_server_config: TlsServerConfig | None = None
    http_server_config: HttpServerConfig = HttpServerConfig()
    basic_auth_users: dict[str, str] = Field(default_factory=dict, repr=False)

    @field_validator("basic_auth_users")
    @classmethod
    def _hashed(cls, users: dict[str, str]) -> dict[str, str]:
        for user, password_hash in users.items():
            if not user or ":" in user:
                raise ValueError("a user name is not empty and has no colon")
            if not BCRYPT_HASH.fullmatch(password_hash):
                raise ValueError(
                    f"the password of {user} is no bcrypt hash; htpasswd -nBC 10 {user} makes one"
                )
        return users


def parse_web_config(text: str, *, name: str, folder: Path) -> WebConfig:
    """
    Check the file's ``text``; relative paths in it count from ``folder``.

    Raises ConfigurationError with every problem at once, and with no value of ``basic_auth_users``.
    """
    document = read_yaml(text, name=name)
    if document is None:
        document = {}
    if not isinstance(document, dict):
        raise ConfigurationError(f"{name}: a web config is a mapping of keys")
    # A section left empty is as good as none.
    document = {key: value for key, value in document.items() if value is not None}
    problems = list(_take_out_not_served(document))
    try:
        config = WebConfig.model_validate(document)
    except ValidationError as error:
        shown = {key: value for key, value in document.items() if key != "basic_auth_users"}
        if "basic_auth_users" in document:
            shown["basic_auth_users"] = "…"
        problems += describe_problems(error, document=shown, model=WebConfig)
    if problems:
        count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
        raise ConfigurationError(f"{name} has {count}:", problems=tuple(problems))
    tls = config.tls_server_config
    if tls is None:
        return config
    placed = tls.model_copy(
        update={
            "cert_file": folder / tls.cert_file,
            "key_file": folder / tls.key_file,
            "client_ca_file": folder / tls.client_ca_file if tls.client_ca_file else None,
        }
    )
    return config.model_copy(update={"tls_server_config": placed})


def read_web_config(path: Path) -> WebConfig:
    """Read and check the file at ``path``; raises ConfigurationError."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8 text") from None
    return parse_web_config(text, name=str(path), folder=path.resolve().parent)


def _take_out_not_served(document: dict[Any, Any]) -> list[str]:
    """Remove the keys that we know and do not serve; give a line for each."""
    problems = []
    for section, keys in NOT_SERVED.items():
        if "" in keys and section in document:
            del document[section]
            problems.append(f"{section}: {keys['']}")
        elif isinstance(document.get(section), dict):
            for key in [key for key in document[section] if key in keys]:
                del document[section][key]
                problems.append(f"{section}.{key}: {keys[key]}")
    return problems
