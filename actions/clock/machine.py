"""The clock of this machine, beside the time since the machine started, which cannot be set."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Reading:
    """
    What the clocks said at one moment.

    ``moment`` is in seconds since 1970 by the clock, ``uptime`` in seconds since the machine started,
    ``boot`` names that start; it is empty where the system has no name for it.
    """

    moment: float
    uptime: float
    boot: str

    def same_boot(self, earlier: "Reading") -> bool:
        """Return whether the machine has not been started again since ``earlier``."""
        return bool(self.boot) and self.boot == earlier.boot and self.uptime >= earlier.uptime

    def ahead_of(self, earlier: "Reading") -> float:
        """Return by how many seconds the clock advanced more than time did, within one boot."""
        return (self.moment - earlier.moment) - (self.uptime - earlier.uptime)


def uptime_seconds() -> float:
    """Return the seconds since the machine started, with those of its sleep where the system counts them."""
    with suppress(OSError, ValueError, IndexError):
        return float(Path("/proc/uptime").read_text("ascii").split()[0])
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def boot_name() -> str:
    """Return the name that the system gives to its present start, ``""`` where it gives none."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    return ""


@dataclass(frozen=True, kw_only=True)
class MachineClock:
    """Reads both clocks; the fields are replaced in tests alone."""

    now: Callable[[], float] = time.time
    uptime: Callable[[], float] = uptime_seconds
    boot: Callable[[], str] = boot_name

    def read(self) -> Reading:
        """Return what the clocks say now."""
        return Reading(moment=self.now(), uptime=self.uptime(), boot=self.boot())
