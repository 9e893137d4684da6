"""What the shop's LOGGING says of its logs: the handler of each, and what a rotating one has closed."""

import datetime as dt
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from actions.action import Context
from storekeeper.errors import StorekeeperError
from storekeeper.measure.logs import ASIDE_SUFFIX

# security.log.1 of RotatingFileHandler, django.log.2025-11-30_23 of TimedRotatingFileHandler.
_MARK_BEHIND: Final = re.compile(r"(?P<log>.+)\.(?P<mark>\d[\d_-]*)", re.DOTALL | re.ASCII)
# security.1.log and django.2025-11-30.log, as a handler's namer may have it.
_MARK_WITHIN: Final = re.compile(
    r"(?P<stem>.+?)[-_.](?P<mark>\d{1,3}|\d{4}[-_]?\d\d[-_]?\d\d[\d_-]*)(?P<end>\.\w+)", re.DOTALL | re.ASCII
)


@dataclass(frozen=True, kw_only=True)
class ShopLogs:
    """``handlers`` are the classes by the path that they write, ``zone`` is that of stamps without one."""

    handlers: Mapping[Path, str]
    zone: dt.tzinfo | None
    notes: tuple[str, ...] = ()

    def handler(self, path: Path) -> str:
        """Return the name of the class that writes a log, ``""`` where the shop does not say."""
        return self.handlers.get(path, "").rpartition(".")[2]

    def is_rotating(self, path: Path) -> bool:
        """Return whether the handler of a log rotates by itself."""
        return "Rotating" in self.handler(path)

    def log_of(self, folder: Path, name: str) -> str:
        """Return the log whose rotating handler has closed the file of that name, else the name itself."""
        plain = name.removesuffix(ASIDE_SUFFIX)
        if folder / plain in self.handlers:
            return plain
        log = split_mark(plain)[0]
        return log if self.is_rotating(folder / log) else plain


def split_mark(name: str) -> tuple[str, str]:
    """Return the log and the mark that a closed file's name tells; the name and ``""`` where it is none."""
    if match := _MARK_BEHIND.fullmatch(name):
        return match["log"], match["mark"]
    if match := _MARK_WITHIN.fullmatch(name):
        return match["stem"] + match["end"], match["mark"]
    return name, ""


def ask_for_logs(context: Context) -> ShopLogs:
    """Ask the shop; one that does not answer is said in the notes."""
    try:
        description = context.shop.describe()
    except StorekeeperError as error:
        # Cutting in place is right for every handler, so a broken shop is no reason to let its logs grow.
        note = f"the shop's LOGGING could not be read ({error.message}); all logs are cut in place"
        return ShopLogs(handlers={}, zone=None, notes=(note,))
    return ShopLogs(
        handlers={
            Path(os.path.realpath(log.path.parent), log.path.name): log.handler
            for log in description.log_files
        },
        zone=ZoneInfo(description.time_zone) if description.time_zone else None,
    )
