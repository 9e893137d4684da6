"""Addresses to listen on."""

import socket

import pytest

from storekeeper.errors import ConfigurationError
from storekeeper.web.listen import ListenAddress, open_listener, parse_listen_address


@pytest.mark.parametrize(
    ("text", "host", "port", "loopback"),
    [
        (":9731", "", 9731, False),
        ("0.0.0.0:9731", "0.0.0.0", 9731, False),
        ("127.0.0.1:9731", "127.0.0.1", 9731, True),
        ("127.8.0.1:1", "127.8.0.1", 1, True),
        ("[::1]:9731", "::1", 9731, True),
        ("[::]:9731", "::", 9731, False),
        ("localhost:0", "localhost", 0, True),
        ("shop.example:443", "shop.example", 443, False),
    ],
)
def test_address_is_understood(text: str, host: str, port: int, loopback: bool) -> None:
    """Each way to write an address gives host, port, and whether other machines can reach it."""
    address = parse_listen_address(text)
    assert (ListenAddress(host=host, port=port), loopback) == (address, address.is_loopback)
    assert str(address) == text


@pytest.mark.parametrize("text", ["", "9731", "127.0.0.1", "::1:9731", "[::1]", "[shop]:1", ":70000", "a:b"])
def test_unclear_address_is_refused(text: str) -> None:
    """Anything else is refused with the forms that are understood."""
    with pytest.raises(ConfigurationError) as caught:
        parse_listen_address(text)
    assert "Write :9731, 127.0.0.1:9731 or [::1]:9731" == caught.value.hint


def test_taken_port_is_told_with_the_address() -> None:
    """A port that another program has is a configuration problem, not a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = ListenAddress(host="127.0.0.1", port=taken.getsockname()[1])
        with pytest.raises(ConfigurationError, match=r"cannot listen on 127\.0\.0\.1"):
            open_listener(address)


def test_every_interface_answers_on_both_protocols() -> None:
    """``:PORT`` takes IPv4 and, where the machine has it, IPv6."""
    with open_listener(parse_listen_address(":0")) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), timeout=5) as four:
            assert port == four.getpeername()[1]
        if socket.has_dualstack_ipv6():
            with socket.create_connection(("::1", port), timeout=5) as six:
                assert port == six.getpeername()[1]


@pytest.mark.parametrize("text", ["127.0.0.1:0", ":0"])
def test_answers_are_not_held_back(text: str) -> None:
    """An accepted connection sends the body of a page without waiting for the head to be acknowledged."""
    with (
        open_listener(parse_listen_address(text)) as listener,
        socket.create_connection(("127.0.0.1", listener.getsockname()[1])),
    ):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
