"""Choose the backups that bring a whole shop back: of every database and area, and such as fit together."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from storekeeper.backups import DATABASE, MEDIA, Manifest
from storekeeper.errors import BackupRefused
from storekeeper.units import format_length

# Formats of one run differ by seconds; databases of one run by as long as their backups take.
_ONE_RUN: Final = dt.timedelta(hours=1)


class NoWholeSet(BackupRefused):
    """A database or an area has no backup that counts: the shop would not come back whole."""


@dataclass(frozen=True, kw_only=True)
class BackupSet:
    """
    One backup of each database and of each area.

    ``moment`` is that whose rows come back, the oldest of all databases. ``notes`` say what does not fit.
    """

    databases: tuple[Manifest, ...]
    areas: tuple[Manifest, ...]
    notes: tuple[str, ...] = ()

    @property
    def moment(self) -> dt.datetime:
        """Return the moment that everything written later is lost from."""
        return min(moment_of(one) for one in self.databases or self.areas)

    @property
    def all(self) -> tuple[Manifest, ...]:
        """Return every backup, databases first."""
        return *self.databases, *self.areas

    @property
    def size_bytes(self) -> int:
        """Return the bytes of the files."""
        return sum(one.size_bytes for one in self.all)


def choose_set(
    manifests: Iterable[Manifest],
    *,
    engines: Mapping[str, str],
    areas: Iterable[str],
    at: dt.datetime | None = None,
    unverified: bool = False,
) -> BackupSet:
    """
    Return the newest verified backup of each database, and the backups of the areas that fit to their rows.

    ``engines`` are the databases that are wanted, with the engine of each; ``areas`` those that must have a
    backup, others come where there is one. Nothing that was made after ``at`` is taken. Rows count for more
    than files: where no backup of an area is as new as they are, the newest is taken, and it is said.
    Raises NoWholeSet where a database or an area has none, naming what is there.
    """
    found = [one for one in manifests if at is None or moment_of(one) <= at]
    problems: list[str] = []
    notes: list[str] = []
    databases = []
    for name, engine in engines.items():
        mine = [one for one in found if one.kind == DATABASE and (one.database or "default") == name]
        # A native backup is of one engine alone, which an encrypted one does not tell; JSON goes into any.
        fitting = [one for one in mine if one.format == "json" or one.engine in ("", engine)]
        chosen = _newest_database(_countable(fitting, unverified=unverified))
        if chosen is None:
            problems.append(_none(f"database {name}", fitting, at=at))
            continue
        databases.append(chosen)
        notes += _passed_over(f"database {name}", fitting, chosen=chosen)
    newest_rows = max(map(moment_of, databases), default=None)
    chosen_areas = []
    wanted = set(areas)
    for name in sorted(wanted | {one.area for one in found if one.kind == MEDIA}):
        mine = [one for one in found if one.kind == MEDIA and one.area == name]
        countable = _countable(mine, unverified=unverified)
        area = _fitting_area(countable, rows=newest_rows)
        if area is None:
            if name in wanted:
                problems.append(_none(f"area {name}", mine, at=at))
            continue
        chosen_areas.append(area)
        notes += _too_old(name, area, rows=newest_rows)
    if problems:
        raise NoWholeSet(
            f"there is no whole set of backups: {'; '.join(problems)}",
            hint=""
            if unverified
            else "--unverified takes those that were never verified, too; each is compared as it is restored",
        )
    notes += _apart(databases)
    return BackupSet(databases=tuple(databases), areas=tuple(chosen_areas), notes=tuple(notes))


def moment_of(manifest: Manifest) -> dt.datetime:
    """Return the moment whose rows or files a backup holds."""
    return manifest.snapshot or manifest.created


def _countable(manifests: Iterable[Manifest], *, unverified: bool) -> list[Manifest]:
    return [one for one in manifests if one.verified is not None or (unverified and not _failed(one))]


def _failed(manifest: Manifest) -> bool:
    # What lacks files that could not be read is all there is of them.
    return bool(manifest.verification_error) and manifest.verification_error != manifest.lacks


def _newest_database(manifests: list[Manifest]) -> Manifest | None:
    """Return the newest; of one run the native one, which holds more of a database than JSON can."""
    if not manifests:
        return None
    newest = max(manifests, key=moment_of)
    run = [one for one in manifests if moment_of(newest) - moment_of(one) <= _ONE_RUN]
    return max(run, key=lambda one: (one.format != "json", moment_of(one)))


def _fitting_area(manifests: list[Manifest], *, rows: dt.datetime | None) -> Manifest | None:
    """Return the first that is as new as the rows: it has each file that they name. Else the newest."""
    later = [one for one in manifests if rows is not None and one.created >= rows]
    if later:
        return min(later, key=lambda one: one.created)
    return max(manifests, key=lambda one: one.created, default=None)


def _too_old(area: str, manifest: Manifest, *, rows: dt.datetime | None) -> list[str]:
    if rows is None or manifest.created >= rows:
        return []
    gap = format_length((rows - manifest.created).total_seconds())
    return [
        f"the files of {area} are {gap} older than the rows: what was uploaded in between is not in"
        f" {manifest.file}"
    ]


def _apart(databases: list[Manifest]) -> list[str]:
    moments = sorted(map(moment_of, databases))
    if len(moments) < 2 or moments[-1] - moments[0] <= _ONE_RUN:
        return []
    gap = format_length((moments[-1] - moments[0]).total_seconds())
    return [f"the backups of the databases are up to {gap} apart"]


def _passed_over(what: str, manifests: list[Manifest], *, chosen: Manifest) -> list[str]:
    newer = [one for one in manifests if moment_of(one) - moment_of(chosen) > _ONE_RUN]
    if not newer:
        return []
    newest = max(newer, key=moment_of)
    why = newest.verification_error or "it was never verified"
    return [f"{what}: {newest.file} is newer and is not taken: {why}"]


def _none(what: str, manifests: list[Manifest], *, at: dt.datetime | None) -> str:
    until = f" that was made until {at.astimezone():%Y-%m-%d %H:%M}" if at is not None else ""
    if not manifests:
        return f"{what} has no backup{until}"
    newest = max(manifests, key=moment_of)
    why = newest.verification_error or "it was never verified"
    return f"{what} has no verified backup{until}; the newest is {newest.file}: {why}"
