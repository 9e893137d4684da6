"""Choose and keep the ports of services on this machine."""

import socket
from collections.abc import Iterator
from contextlib import suppress

HOST = "127.0.0.1"
_TRIES = 100


class PortClaims:
    """
    Ports for services that we are about to start.

    A service binds its TCP port only when it starts, so until then nothing keeps others from it. The UDP
    port of the same number, which none of the services uses, is bound at once and says to others of our
    kind: taken. It is given back when this object goes.
    """

    def __init__(self) -> None:
        self._claims: list[socket.socket] = []

    def claim(self, wanted: int) -> int:
        """Give ``wanted`` when it is free on the loopback address, else any free port."""
        for port in _candidates(wanted):
            claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            with suppress(OSError), socket.socket() as probe:
                claim.bind((HOST, port))
                chosen: int = claim.getsockname()[1]
                # As the services bind: a port that only rests after its last connection counts as free.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((HOST, chosen))
                self._claims.append(claim)
                return chosen
            claim.close()
        raise OSError(f"this machine has no free port on {HOST}")


def _candidates(wanted: int) -> Iterator[int]:
    yield wanted
    # 0 lets the system choose one.
    yield from [0] * _TRIES
