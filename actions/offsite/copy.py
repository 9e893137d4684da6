"""Bring backups to the places off this machine, each copy checked, and say what did not work."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from actions.action import Context, Progress
from actions.backups.manifest import manifest_path
from actions.offsite.place import OffsitePlace, redacted
from actions.offsite.retention import copies_at, remove_copy, unwanted
from storekeeper.backups import KINDS, Backup, Manifest, find_backups
from storekeeper.backups.manifest import read_manifest_text
from storekeeper.errors import ConfigurationError, OffsiteFailed, UnsafePath
from storekeeper.files import Tree

_CHUNK_BYTES: Final = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Copies:
    """What became of the copies at one place; ``error`` is empty when all of them are there."""

    place: str
    copied: tuple[str, ...] = ()
    copied_bytes: int = 0
    present: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    error: str = ""
    left: str = ""
    """Why copies that the retention would not keep were left there, empty where none was."""

    @property
    def told(self) -> str:
        """Say it to a person."""
        if self.error:
            return f"NOT copied to {self.place}: {self.error}"
        gone = f"; {len(self.removed)} removed there" if self.removed else ""
        left = f"; none was removed there, since the clock may be wrong: {self.left}" if self.left else ""
        return (
            f"{self.place} has {len(self.copied)} new and {len(self.present)} old copies,"
            f" all checked{gone}{left}"
        )


def all_backups(folder: Path, *, shop: str) -> list[Backup]:
    """Give every backup of the shop in the folder, of all kinds, the newest first."""
    found = [backup for kind in KINDS for backup in find_backups(folder, kind=kind, shop=shop)]
    return sorted(found, key=lambda backup: backup.manifest.created, reverse=True)


def copy_to_all(context: Context, backups: Sequence[Backup]) -> list[Copies]:
    """Copy the backups to each place of the config; a place that fails keeps no other from its copies."""
    return [copy_to(context, url, backups=backups) for url in context.config.backups.offsite]


def copy_to(context: Context, url: str, *, backups: Sequence[Backup]) -> Copies:
    """Copy the backups that the place does not have yet; whatever fails is told in the result."""
    run = _Run(context=context, place_name=redacted(url), backups=backups)
    error = ""
    try:
        run.copy_all(OffsitePlace(url))
    except (OffsiteFailed, ConfigurationError) as failed:
        error = f"{failed.message} ({failed.hint})" if failed.hint else failed.message
    except (OSError, UnsafePath) as failed:
        error = f"a backup here cannot be read: {failed}"
    return Copies(
        place=run.place_name,
        copied=tuple(run.copied),
        copied_bytes=run.copied_bytes,
        present=tuple(run.present),
        removed=tuple(run.removed),
        left=run.left,
        error=error.removeprefix(f"{run.place_name}: "),
    )


@dataclass(kw_only=True)
class _Run:
    context: Context
    place_name: str
    backups: Sequence[Backup]
    copied: list[str] = field(default_factory=list)
    copied_bytes: int = 0
    present: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    moved_bytes: int = 0
    left: str = ""

    def copy_all(self, place: OffsitePlace) -> None:
        config = self.context.config.backups
        keep = config.offsite_keep
        there = copies_at(place, shop=self.context.config.shop) if keep else {}
        brought = {one.path.name for one in self.backups}
        # What is known of a copy here is the newest. But one that has been damaged here since is judged by
        # the copy, which may be the only good one left; and one that the place neither has nor gets now
        # takes nobody's room there.
        here = {
            one.path.name: one.manifest
            for one in (*all_backups(config.path, shop=self.context.config.shop), *self.backups)
            if (not one.problem if one.path.name in there else one.path.name in brought)
        }
        damaged = [
            name
            for name, manifest in there.items()
            # One that is here as well is brought again.
            if name not in here and place.size_bytes(name) != manifest.size_bytes
        ]
        refused = unwanted(self.context, here=here, there=there, damaged=damaged, keep=keep) if keep else []
        for backup in self.backups:
            if backup.path.name not in refused:
                self._bring(place, backup)
        # After the new ones are there and read back.
        old = [name for name in refused if name in there]
        self.left = self.context.clock_doubt() if old else ""
        for name in old:
            if not self.left:
                remove_copy(place, name)
                self.removed.append(name)
                self._report(note=f"removed {name} from {self.place_name}")

    def _bring(self, place: OffsitePlace, backup: Backup) -> None:
        name = backup.path.name
        there = remote_manifest(place, name)
        if there is not None and there.sha256 != backup.manifest.sha256:
            raise OffsiteFailed(
                f"another backup named {name} lies there",
                hint="Give each shop a folder of its own in backups.offsite",
            )
        if there is not None and place.size_bytes(name) == backup.manifest.size_bytes:
            self.present.append(name)
        else:
            self._put(place, backup)
            self.copied.append(name)
            self.copied_bytes += backup.manifest.size_bytes
        if there is None or (there != backup.manifest and not (backup.problem and there.verified)):
            # Last: only what has a manifest there counts as a copy.
            self._put_beside(place, manifest_path(backup.path))
        self._report(note=f"{name} is at {self.place_name}")

    def _put(self, place: OffsitePlace, backup: Backup) -> None:
        with Tree(backup.path.parent) as tree, tree.open(backup.path.name) as file:
            if os.fstat(file.fileno()).st_size != backup.manifest.size_bytes:
                raise OffsiteFailed(f"{backup.path.name} has another size here than its manifest says")
            self._copy(place, file, name=backup.path.name, sha256=backup.manifest.sha256)
        if backup.manifest.sums_file:
            self._put_beside(place, backup.path.with_name(backup.manifest.sums_file))

    def _put_beside(self, place: OffsitePlace, path: Path) -> None:
        # One open file is summed up and copied: a link is never followed, whatever lies there meanwhile.
        with Tree(path.parent) as tree, tree.open(path.name) as file:
            sums = hashlib.sha256()
            while data := file.read(_CHUNK_BYTES):
                sums.update(data)
            file.seek(0)
            self._copy(place, file, name=path.name, sha256=sums.hexdigest())

    def _copy(self, place: OffsitePlace, file: IO[bytes], *, name: str, sha256: str) -> None:
        place.put(file, name=name, sha256=sha256, moved=self._moved)

    def _moved(self, count: int) -> None:
        if self.context.cancelled():
            raise OffsiteFailed("cancelled")
        self.moved_bytes += count
        self._report()

    def _report(self, *, note: str = "") -> None:
        self.context.report(
            Progress(
                done=len(self.copied) + len(self.present), total=len(self.backups), unit="backups", note=note
            )
        )


def remote_manifest(place: OffsitePlace, name: str) -> Manifest | None:
    """Give the manifest of a copy, None where there is none, or none of this file."""
    return read_manifest_text(place.read_small(manifest_path(Path(name)).name), file=name)
