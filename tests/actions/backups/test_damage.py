"""Damage of every kind of backup: verification finds it, the metrics show it, and an alert follows."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from actions.backup_database import BackupDatabase
from actions.backup_media import BackupMedia
from actions.backups.manifest import manifest_path, write_manifest
from actions.verify_backup import VerifyBackup
from exporter.collectors.backups import families_of
from storekeeper.backups import read_manifest
from storekeeper.errors import BackupRefused, StorekeeperError
from storekeeper.measure.backups import read_backups

Factory = Callable[..., Any]
ROOT = Path(__file__).resolve().parents[3]
OWNERS = {"database": ("default",), "media": ("media",)}

# Ending of the backup → the shop's database and how it is made.
MADE: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "json": ("sqlite", BackupDatabase(), {"compress": False}),
    "json.gz": ("postgresql", BackupDatabase(), {}),
    "sqlite3": ("sqlite", BackupDatabase(), {"format": "native", "compress": False}),
    "sqlite3.gz": ("sqlite", BackupDatabase(), {"format": "native"}),
    "dump": ("postgresql", BackupDatabase(), {"format": "native"}),
    "tar.gz": ("sqlite", BackupMedia(), {}),
}


def damages(path: Path) -> Iterator[tuple[str, str]]:
    """Do one damage after the other to a backup; yields its name and how it is told, then undoes it."""
    whole, told = path.read_bytes(), manifest_path(path).read_bytes()
    places = {"beginning": 12, "middle": len(whole) // 2, "end": len(whole) - 6}
    for where, place in places.items():
        changed = bytearray(whole)
        changed[place] ^= 4
        path.write_bytes(changed)
        yield f"a bit at the {where}", "another checksum"
        path.write_bytes(whole)
        manifest_path(path).write_bytes(told)
    for share in (0, 1, 9):
        path.write_bytes(whole[: len(whole) * share // 10])
        yield f"cut to {share} of 10", "bytes, its manifest says"
        path.write_bytes(whole)
        manifest_path(path).write_bytes(told)
    for what in (b'"created"', b'"sha256"', b'"verified"'):
        changed = bytearray(told)
        # A digit or a letter of the value: what it says stays well-formed where that can be.
        changed[told.index(what) + len(what) + 6] ^= 1
        manifest_path(path).write_bytes(changed)
        yield f"a bit of {what.decode()} in the manifest", "manifest"
        manifest_path(path).write_bytes(told)


def metrics(folder: Path, *, now: float) -> dict[str, dict[str, float]]:
    """Give what the exporter shows of a folder: name → kind → value."""
    return {
        family.name: {sample.labels["kind"]: sample.value for sample in family.samples}
        for family in families_of(read_backups(folder), owners=OWNERS, now=now)
    }


# What differs from another in its packing alone is for ``make thorough``.
@pytest.mark.parametrize(
    "ending",
    [pytest.param(one, marks=[pytest.mark.thorough] * (one in ("json", "sqlite3.gz"))) for one in MADE],
)
def test_no_damage_passes(keeper: Factory, ending: str, thorough: bool) -> None:
    """Cut anywhere, or one bit changed in the file or its manifest: told, and verified no longer."""
    database, action, options = MADE[ending]
    kept = keeper(database, orders=5)
    _, outcome = kept.run(action, **options)
    (path,) = outcome.created
    kept.run(VerifyBackup(), file=path)
    kind = "media" if ending == "tar.gz" else "database"
    now = kept.now().timestamp()
    before = metrics(path.parent, now=now)
    assert (before["storekeeper_backups"][kind], before["storekeeper_backups_failed"][kind]) == (1, 0)
    for what, told in damages(path):
        with pytest.raises(BackupRefused, match="did not pass") as found:
            kept.run(VerifyBackup())
        assert path.name in found.value.message, what
        assert told in found.value.message, what
        if thorough or "manifest" in what or "middle" in what:
            with pytest.raises(BackupRefused):
                kept.run(VerifyBackup(), file=path)
        after = metrics(path.parent, now=now)
        assert (after["storekeeper_backups"][kind], after["storekeeper_backups_failed"][kind]) == (0, 1), what
        assert kind not in after["storekeeper_backup_last_verified_timestamp_seconds"], what
        assert kind not in after["storekeeper_backup_last_success_timestamp_seconds"], what
    assert metrics(path.parent, now=now) == before
    kept.run(VerifyBackup(), file=path)


def test_alerts_follow(keeper: Factory, tmp_path: Path) -> None:
    """What the exporter shows after damage makes the real rules fire."""
    kept = keeper(orders=5)
    (path,) = kept.run(BackupDatabase())[1].created
    kept.run(VerifyBackup())
    whole = metrics(path.parent, now=kept.now().timestamp())
    path.write_bytes(path.read_bytes()[:-100])
    damaged = metrics(path.parent, now=kept.now().timestamp())
    assert fired(whole, folder=tmp_path) == set()
    assert fired(damaged, folder=tmp_path) == {("BackupNotVerified", "failed"), ("BackupTooOld", "missing")}


def fired(values: dict[str, dict[str, float]], *, folder: Path) -> set[tuple[str, str]]:
    """Give (alert, reason) of what fires after half an hour of these values, for databases, by promtool."""
    start = values["storekeeper_backup_last_success_timestamp_seconds"].get("database", 0.0)
    series = [
        {
            # promtool's clock begins in 1970.
            "series": f'{name}{{instance="shop", job="storekeeper-exporter", kind="{kind}"}}',
            "values": f"{value - start if name.endswith('_seconds') else value}x60",
        }
        for name, kinds in values.items()
        for kind, value in kinds.items()
        if kind == "database"
    ]
    pairs = [("BackupNotVerified", "failed"), ("BackupNotVerified", "too_old"), ("BackupTooOld", "missing")]
    found = set()
    for alert, reason in pairs:
        expression = f'count(ALERTS{{alertname="{alert}", reason="{reason}", alertstate="firing"}})'
        test = {
            "rule_files": [str(ROOT / "alert_rules" / "backups.yml")],
            "evaluation_interval": "1m",
            "tests": [
                {
                    "interval": "1m",
                    "input_series": series,
                    "promql_expr_test": [
                        {
                            "expr": expression,
                            "eval_time": "30m",
                            "exp_samples": [{"labels": "{}", "value": 1}],
                        }
                    ],
                }
            ],
        }
        (folder / "test.yml").write_text(yaml.safe_dump(test))
        done = subprocess.run(
            ["promtool", "test", "rules", folder / "test.yml"], capture_output=True, text=True
        )
        if done.returncode == 0:
            found.add((alert, reason))
        else:
            assert "got:" in done.stdout + done.stderr
    return found


@pytest.mark.parametrize("form", ["json", "native"])
def test_broken_sqlite_database_gives_no_backup(keeper: Factory, form: str) -> None:
    """A damaged page of a table is an error that names the database; the earlier backup stays as it was."""
    kept = keeper(orders=50)
    (good,) = kept.run(BackupDatabase(), verify=True)[1].created
    file = kept.shop.data / "db.sqlite3"
    data = bytearray(file.read_bytes())
    for page in range(4, len(data) // 4096):
        data[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    file.write_bytes(data)
    with pytest.raises(StorekeeperError, match=r"malformed|damaged"):
        kept.run(BackupDatabase(), format=form)
    assert {path.name for path in good.parent.iterdir()} == {good.name, manifest_path(good).name}


def test_dump_with_other_rows_than_counted_does_not_pass(keeper: Factory) -> None:
    """A dump that restores to other numbers of rows than the server counted is not verified."""
    kept = keeper("postgresql", orders=5)
    (path,) = kept.run(BackupDatabase(), format="native")[1].created
    manifest = read_manifest(path)
    assert manifest is not None
    wrong = {**manifest.tables, "app_order": manifest.tables["app_order"].model_copy(update={"rows": 6})}
    write_manifest(path, manifest.model_copy(update={"tables": wrong}))
    with pytest.raises(BackupRefused, match="app_order: 5 rows, not 6"):
        kept.run(VerifyBackup())
    told = read_manifest(path)
    assert told is not None
    assert "app_order: 5 rows, not 6" in told.verification_error
