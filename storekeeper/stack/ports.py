"""Choose the ports of services on this machine."""

import socket


def choose_port(wanted: int) -> int:
    """Give ``wanted`` when it is free on the loopback address, else any free port."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            # As the services bind: a port that only rests after its last connection counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            chosen: int = probe.getsockname()[1]
            return chosen
    raise OSError("this machine has no free port on 127.0.0.1")
