"""Bring the backups of a set here: what was fetched is resumed, and nothing counts without its sum."""

from pathlib import Path
from typing import Final

from actions.action import Context, Progress
from actions.backups.damage import NotProved, read_damage
from actions.offsite.copies import CopyThere
from actions.offsite.fetch import CopyDamaged, fetch_copy
from actions.offsite.place import OffsitePlace
from actions.recovery.backup_set import BackupSet
from storekeeper.backups import Backup, Manifest
from storekeeper.encryption import Identities
from storekeeper.errors import BackupRefused
from storekeeper.files import require_free_bytes

_LOCAL: Final = ("file", "local")


def fetch_set(
    context: Context,
    place: OffsitePlace,
    chosen: BackupSet,
    *,
    url: str,
    into: Path,
    identities: Identities | None = None,
) -> dict[str, Backup]:
    """
    Return file name → backup on this machine, decrypted. A folder of this machine is used as it is.

    A file that a killed run has begun is fetched from where that ended. Raises NotProved for one that has
    another sum than its manifest says, NotEnoughSpace, OffsiteFailed, WrongIdentity.
    """
    folder = local_folder(url)
    far = [one for one in chosen.all if folder is None or one.encrypted]
    needed = sum(one.size_bytes for one in far if not (into / one.file).exists())
    require_free_bytes(into, needed_bytes=needed, purpose="fetching the backups")
    moved, total = 0, sum(one.size_bytes for one in far)

    def count(size: int) -> None:
        nonlocal moved
        moved += size
        if context.cancelled():
            raise BackupRefused("cancelled; what was fetched stays for the next time")
        context.report(Progress(done=moved, total=max(moved, total), unit="bytes"))

    found = {}
    for one in chosen.all:
        if folder is not None and not one.encrypted:
            found[one.file] = _in_place(folder / one.file, one, place=place)
            continue
        copy = CopyThere(name=one.file, manifest=one, size_bytes=one.size_bytes)
        try:
            found[one.file] = fetch_copy(place, copy, folder=into, identities=identities, moved=count)
        except CopyDamaged as error:
            raise NotProved(error.message, hint=_older(one)) from None
        context.report(
            Progress(done=moved, total=max(moved, total), unit="bytes", note=f"fetched {one.file}")
        )
    return found


def repository_passwords(
    context: Context, place: OffsitePlace, *, manifest: Manifest, identities: Identities | None
) -> list[bytes]:
    """Return the passwords of restic's repositories that lie encrypted at the place, where one is needed."""
    if not manifest.snapshot_id or identities is None:
        return []
    # Loaded where it is used: an archive needs none of it.
    from actions.offsite.restic_password import restic_passwords_at

    return restic_passwords_at(place, shop=context.config.shop, identities=identities)


def local_folder(url: str) -> Path | None:
    """Return the folder of this machine that a place is, None for one elsewhere."""
    protocol, separator, rest = url.partition("://")
    if separator and protocol.lower() not in _LOCAL:
        return None
    return Path(rest if separator else url).expanduser().absolute()


def _in_place(path: Path, manifest: Manifest, *, place: OffsitePlace) -> Backup:
    if damage := read_damage(path, manifest):
        raise NotProved(f"{place.name}: {manifest.file}: {damage}", hint=_older(manifest))
    return Backup(path=path, manifest=manifest)


def _older(manifest: Manifest) -> str:
    before = f"{manifest.created.astimezone():%Y-%m-%d %H:%M}"
    return f"--at with a moment before {before} takes the set before this one"
