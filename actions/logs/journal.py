"""
The note that a log is about to be cut, so that a run that was killed can be finished or undone.

``.django.log.rotation`` lies beside the log from before the cut until the archive has its name. It says what
the partial archive holds; a look at the log then tells whether the cut has happened:

* it has not: the log still begins with the archived bytes. The partial archive is dropped.
* it has: the partial archive takes its name.

Lines are never lost that way. They could be doubled only where nobody can tell the two states apart: the log
has been written to since, and repeats itself byte for byte over at least 64 bytes or has no times by which
new lines would differ from those that were to be cut. Then the archive is kept.
"""

import datetime as dt
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import IO, Final, Literal

from actions.logs.archive import digest_of, is_partial_name
from actions.logs.folder import LogFolder
from storekeeper.errors import StorekeeperError
from storekeeper.files.atomic import PARTIAL_SUFFIX
from storekeeper.files.tree import OWN_PREFIX
from storekeeper.measure.log_lines import stamp_of

Cut = Literal["collapse", "truncate", "remove"]

_SUFFIX: Final = ".rotation"
# How much of the rest of a log is compared with its beginning.
_COMPARED_BYTES: Final = 64 << 10


@dataclass(frozen=True, kw_only=True)
class Journal:
    """
    What is about to be cut from which file.

    ``length`` first bytes with the SHA-256 ``digest``, of the file ``inode`` that had ``size_bytes``. The
    archive had ``old_archive_bytes`` and will have ``archive_bytes``. ``repeats`` tells that the log may
    begin after the cut as it did before. ``modified_ns`` is its last write before the cut.
    """

    archive: str
    archive_bytes: int
    old_archive_bytes: int
    inode: int
    size_bytes: int
    length: int
    digest: str
    cut: Cut
    repeats: bool
    partial: str = ""
    modified_ns: int = 0

    @property
    def partial_name(self) -> str:
        """Return the name of the partial archive, also for a journal from before it was noted."""
        return self.partial or f".{self.archive}{PARTIAL_SUFFIX}"


def journal_name(log: str) -> str:
    """Give the name of a log's journal."""
    return f".{log}{_SUFFIX}"


def log_of_journal(name: str) -> str | None:
    """Give the log that a journal's name tells, None where it is no such name."""
    return name[1 : -len(_SUFFIX)] if name.startswith(".") and name.endswith(_SUFFIX) else None


def write_journal(folder: LogFolder, log: str, *, journal: Journal) -> None:
    """Write the journal, durably; raises OSError, as on a full disk."""
    name = journal_name(log)
    partial = f"{OWN_PREFIX}{log}{_SUFFIX}{PARTIAL_SUFFIX}"
    folder.remove(partial)
    try:
        with folder.create(partial) as stream:
            stream.write(json.dumps(asdict(journal)).encode())
            stream.flush()
            os.fsync(stream.fileno())
        folder.replace(name, by=partial)
    except OSError:
        folder.remove(partial)
        raise
    folder.sync()


def read_journal(folder: LogFolder, log: str) -> Journal | None:
    """Give the journal of a log, None where a file of that name is none; raises FileNotFoundError."""
    with folder.open(journal_name(log)) as stream:
        try:
            return Journal(**json.loads(stream.read()))
        except (ValueError, TypeError):
            return None


def remove_journal(folder: LogFolder, log: str) -> None:
    """Remove the journal, durably."""
    folder.remove(journal_name(log))
    folder.sync()


def publish(folder: LogFolder, log: str, *, journal: Journal) -> None:
    """Give the partial archive its name after the cut, and forget the journal."""
    folder.replace(journal.archive, by=journal.partial_name)
    folder.sync()
    remove_journal(folder, log)


def withdraw(folder: LogFolder, log: str, *, journal: Journal) -> None:
    """Drop the partial archive of a cut that has not happened, and forget the journal."""
    # The journal last: a partial archive without one would not be known for what it is.
    folder.remove(journal.partial_name)
    remove_journal(folder, log)


def settle(folder: LogFolder) -> list[str]:
    """
    Finish or undo what killed runs have left in the folder, and say so, a sentence for each.

    The caller holds the lock on the area. Raises StorekeeperError where a partial archive is not whole.
    """
    told = []
    for log in _noted(folder):
        journal = read_journal(folder, log)
        if journal is None:
            remove_journal(folder, log)
            continue
        partial = folder.status(journal.partial_name)
        if not has_been_cut(folder, log, journal=journal):
            withdraw(folder, log, journal=journal)
            told.append(f"{log}: an interrupted rotation was undone before its cut")
        elif partial is not None:
            if partial.st_size != journal.archive_bytes:
                raise StorekeeperError(
                    f"{folder.path / journal.partial_name} is not whole, but its log was cut",
                    hint=f"Unpack what it holds, then remove it and {journal_name(log)}",
                )
            publish(folder, log, journal=journal)
            told.append(f"{log}: an interrupted rotation was finished")
        else:
            remove_journal(folder, log)
    for name in folder.entries():
        if is_partial_name(name):
            folder.remove(name)
    return told


def repeats_itself(log: IO[bytes], *, length: int) -> bool:
    """Tell whether a log begins the same before and after its first ``length`` bytes are cut off."""
    log.seek(length)
    rest = log.read(_COMPARED_BYTES)
    log.seek(0)
    return log.read(len(rest)) == rest


def lacks_times(log: IO[bytes], *, length: int) -> bool:
    """Tell whether no line among the first ones has a time: an emptied log may be written the same again."""
    log.seek(0)
    lines = log.read(min(length, _COMPARED_BYTES)).splitlines()
    log.seek(0)
    now = dt.datetime.now(tz=dt.UTC)
    return not any(stamp_of(line, zone=None, latest=now) for line in lines)


def has_been_cut(folder: LogFolder, log: str, *, journal: Journal) -> bool:
    """Tell by the file itself whether the noted cut has happened."""
    if journal.cut == "remove":
        status = folder.status(log)
        return status is None or status.st_ino != journal.inode
    # The handler may have given the file another name meanwhile.
    name = folder.find_inode(journal.inode, first=log)
    if name is None:
        return True
    with folder.open(name) as file:
        status = os.fstat(file.fileno())
        if journal.modified_ns and journal.modified_ns == status.st_mtime_ns:
            # A cut is a write, too.
            return status.st_size != journal.size_bytes
        if status.st_size < journal.size_bytes or journal.repeats:
            return True
        return digest_of(file, length=journal.length) != journal.digest


def _noted(folder: LogFolder) -> Iterator[str]:
    for name in folder.entries():
        if log := log_of_journal(name):
            yield log
