"""Which files does nothing in the shop name? The answer is kept for as long as asking would cost too much."""

import time
from collections.abc import Callable, Collection, Hashable
from typing import Final

# A search that takes longer than this is followed by a pause of so many times as long.
QUICK_SECONDS: Final = 2.0
PAUSES: Final = 20


class UnnamedFiles:
    """
    Called with files; gives those that nothing names, by ``named``, which searches everything.

    Everything is searched again when ``version`` is another one (None: nobody can say) or another file is
    asked for. But after a search that took a minute the next begins 20 minutes later at the earliest. Until
    then a file that was not searched for counts as named: its row may just be written.
    """

    def __init__(
        self,
        named: Callable[[Collection[str]], Collection[str]],
        *,
        version: Callable[[], Hashable],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._named = named
        self._version_now = version
        self._monotonic = monotonic
        self._free: frozenset[str] = frozenset()
        self._asked: frozenset[str] = frozenset()
        self._version: Hashable = None
        self._again = float("-inf")

    def __call__(self, files: Collection[str]) -> Collection[str]:
        """Give the files that nothing names; raises StorekeeperError where not everything can be asked."""
        if not self.holds(files):
            version = self._version_now()
            began = self._monotonic()
            self._asked = frozenset(files)
            self._free = self._asked.difference(self._named(self._asked))
            self._version = version
            ended = self._monotonic()
            took = ended - began
            self._again = ended + PAUSES * took if took > QUICK_SECONDS else ended
        return self._free

    def holds(self, files: Collection[str] = ()) -> bool:
        """Tell whether the last answer still stands."""
        if self._monotonic() < self._again:
            return True
        return (
            self._version is not None
            and self._asked.issuperset(files)
            and self._version == self._version_now()
        )
