"""Let the shop have the disk first."""

import sys
import threading
from contextlib import suppress

import psutil


def yield_disk() -> None:
    """
    Have the calling thread read only when nobody else wants the disk, where the system knows that (Linux).

    The other threads of the process stay as they are. A scheduler that knows no priorities ignores it.
    """
    if sys.platform.startswith("linux"):
        # A sandbox may refuse it; a walk without it is still a walk.
        with suppress(psutil.Error, OSError):
            psutil.Process(threading.get_native_id()).ionice(psutil.IOPRIO_CLASS_IDLE)
