"""
Where files wait before they are gone for good: by the time of the run, under their old names.

A move there is a rename, so it needs no room and keeps the file as it was; the quarantine must therefore lie
on the area's own filesystem. It lies, at the first of these places that a rename can reach: in the state
folder; beside the area; in the area itself, in a folder that no walk counts. Nobody but our own user can
enter it, so a web server under another user shows nothing of it. All three are looked through for old runs.

Shops that bear the same name may share a state folder. A quarantine there is of the root that began it; for
any other root it does not exist, so that no shop ever gets the files of another.

Each run has a list beside its folder of what it set aside, written before the first file moves. Only what is
in that list, unchanged, is ever purged: a folder, or a file in it, that someone else has put there stays.
"""

import datetime as dt
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from storekeeper.config import Config
from storekeeper.errors import StorekeeperError
from storekeeper.files import FoundFile, PartialFile, Tree
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

    def own_files(self, files: Iterable[FoundFile]) -> list[FoundFile]:
        """Return those of the files that the run's list holds as they are: these alone may be purged."""
        listed = _listed(self.folder)
        return [file for file in files if listed.get(file.name) == (file.size_bytes, file.modified_ns)]


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

    def set_aside(
        self,
        files: Sequence[FoundFile],
        *,
        now: dt.datetime,
        attempt: Callable[[FoundFile, Callable[[], bool]], object],
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """
        Move files of the area here, as one run that begins now.

        ``attempt`` is called with each file and what moves it: that gives False, or raises OSError, where the
        file stays. Raises StorekeeperError where no place can be reached by a rename.
        """
        if not files:
            return
        run = self.name_of(now)
        with self.open() as aside, Tree(self._root) as tree:
            self._write_list(aside, run=run, files=files)
            for file in files:
                if cancelled():
                    break
                attempt(file, partial(tree.set_aside, file, into=aside, name=f"{run}/{file.name}"))

    def _write_list(self, aside: Tree, *, run: str, files: Iterable[FoundFile]) -> None:
        """Write down, durable on return, what the run is about to set aside in the tree of ``open``."""
        folder = aside.root / run
        # A clock that was set back may name a second run as the first.
        listed = {**_listed(folder), **{file.name: (file.size_bytes, file.modified_ns) for file in files}}
        document = {
            "root": os.fsdecode(os.fspath(self._root)),
            "files": [[name, *identity] for name, identity in listed.items()],
        }
        with PartialFile(_list_of(folder)) as written:
            written.stream.write(json.dumps(document, ensure_ascii=True).encode("ascii"))
            written.finish(replace=True)

    def remove_empty(self, run: QuarantineRun) -> None:
        """Remove the folders of a run that hold no file any more, with its list when nothing is left."""
        with Tree(run.folder.parent) as tree:
            tree.remove_empty_folders(run.folder.name)
        if not run.folder.exists():
            _list_of(run.folder).unlink(missing_ok=True)

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


def _list_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.json")


def _listed(folder: Path) -> Mapping[str, tuple[int, int]]:
    """Return name → (bytes, time of change) of what a run has set aside; nothing where it left no list."""
    try:
        document = json.loads(_list_of(folder).read_bytes())
        return {str(name): (int(size), int(modified)) for name, size, modified in document["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _runs_in(place: Path) -> Iterator[QuarantineRun]:
    if place.is_symlink() or not place.is_dir():
        return
    for folder in place.iterdir():
        with suppress(ValueError):
            moment = dt.datetime.strptime(folder.name, _RUN_FORMAT).replace(tzinfo=dt.UTC)
            if folder.is_dir() and not folder.is_symlink():
                yield QuarantineRun(name=folder.name, moment=moment, folder=folder)
