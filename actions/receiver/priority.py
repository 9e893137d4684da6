"""
Whose turn it is on a machine whose processors are busy: first the requests, last the actions.

Taking an alert in costs a moment, and Alertmanager waits for it; an action may take hours, and the shop comes
before it. On Linux each thread has a priority of its own, and what it starts inherits it.
"""

import os
import sys
import threading
from contextlib import suppress
from typing import Final

REQUESTS: Final = -10
ACTIONS: Final = 10


def prefer_requests() -> None:
    """Let the present thread, which answers requests, come first, where that is allowed."""
    _set(REQUESTS)


def put_action_last() -> None:
    """Let the present thread, which carries out an action, and the programs that it starts come last."""
    _set(ACTIONS)


def _set(nice: int) -> None:
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice)
