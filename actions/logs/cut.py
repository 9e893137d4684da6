"""
Move lines from the front of a log into its archive, in one of three ways that lose and double none.

*whole*     no other process has the log open: all of it is archived and the file emptied. The kernel keeps
            whoever opens it in these moments waiting.
*collapse*  others are writing: whole blocks are cut from the front. Less than one block stays. A line that
            lies across the border begins in the archive and ends in the log, and the next archive goes on
            with exactly that rest: archives and log, one after the other, are every byte in order.
*aside*     the log has got another name (its handler has opened a new file, or rotates by itself): once it is
            known that no process has it open, all of it is archived and the file removed.

The fourth is for systems without these: *copy and truncate* loses what is written between its last look and
the cut, and says so.
"""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Final

from actions.logs.archive import FULL, digest_of, keep_access, no_room, pack, partial_name
from actions.logs.folder import LogFolder
from actions.logs.journal import (
    Cut,
    Journal,
    has_been_cut,
    lacks_times,
    publish,
    repeats_itself,
    withdraw,
    write_journal,
)
from actions.logs.member import Mark
from actions.logs.system import Holding, collapse, exchange, held_alone, holding, rename_new
from storekeeper.measure.logs import ASIDE_SUFFIX

# What stays at the end of a log, so that the states before and after a cut differ.
LEFT_BYTES: Final = 64


@dataclass(frozen=True, kw_only=True)
class Piece:
    """What goes from the front of ``log`` to ``archive`` with one cut."""

    folder: LogFolder
    log: str
    file: IO[bytes]
    length: int
    archive: str
    mark: Mark
    report: Callable[[int], None]
    stage: Callable[[str], None]
    """Hear of each step as it is done; tests end the process there."""

    def collapse(self) -> bool:
        """Cut whole blocks, whoever is writing."""

        def cut() -> bool:
            collapse(self.file, length=self.length)
            return True

        return self._move(cut, how="collapse")

    def empty(self) -> bool:
        """Cut everything; False, and nothing is done, when somebody has the file open or it has grown."""

        def cut() -> bool:
            with held_alone(self.file) as alone:
                if not alone or os.fstat(self.file.fileno()).st_size != self.length:
                    return False
                self.file.truncate(0)
                return True

        return self._move(cut, how="truncate")

    def remove(self, *, presumed_free: bool = False) -> bool:
        """
        Remove the file; False, and nothing is done, when a process may have it open or it has grown.

        ``presumed_free`` is for systems that do not tell who has a file open: it goes unless one is known.
        """

        return self._move(lambda: self.drop(presumed_free=presumed_free), how="remove")

    def drop(self, *, presumed_free: bool = False) -> bool:
        """Remove the file as ``remove`` does, and archive nothing: it is archived already, or empty."""
        return _drop(self.folder, self.log, file=self.file, length=self.length, presumed_free=presumed_free)

    def copy_and_truncate(self) -> bool:
        """Cut everything while others write; what comes between the last look and the cut is lost."""

        def cut() -> bool:
            self.file.seek(self.length)
            late = self.file.read()
            self.file.truncate(0)
            # The cut is done: what cannot be written back is among the lines that this way may lose.
            with suppress(OSError):
                self.file.write(late)
            return True

        return self._move(cut, how="truncate")

    def _move(self, cut: Callable[[], bool], *, how: Cut) -> bool:
        packed = pack(
            self.folder,
            log=self.file,
            length=self.length,
            archive=self.archive,
            mark=self.mark,
            report=self.report,
        )
        self.stage("packed")
        status = os.fstat(self.file.fileno())
        journal = Journal(
            archive=self.archive,
            partial=partial_name(self.archive),
            archive_bytes=packed.size_bytes,
            old_archive_bytes=packed.old_bytes,
            inode=status.st_ino,
            size_bytes=status.st_size,
            length=self.length,
            digest=packed.digest,
            cut=how,
            repeats=self._may_begin_the_same(after=how),
            modified_ns=status.st_mtime_ns,
        )
        noted = done = False
        try:
            write_journal(self.folder, self.log, journal=journal)
            noted = True
            self.stage("noted")
            # Whoever else rotates this log would have changed its beginning since it was packed.
            done = digest_of(self.file, length=self.length) == packed.digest and cut()
            if done:
                self.stage("cut")
                os.fsync(self.file.fileno())
        except OSError as error:
            if error.errno in FULL and not done:
                raise no_room(self.folder, log=self.log, needed_bytes=self.length) from None
            raise
        finally:
            # An interruption may come right after the cut: then the file itself tells.
            if done or (noted and sys.exc_info()[0] and has_been_cut(self.folder, self.log, journal=journal)):
                publish(self.folder, self.log, journal=journal)
            else:
                withdraw(self.folder, self.log, journal=journal)
        self.stage("published")
        return done

    def _may_begin_the_same(self, *, after: Cut) -> bool:
        if after == "collapse":
            return repeats_itself(self.file, length=self.length)
        return after == "truncate" and lacks_times(self.file, length=self.length)


def remove_empty(folder: LogFolder, name: str) -> bool:
    """
    Remove a closed file of a rotating handler that holds nothing.

    False where a process has it open or it holds something now: then it is put aside for the next run.
    """
    aside = put_aside(folder, name)
    if aside is None:
        return False
    with folder.open(aside, write=True) as file:
        return _drop(folder, aside, file=file, length=0)


def _drop(folder: LogFolder, name: str, *, file: IO[bytes], length: int, presumed_free: bool = False) -> bool:
    enough = (Holding.FREE, Holding.UNKNOWN) if presumed_free else (Holding.FREE,)
    with held_alone(file) as alone:
        free = alone or holding(file) in enough
        if not free or os.fstat(file.fileno()).st_size != length:
            return False
        folder.remove(name)
        return True


def put_aside(folder: LogFolder, name: str) -> str | None:
    """Give a closed file another name, so that its handler cannot shift it; None where that is not safe."""
    if sys.platform == "win32":
        return None
    aside = name + ASIDE_SUFFIX
    if not rename_new(folder, name, to=aside):
        return None
    folder.sync()
    return aside


def swap_out(folder: LogFolder, log: str) -> str | None:
    """
    Give a log another name, and an empty new file its own; None where that cannot be done safely.

    The new file has the mode and the owner of the log.
    """
    if sys.platform == "win32":
        # A file that is open can be neither renamed nor removed there.
        return None
    aside = log + ASIDE_SUFFIX
    with folder.open(log) as old:
        like = os.fstat(old.fileno())
    with folder.create(aside) as new:
        keep_access(new, like=like)
    if exchange(folder, log, other=aside):
        folder.sync()
        return aside
    folder.remove(aside)
    folder.replace(aside, by=log)
    # A writer that was quicker has made the file as it always does.
    with suppress(FileExistsError), folder.create(log) as new:
        keep_access(new, like=like)
    folder.sync()
    return aside
