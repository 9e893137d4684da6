"""TLS for a listener: certificates may be renewed while it listens."""

import logging
import ssl

from storekeeper.errors import ConfigurationError
from storekeeper.files.version import version_of
from storekeeper.web.web_config import TlsServerConfig

logger = logging.getLogger(__name__)

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_CLIENT_AUTH = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}


def make_tls_context(config: TlsServerConfig) -> ssl.SSLContext:
    """Give a server's context; raises ConfigurationError for files that are missing or do not fit."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[config.min_version]
    context.maximum_version = _VERSIONS[config.max_version]
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(config.cert_file, config.key_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"tls_server_config: {config.cert_file} and {config.key_file} cannot be used: {error}",
            hint="Both must be readable PEM files that belong together; the key has no passphrase",
        ) from None
    context.verify_mode = _CLIENT_AUTH[config.client_auth_type]
    if config.client_ca_file is not None:
        try:
            context.load_verify_locations(config.client_ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"tls_server_config.client_ca_file: {config.client_ca_file} cannot be used: {error}"
            ) from None
    return context


class RenewingContext:
    """
    A context that looks at its files at each handshake and, when one has changed, reads them anew.

    ``front`` is what the listener gets. Files that cannot be used leave the certificate in use, with an
    error in the log. A change from one kind of client authentication to another needs a restart.
    """

    def __init__(self, config: TlsServerConfig) -> None:
        self._config = config
        self._seen = self._versions()
        self._current = make_tls_context(config)
        self.front = make_tls_context(config)
        self.front.sni_callback = self._choose

    def _choose(
        self, connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _context: ssl.SSLContext
    ) -> None:
        """Hand the connection that is being opened the context of the files as they are now."""
        seen = self._versions()
        if seen != self._seen:
            # Kept before the reading: broken files are told once, not at each handshake.
            self._seen = seen
            try:
                self._current = make_tls_context(self._config)
            except ConfigurationError as error:
                logger.error("the certificate in use stays: %s", error)
            else:
                logger.info("read the certificate %s anew", self._config.cert_file)
        connection.context = self._current

    def _versions(self) -> tuple[tuple[int, int, int], ...]:
        config = self._config
        files = (config.cert_file, config.key_file, config.client_ca_file)
        return tuple(version_of(file) for file in files if file is not None)
