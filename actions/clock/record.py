"""
The last moment at which the clock was known to be right, in ``clock.json`` of the state folder.

It is written only when the check has passed or when an operator has said that the clock is right, never by a
process that merely runs: a machine that boots with a wrong clock must not become its own witness.
"""

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from actions.clock.machine import Reading
from storekeeper.errors import AlreadyRunning
from storekeeper.files import PartialFile
from storekeeper.files.atomic import hold, is_being_written
from storekeeper.files.private import make_private_folder

FILE_NAME: Final = "clock.json"
WATCH_NAME: Final = "clock.watched"


@dataclass(frozen=True, kw_only=True)
class Record:
    """
    A reading that was right, and who said so.

    ``watched`` tells that a receiver watched the clock then, ``doubt`` why the clock cannot be trusted since.
    """

    reading: Reading
    by: str
    watched: bool = False
    doubt: str = ""


class RecordFile:
    """The record on the disk. What cannot be read is no record; what cannot be written is left out."""

    def __init__(self, state: Path) -> None:
        self.path = state / FILE_NAME
        self._watch = state / WATCH_NAME

    def read(self) -> Record | None:
        """Return the record, None where there is none that can be read."""
        try:
            said = json.loads(self.path.read_text("utf-8"))
            reading = Reading(
                moment=float(said["moment"]), uptime=float(said["uptime"]), boot=str(said["boot"])
            )
            return Record(
                reading=reading,
                by=str(said["by"]),
                watched=bool(said.get("watched", False)),
                doubt=str(said.get("doubt", "")),
            )
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def write(self, record: Record) -> bool:
        """Replace the record; return whether it is on the disk."""
        text = json.dumps(
            {
                "moment": record.reading.moment,
                "uptime": record.reading.uptime,
                "boot": record.reading.boot,
                "by": record.by,
                "watched": record.watched,
                "doubt": record.doubt,
            }
        )
        # A full disk must stop no run, and another process that writes one now is as right as we are.
        with suppress(OSError, AlreadyRunning):
            make_private_folder(self.path.parent)
            with PartialFile(self.path) as file:
                file.stream.write(text.encode("utf-8") + b"\n")
                file.finish(replace=True)
            return True
        return False

    def watch(self) -> bool:
        """Mark until the end of this process that a receiver watches the clock; return whether it worked."""
        with suppress(OSError):
            make_private_folder(self._watch.parent)
            self._mark = self._watch.open("ab")
            return hold(self._mark)
        return False

    def unwatch(self) -> None:
        """Take the mark of ``watch`` away."""
        self._mark.close()

    def is_watched(self) -> bool:
        """Return whether a receiver, this process or another, watches the clock now."""
        return is_being_written(self._watch)
