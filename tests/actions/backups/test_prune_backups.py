"""prune_backups: what the retention does not keep goes, and nothing that is not ours."""

import datetime as dt
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from actions.backup_database import BackupDatabase
from actions.backups.manifest import manifest_path, mark_verified, write_manifest
from actions.prune_backups import PruneBackups
from storekeeper.backups import Manifest

NOW = dt.datetime(2025, 12, 31, 12, 0, tzinfo=dt.UTC)


def place(folder: Path, *, days: int, verified: bool = True, database: str = "default") -> Path:
    """Put a backup of so many days ago into a folder, with its manifest."""
    folder.mkdir(exist_ok=True)
    created = NOW - dt.timedelta(days=days)
    prefix = "db_backup_" if database == "default" else f"db_backup_{database}_"
    path = folder / f"{prefix}{created:%Y%m%d_%H%M%S}.json.gz"
    path.write_bytes(b"rows")
    manifest = Manifest(
        file=path.name,
        created=created,
        database=database,
        engine="sqlite",
        format="json",
        sha256=hashlib.sha256(b"rows").hexdigest(),
        size_bytes=4,
        verified=created if verified else None,
    )
    write_manifest(path, manifest)
    return path


def left(folder: Path) -> set[str]:
    """Give the names of everything in a folder but the manifests."""
    return {path.name for path in folder.iterdir() if not path.name.endswith(".manifest.json")}


def test_old_backups_go_with_their_manifests(keeper: Callable[..., Any]) -> None:
    """Of 40 daily backups the guide's 7, 4 and 12 stay, each with its manifest."""
    kept = keeper(orders=None)
    kept.now = lambda: NOW
    folder = kept.config.backups.path
    paths = [place(folder, days=days) for days in range(40)]
    plan, outcome = kept.run(PruneBackups())
    stay = {one.backup.path for one in plan.judged if one.reasons}
    assert {path.name for path in stay} == left(folder)
    assert set(paths[:7]) <= stay
    assert outcome.changed == 40 - len(stay)
    assert {path.name for path in folder.glob("*.manifest.json")} == {
        manifest_path(path).name for path in stay
    }


def test_plan_tells_the_reason_of_each(keeper: Callable[..., Any]) -> None:
    """The table of the dry run says why a backup stays; nothing is removed by it."""
    kept = keeper(orders=None)
    kept.now = lambda: NOW
    folder = kept.config.backups.path
    paths = [place(folder, days=days) for days in (0, 1, 2)]
    rows = kept.plan(PruneBackups()).rows()
    assert rows[1] == (
        paths[0].name,
        "4 B",
        "yes",
        "newest verified, daily 1 of 7, weekly 1 of 4, monthly 1 of 12",
    )
    assert left(folder) == {path.name for path in paths}


def test_files_of_others_are_never_removed(keeper: Callable[..., Any]) -> None:
    """A file without our manifest stays, whatever its name and its age."""
    kept = keeper(orders=None)
    kept.now = lambda: NOW
    folder = kept.config.backups.path
    for days in range(60):
        place(folder, days=days)
    foreign = folder / "db_backup_20190101_000000.json.gz"
    foreign.write_bytes(b"somebody's")
    other = folder / "customers.xlsx"
    other.write_bytes(b"somebody's")
    linked = folder / "db_backup_20190102_000000.json.gz"
    linked.symlink_to(other)
    # A manifest that was copied beside another file speaks of the first one.
    copied = folder / "db_backup_20190103_000000.json.gz"
    copied.write_bytes(b"somebody's")
    manifest_path(copied).write_bytes(manifest_path(place(folder, days=0)).read_bytes())
    kept.run(PruneBackups())
    assert {foreign.name, other.name, linked.name, copied.name} <= left(folder)


def test_databases_are_counted_apart(keeper: Callable[..., Any]) -> None:
    """Many backups of one database do not drive out those of another."""
    kept = keeper(orders=None)
    kept.now = lambda: NOW
    folder = kept.config.backups.path
    for days in range(30):
        place(folder, days=days)
    archive = place(folder, days=300, database="archive")
    kept.run(PruneBackups())
    assert archive.name in left(folder)


def test_backup_that_was_proved_meanwhile_stays(keeper: Callable[..., Any]) -> None:
    """A backup whose manifest has changed since the plan is left for the next run."""
    kept = keeper(orders=None)
    kept.now = lambda: NOW
    folder = kept.config.backups.path
    place(folder, days=0)
    old = place(folder, days=1, verified=False)
    action = PruneBackups()
    plan = kept.plan(action)
    assert [backup.path for backup in plan.gone] == [old]
    mark_verified(old, plan.gone[0].manifest, at=NOW, by="test")
    action.perform(kept.context(), action.Options(), plan)
    assert old.name in left(folder)


def test_real_backup_is_known_by_its_manifest(keeper: Callable[..., Any]) -> None:
    """What backup_database wrote is judged; unproved and alone, it stays."""
    kept = keeper(orders=5)
    _, outcome = kept.run(BackupDatabase())
    plan, _ = kept.run(PruneBackups())
    assert [(one.backup.path, one.reasons) for one in plan.judged] == [
        (outcome.created[0], ("not verified yet",))
    ]
