"""
What the last rotation left of each log, and why: ``logs.json`` in the state folder.

A log that was rotated as far as it could be is not due again before the next period, whatever stays in it.
Without the file, or with one that cannot be read, logs are due by their lines alone.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

NAME: Final = "logs.json"


@dataclass(frozen=True, kw_only=True)
class Handled:
    """
    A log that was rotated as far as it could be, ``at`` seconds since 1970.

    ``left_bytes`` stayed in the file with that device and inode, because of ``why``.
    """

    at: float
    device: int
    inode: int
    left_bytes: int
    why: str

    def is_of(self, *, device: int, inode: int) -> bool:
        """Return whether it was this file."""
        return (self.device, self.inode) == (device, inode)


def read_handled(state: Path) -> Mapping[str, Handled]:
    """Return what was noted, by ``AREA/NAME``; nothing where it cannot be read."""
    try:
        values = json.loads((state / NAME).read_bytes())
        return {name: Handled(**value) for name, value in values.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def note_handled(state: Path, *, handled: Mapping[str, Handled], keep: float) -> None:
    """
    Note what was handled beside what was noted from ``keep`` on, in seconds since 1970.

    Raises OSError, as on a full disk; the notes are then as they were.
    """
    kept = {name: one for name, one in read_handled(state).items() if one.at >= keep}
    text = json.dumps({name: asdict(one) for name, one in {**kept, **handled}.items()}, indent=1)
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = state / f".{NAME}.{os.getpid()}.partial"
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(state / NAME)
    except OSError:
        with suppress(OSError):
            partial.unlink()
        raise
