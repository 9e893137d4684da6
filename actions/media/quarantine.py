"""
Where files wait before they are gone for good: by the time of the run, under their old names.

A move there is a rename, so it needs no room and keeps the file as it was; the quarantine must therefore lie
on the area's own filesystem. It lies, at the first of these places that a rename can reach: in the state
folder; beside the area; in the area itself, in a folder that no walk counts. Nobody but our own user can
enter it, so a web server under another user shows nothing of it. All three are looked through for old runs.

Shops that bear the same name may share a state folder. A quarantine there is of the root that began it; for
any other root it does not exist, so that no shop ever gets the files of another.
"""

import datetime as dt
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from storekeeper.config import Config
from storekeeper.errors import StorekeeperError
from storekeeper.files import FoundFile, Tree
from storekeeper.files.private import make_private_folder
from storekeeper.files.tree import OWN_PREFIX

FOLDER: Final = f"{OWN_PREFIX}quarantine"
# Names the root whose files lie beside it.
OWNER: Final = f"{OWN_PREFIX}root"
_RUN_FORMAT: Final = "%Y%m%dT%H%M%S%fZ"


@dataclass(frozen=True, kw_only=True)
class QuarantineRun:
    """What one run has set aside: ``name`` is its time, ``folder`` holds the files under their old names."""

    name: str
    moment: dt.datetime
    folder: Path

    def files(self) -> list[FoundFile]:
        """Give the files, named as they were below their area."""
        with Tree(self.folder) as tree:
            return list(tree.walk())


class Quarantine:
    """The quarantine of one area."""

    def __init__(self, config: Config, *, area: str) -> None:
        root = Path(os.path.realpath(config.areas[area].path))
        self._root = root
        self._shared = config.state / "quarantine" / area
        self._places = (self._shared, root.parent / FOLDER / root.name, root / FOLDER)

    def runs(self) -> list[QuarantineRun]:
        """Give what earlier runs have set aside, oldest first."""
        return sorted(self._runs(), key=lambda run: run.moment)

    def open(self) -> Tree:
        """
        Give the tree that new files are moved to; the caller closes it.

        Raises StorekeeperError where no place can be reached by a rename.
        """
        for place in self._places:
            with suppress(OSError):
                make_private_folder(place)
                place.chmod(0o700)
                self._try_rename(place)
                if self._claim(place):
                    return Tree(place)
        raise StorekeeperError(
            f"no quarantine can be made for {self._root}: no place on its filesystem takes a folder",
            hint=f"Let storekeeper write in {self._root}, or set state: to a folder on its filesystem",
        )

    def of_another_root(self) -> str:
        """Tell of files in the state folder's quarantine that are not ours; nothing where there are none."""
        owner = self._owner()
        if owner in (None, self._root) or not any(_runs_in(self._shared)):
            return ""
        return (
            f"{self._shared} is the quarantine of {owner} and is left alone; if {self._root} is the same area"
            f" in a new place, remove {self._shared / OWNER}"
        )

    def name_of(self, now: dt.datetime) -> str:
        """Give the name of a run that begins now."""
        return now.astimezone(dt.UTC).strftime(_RUN_FORMAT)

    def remove_empty(self, run: QuarantineRun) -> None:
        """Remove the folders of a run that hold no file any more."""
        with Tree(run.folder.parent) as tree:
            tree.remove_empty_folders(run.folder.name)

    def _runs(self) -> Iterator[QuarantineRun]:
        for place in self._places:
            if self._is_ours(place):
                yield from _runs_in(place)

    def _claim(self, place: Path) -> bool:
        """Let a place that is nobody's be ours; False where it is another root's. Raises OSError."""
        if place == self._shared and self._owner() is None:
            owner = place / OWNER
            try:
                with owner.open("xb") as file:
                    file.write(os.fsencode(self._root))
            except FileExistsError:
                # Another shop was quicker.
                pass
            except OSError:
                # A full disk: half a name would be nobody's for ever.
                owner.unlink(missing_ok=True)
                raise
        return self._is_ours(place)

    def _is_ours(self, place: Path) -> bool:
        return place != self._shared or self._owner() in (None, self._root)

    def _owner(self) -> Path | None:
        with suppress(FileNotFoundError):
            return Path(os.fsdecode((self._shared / OWNER).read_bytes()))
        return None

    def _try_rename(self, place: Path) -> None:
        """Raise OSError where a rename does not reach: two mounts may show one filesystem."""
        probe = f"{OWN_PREFIX}probe-{secrets.token_hex(4)}"
        source = self._root / probe
        source.touch(mode=0o600, exist_ok=False)
        try:
            source.rename(place / probe)
        finally:
            source.unlink(missing_ok=True)
            (place / probe).unlink(missing_ok=True)


def _runs_in(place: Path) -> Iterator[QuarantineRun]:
    if place.is_symlink() or not place.is_dir():
        return
    for folder in place.iterdir():
        with suppress(ValueError):
            moment = dt.datetime.strptime(folder.name, _RUN_FORMAT).replace(tzinfo=dt.UTC)
            if folder.is_dir() and not folder.is_symlink():
                yield QuarantineRun(name=folder.name, moment=moment, folder=folder)
