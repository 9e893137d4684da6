"""
A folder that is filled out of sight and then stands in its place whole, or not at all.

It is filled beside its place and renamed. Where the place is a disk of its own, or the folder above takes no
new names from us, it is filled in a folder of ours inside, and its entries are renamed one after the other;
what a killed run had begun to rename is finished by the next one.
"""

import datetime as dt
import os
import shutil
import stat
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from storekeeper.errors import BackupRefused, UnsafePath
from storekeeper.files.atomic import sync_folder
from storekeeper.files.tree import OWN_PREFIX, Tree

_FILLING: Final = f"{OWN_PREFIX}restore"
_WHOLE: Final = f"{OWN_PREFIX}restored"
_REPLACED: Final = f"{OWN_PREFIX}replaced"
# What a new filesystem brings along.
_NOT_COUNTED: Final = ("lost+found",)


class StagedFolder(AbstractContextManager["StagedFolder"]):
    """
    The folder at ``path`` is empty and ours alone; ``publish`` gives what was put there its place ``final``.

    ``token`` names what is put there, such as the sum of a backup: what a killed run has left of the same is
    taken up. Left without ``publish``, everything is as it was before.
    """

    def __init__(self, final: Path, *, token: str) -> None:
        # A link to the folder is the user's to keep.
        self.final = Path(os.path.realpath(final))
        self._token = token
        self._inside = _needs_inside(self.final)
        if self._inside:
            self.path = self.final / _FILLING
        else:
            self.path = self.final.with_name(f"{_FILLING}-{self.final.name}")

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        remove_tree(self.path)
        self.path.mkdir(mode=0o700)
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        remove_tree(self.path)

    def publish(self, *, replace: bool, now: dt.datetime) -> Path | None:
        """
        Let the folder stand in its place; return where what was there is kept, None where nothing was.

        Raises BackupRefused where something is there and ``replace`` is not given; then nothing has changed.
        """
        there = entries_of(self.final)
        if there and not replace:
            raise BackupRefused(
                f"something has come into {self.final} meanwhile: {there[0]}",
                hint="--replace sets aside what is there",
            )
        return self._publish_inside(there, now=now) if self._inside else self._publish_beside(there, now=now)

    def _publish_beside(self, there: list[str], *, now: dt.datetime) -> Path | None:
        aside = None
        if there:
            aside = _free(self.final.with_name(f"{self.final.name}.replaced_{now:%Y%m%d_%H%M%S}"))
            self.final.rename(aside)
        self.path.rename(self.final)
        sync_folder(self.final.parent)
        return aside

    def _publish_inside(self, there: list[str], *, now: dt.datetime) -> Path | None:
        aside = None
        if there:
            aside = _free(self.final / f"{_REPLACED}_{now:%Y%m%d_%H%M%S}")
            aside.mkdir(mode=0o700)
            for entry in there:
                (self.final / entry).rename(aside / entry)
        status = self.path.stat()
        whole = self.final / f"{_WHOLE}-{self._token}"
        self.path.rename(whole)
        sync_folder(self.final)
        finish_publishing(self.final, token=self._token)
        with suppress(PermissionError):
            if hasattr(os, "chown"):
                os.chown(self.final, status.st_uid, status.st_gid)
            self.final.chmod(stat.S_IMODE(status.st_mode))
        return aside


def entries_of(folder: Path) -> list[str]:
    """
    Return the names in a folder that are not ours, none where it is missing.

    Raises UnsafePath where something else than a folder is there.
    """
    if not folder.exists():
        return []
    with Tree(folder) as tree:
        return sorted(
            name for name in tree.names() if not name.startswith(OWN_PREFIX) and name not in _NOT_COUNTED
        )


def is_being_published(final: Path, *, token: str) -> bool:
    """Return whether a killed run has begun to give the same content its place inside ``final``."""
    return (Path(os.path.realpath(final)) / f"{_WHOLE}-{token}").is_dir()


def finish_publishing(final: Path, *, token: str) -> None:
    """
    Give the rest of what a run has begun to publish its place.

    Raises BackupRefused where a name is taken; what stands there stays.
    """
    real = Path(os.path.realpath(final))
    whole = real / f"{_WHOLE}-{token}"
    for entry in sorted(path.name for path in whole.iterdir()):
        if os.path.lexists(real / entry):
            raise BackupRefused(
                f"{real / entry} is in the way of a file that is restored from {whole}",
                hint="Move it away and run the same command again",
            )
        (whole / entry).rename(real / entry)
    whole.rmdir()
    sync_folder(real)


def _needs_inside(final: Path) -> bool:
    """Return whether the folder can neither be renamed nor have a neighbour."""
    if not final.exists():
        return False
    if not final.is_dir():
        raise UnsafePath(f"{final} is not a folder")
    own = any(path.name.startswith(OWN_PREFIX) or path.name in _NOT_COUNTED for path in final.iterdir())
    return own or os.path.ismount(final) or not os.access(final.parent, os.W_OK)


def _free(path: Path) -> Path:
    """Return the path, with a number behind it where it is taken."""
    number, free = 1, path
    while os.path.lexists(free):
        number += 1
        free = path.with_name(f"{path.name}_{number}")
    return free


def remove_tree(path: Path) -> None:
    """Remove a folder of ours with all that is in it; a link in its place is removed, not followed."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(status.st_mode):
        path.unlink()
        return
    # Folders may have the rights of those that were restored, which may be closed to ourselves.
    path.chmod(0o700)
    for folder, names, _ in os.walk(path):
        for name in names:
            inner = Path(folder, name)
            if not inner.is_symlink():
                inner.chmod(0o700)
    shutil.rmtree(path)
