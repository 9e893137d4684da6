"""The backups in a folder: with their manifests, or as strangers that prove nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from storekeeper.backups.manifest import Manifest, read_manifest_text
from storekeeper.backups.names import DATABASE, MANIFEST_SUFFIX, BackupName, parse_name
from storekeeper.config.media import local_path
from storekeeper.errors import UnsafePath
from storekeeper.files import FoundFile, Tree

_MANIFEST_BYTES: Final = 16 << 20


@dataclass(frozen=True, kw_only=True)
class Backup:
    """
    A backup that storekeeper wrote, with its manifest.

    ``damage`` says what can be seen to be wrong with its file; the manifest does not know of it. ``file`` is
    the very file that was found; None where nobody looked.
    """

    path: Path
    manifest: Manifest
    damage: str = ""
    file: FoundFile | None = None

    @property
    def problem(self) -> str:
        """Say what is wrong with it: what is seen, or what its trial has shown; empty for nothing known."""
        return self.damage or self.manifest.verification_error

    @property
    def verified(self) -> bool:
        """Tell whether a restore has proved it, and nothing is known against it since."""
        return self.manifest.verified is not None and not self.problem


@dataclass(frozen=True, kw_only=True)
class Stranger:
    """
    A file with a backup's name that no manifest speaks for; ``damaged`` when one is there but unreadable.

    Somebody else wrote it, or its manifest was lost. It proves nothing, and is never removed.
    """

    name: BackupName
    file: FoundFile
    damaged: bool


def find_backups(folder: Path, *, kind: str = DATABASE, shop: str = "") -> list[Backup]:
    """
    Give the backups of that kind in ``folder``, the newest first, by the time in their manifests.

    With ``shop`` only those of this shop: several may share a folder, and none may judge another's. One
    that names no shop is everybody's.
    """
    if not folder.is_dir():
        return []
    with Tree(folder) as tree:
        return backups_in(tree, folder=folder, kind=kind, shop=shop)


def backups_in(tree: Tree, *, folder: Path, kind: str, shop: str = "") -> list[Backup]:
    """Give what ``find_backups`` gives, of the folder that is open as ``tree`` and is called ``folder``."""
    found = [
        one
        for one in _look_at_all(tree, folder=folder, kind=kind)
        if isinstance(one, Backup) and one.manifest.is_of(shop)
    ]
    return sorted(found, key=lambda backup: (backup.manifest.created, backup.path.name), reverse=True)


def find_strangers(folder: Path, *, kind: str = DATABASE) -> list[Stranger]:
    """Give the files of that kind without a manifest that can be read, by name."""
    if not folder.is_dir():
        return []
    with Tree(folder) as tree:
        found = [one for one in _look_at_all(tree, folder=folder, kind=kind) if isinstance(one, Stranger)]
    return sorted(found, key=lambda stranger: stranger.file.name)


def _look_at_all(tree: Tree, *, folder: Path, kind: str) -> Iterator[Backup | Stranger]:
    for entry in tree.names():
        name = parse_name(entry)
        if name is None or name.kind != kind:
            continue
        file = tree.find(entry)
        if file is None:
            continue
        text = _manifest_text(tree, entry)
        manifest = read_manifest_text(text, file=entry)
        if manifest is None:
            yield Stranger(name=name, file=file, damaged=text is not None)
        else:
            yield Backup(
                path=folder / entry,
                manifest=manifest,
                damage=_damage(file, manifest, folder=folder),
                file=file,
            )


def manifest_in(tree: Tree, name: str) -> Manifest | None:
    """Give the manifest of the backup ``name`` in an open folder; None where none can be read."""
    return read_manifest_text(_manifest_text(tree, name), file=name)


def _manifest_text(tree: Tree, entry: str) -> bytes | None:
    """Give what the manifest beside a backup says; None where there is none."""
    try:
        with tree.open(entry + MANIFEST_SUFFIX) as file:
            return file.read(_MANIFEST_BYTES)
    except FileNotFoundError:
        return None
    except (OSError, UnsafePath):
        return b""


def _damage(file: FoundFile, manifest: Manifest, *, folder: Path) -> str:
    if file.size_bytes != manifest.size_bytes:
        return f"it has {file.size_bytes} bytes, its manifest says {manifest.size_bytes}"
    return missing_snapshot(manifest, folder=folder)


def missing_snapshot(manifest: Manifest, *, folder: Path) -> str:
    """
    Return what is wrong with the record of a snapshot: its repository on this machine does not hold it.

    ``folder`` is the record's. Restic keeps one file for each snapshot, named by its id. A repository
    elsewhere is not asked here.
    """
    path = local_path(manifest.repository) if manifest.snapshot_id else None
    if path is None:
        return ""
    repository = folder / path
    try:
        (repository / "snapshots" / manifest.snapshot_id).stat()
    except OSError as error:
        if (repository / "config").exists():
            return f"its snapshot is not in the repository {repository}"
        return f"its repository {repository} cannot be read: {error.strerror or error}"
    return ""
