"""Backups, read from the disk."""

import datetime as dt
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exporter.measuring import Measuring
from storekeeper.config import Config
from storekeeper.measure.backups import read_backups

Parse = Callable[[str], Config]
Measure = Callable[..., Measuring]
ValuesOf = Callable[[Measuring], dict[Any, float]]

WHOLE = "databases: {default: {django: default}}\nareas: {media: {path: media}}\n"
MADE = "2026-03-04T05:06:07+07:00"
MADE_SECONDS = dt.datetime.fromisoformat(MADE).timestamp()


def backup(folder: Path, name: str, *, size: int = 100, **manifest: Any) -> Path:
    """Write a backup file, with a manifest beside it when there is something to say."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(b"x" * size)
    if manifest:
        kind = "media" if name.startswith("media_") else "database"
        owner = {"area": "media"} if kind == "media" else {"database": "default"}
        said = {
            "file": name,
            "kind": kind,
            "created": MADE,
            "format": "any",
            "size_bytes": size,
            "sha256": "0",
        }
        said |= {**owner, "verified": None, **manifest}
        (folder / f"{name}.manifest.json").write_text(json.dumps(said), "utf-8")
    return path


def kinds(**values: float) -> dict[str, float]:
    """Give values by kind."""
    return values


def shown(values: dict[Any, float], name: str) -> dict[str, float]:
    """Give the values of one family by kind."""
    return {labels[0][1]: value for (found, labels), value in values.items() if found == name}


def test_no_backup_at_all_is_the_number_zero(parse: Parse, measure: Measure, values_of: ValuesOf) -> None:
    """What must have backups and has none has the number 0 and no times: the alert looks for that."""
    values = values_of(measure(parse(WHOLE)))
    assert {"database": 0, "media": 0} == shown(values, "storekeeper_backups")
    assert {} == shown(values, "storekeeper_backup_last_success_timestamp_seconds")
    assert {} == shown(values, "storekeeper_backup_last_verified_timestamp_seconds")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("databases: {default: {django: default}}", {"database": 0}),
        ("areas: {media: {path: media}}", {"media": 0}),
        ("areas: {media: {path: media}}\nschedule: {backup_media: null}", {}),
        ("areas: {media: {path: media}}\nschedule: {backup_media: 0 1 * * *}", {"media": 0}),
        ("areas: {logs: {path: logs}}", {}),
    ],
)
def test_what_the_shop_does_not_have_needs_no_backup(
    parse: Parse, measure: Measure, values_of: ValuesOf, text: str, expected: dict[str, float]
) -> None:
    """Without a database, with uploads elsewhere or without media backups no alert finds a figure."""
    values = values_of(measure(parse(text)))

    assert expected == shown(values, "storekeeper_backups")
    assert {} == shown(values, "storekeeper_backup_last_success_timestamp_seconds")


def test_backups_that_are_made_in_another_way_are_watched(
    parse: Parse, measure: Measure, values_of: ValuesOf, tmp_path: Path
) -> None:
    """Where the schedule is off and cron makes them, a backup on disk has its age."""
    backup(tmp_path / "shop" / "backups", "media_backup_20260304_050607.tar.gz", created=MADE)
    values = values_of(measure(parse("areas: {media: {path: media}}\nschedule: {backup_media: null}")))

    assert {"media": 1} == shown(values, "storekeeper_backups")
    assert {"media": MADE_SECONDS} == shown(values, "storekeeper_backup_last_success_timestamp_seconds")


def test_newest_and_newest_verified(
    parse: Parse, measure: Measure, values_of: ValuesOf, tmp_path: Path
) -> None:
    """Success is the newest backup, verified the newest that was proven, both by when they were made."""
    folder = tmp_path / "shop" / "backups"
    older = "2026-03-01T00:00:00+07:00"
    backup(folder, "db_backup_20260301_000000.json.gz", created=older, verified="2026-03-09T00:00:00Z")
    backup(folder, "db_backup_20260304_050607.json.gz", size=250, created=MADE)
    backup(folder, "media_backup_20260304_050607.tar.gz", created=MADE, verified=MADE)
    values = values_of(measure(parse(WHOLE)))
    older_seconds = dt.datetime.fromisoformat(older).timestamp()
    assert kinds(database=2, media=1) == shown(values, "storekeeper_backups")
    assert kinds(database=250, media=100) == shown(values, "storekeeper_backup_size_bytes")
    assert kinds(database=MADE_SECONDS, media=MADE_SECONDS) == shown(
        values, "storekeeper_backup_last_success_timestamp_seconds"
    )
    assert kinds(database=older_seconds, media=MADE_SECONDS) == shown(
        values, "storekeeper_backup_last_verified_timestamp_seconds"
    )


def test_backup_that_its_manifest_does_not_fit_counts_as_failed(
    parse: Parse, measure: Measure, values_of: ValuesOf, tmp_path: Path
) -> None:
    """A file that was cut off later, or that did not pass its trial, counts as failed alone."""
    folder = tmp_path / "shop" / "backups"
    backup(folder, "db_backup_20260304_050607.json.gz", size=50, size_bytes=100, verified=MADE)
    backup(folder, "db_backup_20260305_050607.json.gz", size=0)
    backup(folder, "db_backup_20260306_050607.json.gz", verification_error="one row differs")
    values = values_of(measure(parse(WHOLE)))
    assert kinds(database=0, media=0) == shown(values, "storekeeper_backups")
    assert kinds(database=2, media=0) == shown(values, "storekeeper_backups_failed")
    assert {} == shown(values, "storekeeper_backup_last_success_timestamp_seconds")
    assert {} == shown(values, "storekeeper_backup_last_verified_timestamp_seconds")
    assert 1 == values["storekeeper_collector_success", (("collector", "backups"),)]


def test_backup_from_the_future_tells_no_time(
    parse: Parse, measure: Measure, values_of: ValuesOf, tmp_path: Path
) -> None:
    """A clock that was wrong once must not keep the alert about old backups silent for a year."""
    folder = tmp_path / "shop" / "backups"
    ahead = (dt.datetime.now(tz=dt.UTC) + dt.timedelta(days=365)).isoformat()
    backup(folder, "db_backup_20260304_050607.json.gz", created=MADE, verified=MADE)
    backup(folder, "db_backup_20990304_050607.json.gz", size=250, created=ahead, verified=ahead)
    values = values_of(measure(parse(WHOLE)))
    assert kinds(database=2, media=0) == shown(values, "storekeeper_backups")
    assert kinds(database=100) == shown(values, "storekeeper_backup_size_bytes")
    for name in ("success", "verified"):
        assert kinds(database=MADE_SECONDS) == shown(
            values, f"storekeeper_backup_last_{name}_timestamp_seconds"
        )


def test_several_databases_are_as_fresh_as_the_one_that_is_worst_off(
    parse: Parse, measure: Measure, values_of: ValuesOf, tmp_path: Path
) -> None:
    """Without a backup of each configured database there is no time; then it is the older one's."""
    folder = tmp_path / "shop" / "backups"
    config = parse("databases: {default: {django: default}, archive: {django: archive}}")
    backup(folder, "db_backup_20260304_050607.json.gz", verified=MADE)
    name = "storekeeper_backup_last_success_timestamp_seconds"
    assert {} == shown(values_of(measure(config)), name)
    older = "2026-03-01T00:00:00+07:00"
    backup(folder, "db_backup_archive_20260301_000000.json.gz", database="archive", created=older)
    values = values_of(measure(config))
    assert kinds(database=dt.datetime.fromisoformat(older).timestamp()) == shown(values, name)
    assert {} == shown(values, "storekeeper_backup_last_verified_timestamp_seconds")


def test_backup_without_manifest_is_as_old_as_the_earlier_of_name_and_file(tmp_path: Path) -> None:
    """A copy made today of an old backup is old, and a clock of another zone never makes one younger."""
    copied = backup(tmp_path, "db_backup_20200101_000000.json")
    touched = backup(tmp_path, "db_backup_20990101_000000.json")
    os.utime(touched, (1_000_000, 1_000_000))
    backups = read_backups(tmp_path)
    named = dt.datetime(2020, 1, 1).astimezone().timestamp()
    assert [(touched.name, 1_000_000.0), (copied.name, named)] == [
        (found.name, found.made) for found in backups
    ]
    assert [(None, ""), (None, "")] == [(found.verified, found.problem) for found in backups]


@pytest.mark.parametrize("damage", ["{", "[]", '{"verified": "soon", "created": 7}', "\xff"])
def test_damaged_manifest_proves_nothing(tmp_path: Path, damage: str) -> None:
    """A manifest that cannot be read leaves the backup unverified, dated by its name, and is told."""
    backup(tmp_path, "db_backup_20260304_050607.json")
    (tmp_path / "db_backup_20260304_050607.json.manifest.json").write_text(damage, "latin-1")
    [found] = read_backups(tmp_path)
    assert (None, 100, "its manifest is damaged") == (found.verified, found.size_bytes, found.problem)
