"""Which files are backups, by their names alone."""

import datetime as dt

import pytest

from storekeeper.backups import parse_name


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("db_backup_20260304_050607.json", ("database", "default")),
        ("db_backup_20260304_050607.json.gz", ("database", "default")),
        ("db_backup_20260304_050607.dump", ("database", "default")),
        ("db_backup_20260304_050607.sqlite3", ("database", "default")),
        ("db_backup_archive_20260304_050607.sqlite3.gz", ("database", "archive")),
        ("db_backup_old_shop-2_20260304_050607.dump", ("database", "old_shop-2")),
        ("media_backup_20260304_050607.tar.gz", ("media", "media")),
        ("static_backup_20260304_050607.tar.gz", ("media", "static")),
    ],
)
def test_final_name_tells_kind_owner_and_time(name: str, told: tuple[str, str]) -> None:
    """A whole backup's name says of what it is, and when it was made by the shop's clock."""
    parsed = parse_name(name)
    assert parsed is not None
    assert told == (parsed.kind, parsed.owner)
    assert dt.datetime(2026, 3, 4, 5, 6, 7) == parsed.moment


@pytest.mark.parametrize(
    "name",
    [
        ".db_backup_20260304_050607.json.gz.partial",
        "db_backup_20260304_050607.json.gz.partial",
        "db_backup_20260304_050607.json.gz.manifest.json",
        "media_backup_20260304_050607.tar.gz.sha256.gz",
        "my_db_backup_20260304_050607.json",
        "db_backup_latest.json",
        "db_backup_២០២៦០៣០៤_០៥០៦០៧.json",
    ],
)
def test_every_other_name_is_no_backup(name: str) -> None:
    """Unfinished files, manifests, sums and files of others do not count."""
    assert parse_name(name) is None


def test_name_with_a_time_that_no_clock_shows_has_no_time() -> None:
    """A month 13 is no time, and no error either."""
    parsed = parse_name("db_backup_20261304_050607.json")
    assert parsed is not None
    assert parsed.moment is None
