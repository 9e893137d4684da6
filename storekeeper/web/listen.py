"""Where a service listens, as people write it: ``:9731``, ``127.0.0.1:9731``, ``[::1]:9731``."""

import ipaddress
import re
import socket
from dataclasses import dataclass

from storekeeper.errors import ConfigurationError

_ADDRESS = re.compile(r"(?:\[(?P<six>[^\]]*)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,5})")
BACKLOG = 128


@dataclass(frozen=True, kw_only=True)
class ListenAddress:
    """A host, empty for every interface, and a port; port 0 lets the system choose."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Tell whether only programs of this machine can reach it; a name other than localhost cannot say."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.partition("%")[0]).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_listen_address(text: str) -> ListenAddress:
    """Give the address that ``text`` means; raises ConfigurationError with what to write instead."""
    match = _ADDRESS.fullmatch(text.strip())
    host = (match["six"] if match["six"] is not None else match["host"]) if match else ""
    if match is None or int(match["port"]) > 65535 or (match["six"] is not None and not _is_ipv6(host)):
        raise ConfigurationError(
            f"{text!r} is not an address to listen on", hint="Write :9731, 127.0.0.1:9731 or [::1]:9731"
        )
    return ListenAddress(host=host, port=int(match["port"]))


def open_listener(address: ListenAddress) -> socket.socket:
    """
    Give a bound socket that listens; every interface means IPv4 and IPv6.

    Raises ConfigurationError when the address is taken, not ours, or not allowed.
    """
    try:
        listener = _bound(address)
        # A page goes out as head and body; without this the body waits 40 ms for the client to acknowledge
        # the head. asyncio sets it only for sockets that name their protocol, which these do not.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {address}: {error.strerror or error}",
            hint="Choose another port with --web.listen-address, or stop the program that has this one",
        ) from None
    return listener


def _bound(address: ListenAddress) -> socket.socket:
    if not address.host and socket.has_dualstack_ipv6():
        try:
            return socket.create_server(
                ("", address.port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG
            )
        except OSError:
            # A kernel without IPv6 still has every IPv4 interface.
            return socket.create_server(("", address.port), backlog=BACKLOG)
    found = socket.getaddrinfo(address.host or "0.0.0.0", address.port, type=socket.SOCK_STREAM)  # noqa: S104 - the host is empty because every interface is asked for
    family, where = found[0][0], found[0][4]
    return socket.create_server((str(where[0]), address.port), family=family, backlog=BACKLOG)


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).version == 6
    except ValueError:
        return False
