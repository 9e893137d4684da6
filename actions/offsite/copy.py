"""Bring backups to the places off this machine, each copy checked, and say what did not work."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Final

from actions.action import Context, Progress
from actions.backups.restic.copies import copy_snapshots
from actions.encryption.manifests import is_same_backup, manifest_in_clear
from actions.offsite.copies import manifests_at
from actions.offsite.place import OffsitePlace, redacted
from actions.offsite.restic_password import put_restic_password
from actions.offsite.retention import remove_copy, unwanted
from storekeeper.backups import (
    ENCRYPTED_SUFFIX,
    KINDS,
    MANIFEST_SUFFIX,
    Backup,
    Manifest,
    find_backups,
    parse_name,
    plain_name,
    read_manifest,
    sums_name,
)
from storekeeper.backups.manifest import read_manifest_text
from storekeeper.config import Config
from storekeeper.encryption import Recipients
from storekeeper.errors import BackupRefused, ConfigurationError, OffsiteFailed, UnsafePath
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
    readable: int = 0
    """How many backups there are not encrypted, though the config says that they be."""

    @property
    def told(self) -> str:
        """Say it to a person."""
        if self.error:
            return f"NOT copied to {self.place}: {self.error}"
        gone = f"; {len(self.removed)} removed there" if self.removed else ""
        left = f"; none was removed there, since the clock may be wrong: {self.left}" if self.left else ""
        readable = (
            f"; {self.readable} there can be read without a key: they are older than backups.encrypt. Those"
            " that are still here are brought again, encrypted, once they are removed there"
            if self.readable
            else ""
        )
        return (
            f"{self.place} has {len(self.copied)} new and {len(self.present)} old copies,"
            f" all checked{gone}{left}{readable}"
        )


def all_backups(folder: Path, *, shop: str) -> list[Backup]:
    """Give every backup of the shop in the folder, of all kinds, the newest first."""
    found = [backup for kind in KINDS for backup in find_backups(folder, kind=kind, shop=shop)]
    return sorted(found, key=lambda backup: backup.manifest.created, reverse=True)


def copy_to_all(context: Context, backups: Sequence[Backup]) -> list[Copies]:
    """
    Copy the backups to each place of the config; a place that fails keeps no other from its copies.

    Snapshots go first, to the repositories of their own copies: their records say then where those are.
    """
    snapshots = [
        Copies(place=one.place, copied=one.copied, present=one.present, error=one.error)
        for one in copy_snapshots(context, backups)
    ]
    backups = [replace(one, manifest=read_manifest(one.path) or one.manifest) for one in backups]
    return snapshots + [copy_to(context, url, backups=backups) for url in context.config.backups.offsite]


def places_of(config: Config) -> tuple[str, ...]:
    """Return every place that is to have copies, without passwords."""
    backups = config.backups
    return tuple(redacted(url) for url in (*backups.offsite, *backups.media.copies))


def copy_to(context: Context, url: str, *, backups: Sequence[Backup]) -> Copies:
    """Copy the backups that the place does not have yet; whatever fails is told in the result."""
    run = _Run(context=context, place_name=redacted(url), backups=backups)
    error = ""
    try:
        run.copy_all(OffsitePlace(url))
    except (OffsiteFailed, ConfigurationError, BackupRefused) as failed:
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
        readable=run.readable,
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
    readable: int = 0
    moved_bytes: int = 0
    left: str = ""
    recipients: Recipients | None = None
    names: set[str] = field(default_factory=set)

    def copy_all(self, place: OffsitePlace) -> None:
        config = self.context.config.backups
        self.recipients = Recipients(config.encrypt.recipients) if config.encrypt else None
        self.names = place.names()
        if self.recipients:
            known = map(parse_name, self.names)
            self.readable = sum(1 for one in known if one is not None and not one.encrypted)
            put_restic_password(
                place, config=self.context.config, recipients=self.recipients, names=self.names
            )
        keep = config.offsite_keep
        there = manifests_at(place, shop=self.context.config.shop) if keep else {}
        brought = {self._name_there(one) for one in self.backups}
        # What is known of a copy here is the newest. But one that has been damaged here since is judged by
        # the copy, which may be the only good one left; and one that the place neither has nor gets now
        # takes nobody's room there.
        here = {
            name: one.manifest.model_copy(update={"file": name})
            for one in (*all_backups(config.path, shop=self.context.config.shop), *self.backups)
            for name in [self._name_there(one)]
            if (not one.problem if name in there else name in brought)
        }
        damaged = [
            name
            for name, manifest in there.items()
            # One that is here as well is brought again.
            if name not in here and place.size_bytes(name) != manifest.size_bytes
        ]
        refused = unwanted(self.context, here=here, there=there, damaged=damaged, keep=keep) if keep else []
        for backup in self.backups:
            if self._name_there(backup) not in refused:
                self._bring(place, backup, name=self._name_there(backup))
        # After the new ones are there and read back.
        old = [name for name in refused if name in there]
        self.left = self.context.clock_doubt() if old else ""
        for name in old:
            if not self.left:
                remove_copy(place, name)
                self.removed.append(name)
                self._report(note=f"removed {name} from {self.place_name}")

    def _name_there(self, backup: Backup) -> str:
        """Return the name of its copy: of the one that is there, else of the one that would be made."""
        name = backup.path.name
        encrypted = plain_name(name) + ENCRYPTED_SUFFIX
        for one in (encrypted, name):
            if {one, one + MANIFEST_SUFFIX} <= self.names:
                return one
        return encrypted if self.recipients else name

    def _bring(self, place: OffsitePlace, backup: Backup, *, name: str) -> None:
        there = remote_manifest(place, name)
        if there is not None and not is_same_backup(there, backup.manifest):
            raise OffsiteFailed(
                f"another backup named {name} lies there",
                hint="Give each shop a folder of its own in backups.offsite",
            )
        if there is not None and place.size_bytes(name) == there.size_bytes:
            said = self._said_of(backup, there)
            self.present.append(name)
        else:
            said = self._put(place, backup, name=name, again=there is not None)
            there = None
            self.copied.append(name)
            self.copied_bytes += said.size_bytes
        if there is None or (there != said and not (backup.problem and there.verified)):
            # Last: only what has a manifest there counts as a copy.
            text = said.text().encode("utf-8", "backslashreplace")
            sha256 = hashlib.sha256(text).hexdigest()
            place.put(BytesIO(text), name=name + MANIFEST_SUFFIX, sha256=sha256, moved=self._moved)
        self._report(note=f"{name} is at {self.place_name}")

    def _said_of(self, backup: Backup, there: Manifest) -> Manifest:
        """Return what the manifest of a copy that is there should say by now."""
        if there.sha256 == backup.manifest.sha256:
            return backup.manifest
        return manifest_in_clear(
            backup.manifest,
            sha256=there.sha256,
            size_bytes=there.size_bytes,
            recipients=there.recipients,
            encrypted=there.encrypted_manifest,
        )

    def _put(self, place: OffsitePlace, backup: Backup, *, name: str, again: bool) -> Manifest:
        """Bring the backup and its sums; returns the manifest that is to be put beside it."""
        encrypting = name != backup.path.name
        recipients = self.recipients if encrypting else None
        if again and encrypting:
            # It speaks of other bytes than those that come now.
            place.remove(name + MANIFEST_SUFFIX)
        with Tree(backup.path.parent) as tree, tree.open(backup.path.name) as file:
            if os.fstat(file.fileno()).st_size != backup.manifest.size_bytes:
                raise OffsiteFailed(f"{backup.path.name} has another size here than its manifest says")
            written = place.put(
                file,
                name=name,
                sha256=backup.manifest.sha256,
                size_bytes=backup.manifest.size_bytes,
                recipients=recipients,
                moved=self._moved,
            )
        if backup.manifest.sums_file:
            sums = backup.path.with_name(sums_name(backup.path.name))
            self._put_sums(place, sums, name=sums_name(name), recipients=recipients)
        if recipients is None:
            return backup.manifest
        return manifest_in_clear(
            backup.manifest,
            sha256=written.sha256,
            size_bytes=written.size_bytes,
            recipients=recipients.texts,
        )

    def _put_sums(self, place: OffsitePlace, path: Path, *, name: str, recipients: Recipients | None) -> None:
        # One open file is summed up and copied: a link is never followed, whatever lies there meanwhile.
        with Tree(path.parent) as tree, tree.open(path.name) as file:
            sums = hashlib.sha256()
            while data := file.read(_CHUNK_BYTES):
                sums.update(data)
            file.seek(0)
            place.put(file, name=name, sha256=sums.hexdigest(), recipients=recipients, moved=self._moved)

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
    return read_manifest_text(place.read_small(name + MANIFEST_SUFFIX), file=name)
