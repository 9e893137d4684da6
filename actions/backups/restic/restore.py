"""Restore a snapshot into a folder, and read one without writing it anywhere."""

import hashlib
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from actions.action import Progress
from actions.backups.restic.program import Damaged, never, output, run
from actions.backups.restic.repository import Repository
from actions.backups.sum_lines import readable
from actions.backups.tar_stream import CHUNK_BYTES, ENCODING, ERRORS
from storekeeper.errors import BackupRefused


@dataclass(frozen=True, kw_only=True)
class ReadFile:
    """A file as it came out of a snapshot; the name is relative to the area."""

    name: str
    size_bytes: int
    sha256: str


def restore_snapshot(
    repository: Repository,
    snapshot: str,
    *,
    target: Path,
    report: Callable[[Progress], None] = lambda progress: None,
    cancelled: Callable[[], bool] = never,
) -> None:
    """
    Restore the files of a snapshot into the folder ``target``, which becomes what the area was.

    Restic compares each file with what it restored. Started again, it writes all files again. Raises
    StorekeeperError where anything is missing or damaged; ``target`` is then not whole.
    """
    target.mkdir(parents=True, exist_ok=True)
    report(Progress(done=0, note=f"restic restores {snapshot[:8]} of {repository.label} into {target}"))
    done = 0

    def heard(line: bytes) -> None:
        nonlocal done
        done += 1
        report(Progress(done=done, unit="lines"))

    try:
        run(
            repository,
            ["restore", snapshot, "--target", str(target), "--verify", "--no-lock"],
            heard=heard,
            cancelled=cancelled,
        )
    except Damaged as error:
        raise BackupRefused(f"{target} is not whole: {error.message}", hint=error.hint) from None


def read_files(
    repository: Repository, snapshot: str, *, cancelled: Callable[[], bool] = never
) -> Iterator[ReadFile]:
    """
    Yield each file of a snapshot with the sum of what restic gives for it; nothing is written.

    Raises StorekeeperError at its end where restic could not give all.
    """
    broken = ""
    with output(repository, ["dump", snapshot, "/"], cancelled=cancelled) as stream:
        try:
            yield from _members(stream, cancelled=cancelled)
        except tarfile.TarError as error:
            # Why it ends too early is what the end of restic says.
            broken = str(error)
    if broken:
        raise Damaged(f"what restic gives of snapshot {snapshot[:8]} is no whole archive: {broken}")


def _members(stream: IO[bytes], *, cancelled: Callable[[], bool]) -> Iterator[ReadFile]:
    try:
        archive = tarfile.open(fileobj=stream, mode="r|", encoding=ENCODING, errors=ERRORS)  # noqa: SIM115
    except tarfile.ReadError:
        # Nothing at all: the end of restic tells whether that is right.
        return
    with archive:
        while (member := archive.next()) is not None:
            # tarfile remembers every member; a million of them would fill the memory.
            archive.members.clear()  # type: ignore[attr-defined] # typeshed does not show it
            content = archive.extractfile(member) if member.isreg() else None
            if content is None:
                continue
            sums, size = hashlib.sha256(), 0
            while data := content.read(CHUNK_BYTES):
                if cancelled():
                    raise BackupRefused("cancelled while a snapshot was read")
                sums.update(data)
                size += len(data)
            if size != member.size:
                raise tarfile.ReadError(f"it ends within {readable(member.name)}")
            yield ReadFile(name=member.name.removeprefix("/"), size_bytes=size, sha256=sums.hexdigest())


def read_file(
    repository: Repository, snapshot: str, name: str, *, cancelled: Callable[[], bool] = never
) -> ReadFile:
    """Return one file of a snapshot as restic gives it; raises StorekeeperError where it does not."""
    sums, size = hashlib.sha256(), 0
    with output(repository, ["dump", snapshot, f"/{name}"], cancelled=cancelled) as stream:
        while data := stream.read(CHUNK_BYTES):
            sums.update(data)
            size += len(data)
    return ReadFile(name=name, size_bytes=size, sha256=sums.hexdigest())
