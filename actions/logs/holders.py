"""Which processes have a log open, as far as we may look."""

import os
import sys
from dataclasses import dataclass
from typing import IO, Final

import psutil

# The inode of the first of all namespaces of processes: who is in it sees every process of the machine.
_ALL_PROCESSES: Final = 0xEFFFFFFC


@dataclass(frozen=True, kw_only=True)
class Holder:
    """A process that has a file open; ``elsewhere`` when it writes to another place than the file's end."""

    pid: int
    elsewhere: bool

    def __str__(self) -> str:
        try:
            return f"process {self.pid} ({psutil.Process(self.pid).name()})"
        except psutil.Error:
            return f"process {self.pid}"


def find_holders(file: IO[bytes]) -> tuple[list[Holder], bool]:
    """Return the other processes that have the file open, and whether all processes could be looked at."""
    status = os.fstat(file.fileno())
    if sys.platform != "linux":
        return _by_path(status), False
    found = []
    complete = _sees_all()
    for process in (int(name) for name in os.listdir("/proc") if name.isdigit()):  # noqa: PTH208
        if process == os.getpid():
            continue
        try:
            holder = _look(process, status)
        except FileNotFoundError:
            continue
        except OSError:
            complete = False
            continue
        if holder is not None:
            found.append(holder)
    return found, complete


def _look(process: int, meant: os.stat_result) -> Holder | None:
    holder = None
    for descriptor in os.listdir(f"/proc/{process}/fd"):  # noqa: PTH208 - names are all we need
        try:
            status = os.stat(f"/proc/{process}/fd/{descriptor}")  # noqa: PTH116
        except FileNotFoundError:
            continue
        if (status.st_dev, status.st_ino) == (meant.st_dev, meant.st_ino):
            elsewhere = _writes_elsewhere(f"/proc/{process}/fdinfo/{descriptor}")
            holder = Holder(pid=process, elsewhere=elsewhere or (holder is not None and holder.elsewhere))
    return holder


def _writes_elsewhere(path: str) -> bool:
    try:
        with open(path, encoding="ascii") as lines:  # noqa: PTH123
            flags = next((int(line.split()[1], 8) for line in lines if line.startswith("flags:")), 0)
    except OSError:
        return False
    return bool(flags & (os.O_WRONLY | os.O_RDWR)) and not flags & os.O_APPEND


def _sees_all() -> bool:
    try:
        return os.stat("/proc/self/ns/pid").st_ino == _ALL_PROCESSES and os.path.exists("/proc/1")  # noqa: PTH110, PTH116
    except OSError:
        return False


def _by_path(meant: os.stat_result) -> list[Holder]:
    """Return the holders by the paths that the system tells of its processes (macOS, Windows)."""
    found = []
    for process in psutil.process_iter():
        try:
            files = process.open_files() if process.pid != os.getpid() else []
        except psutil.Error:
            continue
        for one in files:
            try:
                status = os.stat(one.path)  # noqa: PTH116
            except OSError:
                continue
            if (status.st_dev, status.st_ino) == (meant.st_dev, meant.st_ino):
                found.append(Holder(pid=process.pid, elsewhere=False))
                break
    return found
