"""The backups as they lie on disk; what a run claimed to have made does not count."""

from dataclasses import dataclass
from pathlib import Path

from storekeeper import backups as disk
from storekeeper.backups import DATABASE, KINDS, MEDIA
from storekeeper.backups.names import DEFAULT_DATABASE


@dataclass(frozen=True, kw_only=True)
class Backup:
    """
    One complete backup file: of what, when it was made (seconds since 1970), and its bytes.

    ``owner`` is the database of the config or the area. ``verified`` is the time at which it was proven to
    restore, None if it never was. ``problem`` says what is wrong with it: it then counts for nothing.
    """

    name: str
    kind: str
    owner: str
    made: float
    size_bytes: int
    verified: float | None
    problem: str = ""


def read_backups(folder: Path, *, shop: str = "") -> tuple[Backup, ...]:
    """Give the backups of databases and of media in ``folder``, the oldest first; of ``shop`` alone."""
    found: list[Backup] = []
    for kind in KINDS:
        found += map(_known, disk.find_backups(folder, kind=kind, shop=shop))
        found += [_unknown(one) for one in disk.find_strangers(folder, kind=kind) if one.file.size_bytes]
    # The backups of other areas are nobody's duty.
    wanted = [one for one in found if one.kind == DATABASE or one.owner == MEDIA]
    return tuple(sorted(wanted, key=lambda backup: (backup.made, backup.name)))


def _known(backup: disk.Backup) -> Backup:
    manifest = backup.manifest
    return Backup(
        name=backup.path.name,
        kind=manifest.kind,
        owner=manifest.area if manifest.kind == MEDIA else manifest.database or DEFAULT_DATABASE,
        made=manifest.created.timestamp(),
        size_bytes=manifest.held_bytes,
        verified=manifest.verified.timestamp() if manifest.verified and backup.verified else None,
        problem=backup.problem,
    )


def _unknown(stranger: disk.Stranger) -> Backup:
    """Give a backup that only its name speaks for."""
    modified = stranger.file.modified
    named = stranger.name.moment
    return Backup(
        name=stranger.file.name,
        kind=stranger.name.kind,
        owner=stranger.name.owner,
        # A copy has a new mtime, a name may be of another zone: the earlier one never flatters.
        made=min(named.astimezone().timestamp(), modified) if named else modified,
        size_bytes=stranger.file.size_bytes,
        verified=None,
        problem="its manifest is damaged" if stranger.damaged else "",
    )
