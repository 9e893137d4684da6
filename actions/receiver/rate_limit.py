"""How much one client may ask for: so many times in a minute, and then as fast as they come back."""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

MOST_CLIENTS: Final = 10_000
_IPV6_NETWORK_BITS: Final = 64


class RateLimit:
    """
    A bucket of ``per_minute`` for each client, filled again at that speed. Used by one thread.

    Memory is bounded: of more than ``most_clients``, the one that was silent for longest is forgotten.
    """

    def __init__(
        self,
        *,
        per_minute: int,
        clock: Callable[[], float] = time.monotonic,
        most_clients: int = MOST_CLIENTS,
    ) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._most_clients = most_clients
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> float:
        """Take one; give 0, or the seconds until there is one again."""
        left = self._left(client)
        if left < 1:
            return (1 - left) * 60 / self._per_minute
        self._keep(client, left - 1)
        return 0.0

    def give_back(self, client: str) -> None:
        """Undo a ``take`` that turned out to be nothing to limit."""
        self._keep(client, min(self._left(client) + 1, float(self._per_minute)))

    def _left(self, client: str) -> float:
        left, at = self._buckets.get(client, (float(self._per_minute), self._clock()))
        return min(left + (self._clock() - at) * self._per_minute / 60, float(self._per_minute))

    def _keep(self, client: str, left: float) -> None:
        self._buckets[client] = (left, self._clock())
        self._buckets.move_to_end(client)
        while len(self._buckets) > self._most_clients:
            self._buckets.popitem(last=False)


def client_of(address: tuple[str, int] | None) -> str:
    """Give the name that a client's requests are counted under: its address, or its IPv6 network."""
    if address is None:
        return ""
    try:
        found = ipaddress.ip_address(address[0].partition("%")[0])
    except ValueError:
        return address[0]
    if found.version == 4:
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    # Whoever has one address of a network has them all.
    return str(ipaddress.ip_network((int(found), _IPV6_NETWORK_BITS), strict=False))
