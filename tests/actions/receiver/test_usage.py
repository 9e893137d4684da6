"""Usage read from the ground."""

import os
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest

from storekeeper.config import Config, parse_config
from storekeeper.config.model import QrCodes
from storekeeper.errors import ShopError
from storekeeper.measure.resources import Resource, is_known, mountpoint_of, parse_resource, resource_of
from storekeeper.measure.usage import Usage, UsageReader


def never() -> Any:
    raise ShopError("nobody asks the shop here")


def config_with(config_file: Path, more: str) -> Config:
    return parse_config(config_file.read_text() + more, name="c", folder=config_file.parent)


def test_area_is_measured_by_its_files(config: Config, tmp_path: Path) -> None:
    """The bytes of files and links count; what a link leads to does not."""
    (tmp_path / "media" / "link").symlink_to("/usr")
    usage = UsageReader(config, describe=never).read(Resource(kind="media"))
    assert Usage(used_bytes=700 + len("/usr"), capacity_bytes=850) == usage


def test_disk_is_counted_as_df_does(config: Config, tmp_path: Path) -> None:
    """Used and available, so that reserved blocks are neither."""
    mountpoint = mountpoint_of(tmp_path)
    usage = UsageReader(config, describe=never).read(Resource(kind="disk", name=str(mountpoint)))
    out = subprocess.run(
        ["df", "-B1", "--output=used,avail", mountpoint], capture_output=True, text=True, check=True
    )
    used, available = map(int, out.stdout.split()[-2:])
    assert usage is not None
    assert used / (used + available) == pytest.approx(usage.ratio, abs=0.01)


def test_database_and_storage(config_file: Path, tmp_path: Path) -> None:
    """A SQLite database is its file; storage is databases and areas together."""
    with sqlite3.connect(tmp_path / "db.sqlite3") as connection:
        connection.execute("CREATE TABLE a (b)")
    connection.close()
    size = (tmp_path / "db.sqlite3").stat().st_size
    config = config_with(
        config_file,
        "databases: {default: {url: 'sqlite:///db.sqlite3', limit: 10000}}\ntotal: {limit: 50000}\n",
    )
    reader = UsageReader(config, describe=never)
    for name in ("", "default"):
        assert Usage(used_bytes=size, capacity_bytes=10_000) == reader.read(
            Resource(kind="database", name=name)
        )
    assert Usage(used_bytes=size + 700, capacity_bytes=50_000) == reader.read(Resource(kind="storage"))


def test_backups_have_a_limit_of_their_own(config_file: Path, tmp_path: Path) -> None:
    """The folder of the backups is measured against backups.limit, where there is one."""
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups" / "db_backup_20260503_030000.json").write_bytes(b"b" * 300)
    reader = UsageReader(config_with(config_file, "backups: {limit: 500}\n"), describe=never)
    assert Usage(used_bytes=300, capacity_bytes=500) == reader.read(Resource(kind="backups"))
    unlimited = UsageReader(config_with(config_file, ""), describe=never)
    assert None is unlimited.read(Resource(kind="backups"))


def test_postgresql_database(config_file: Path, postgresql_server: Any) -> None:
    """A PostgreSQL database is what the server says of it."""
    url = postgresql_server.create_database(f"usage_{os.getpid()}")
    config = config_with(config_file, f"databases: {{default: {{url: '{url}', limit: 100MB}}}}\n")
    usage = UsageReader(config, describe=never).read(Resource(kind="database"))
    assert usage is not None
    assert 5_000_000 < usage.used_bytes < 20_000_000


@pytest.mark.parametrize(
    ("labels", "text", "known"),
    [
        ({"resource": "media", "area": "media"}, "media", True),
        ({"area": "media"}, "media", True),
        ({"resource": "disk", "mountpoint": "/etc/passwd"}, "disk:/etc/passwd", False),
        ({"resource": "disk"}, "disk", True),
        ({"resource": "database", "database": "other"}, "database:other", False),
        ({"resource": "storage"}, "storage", True),
        ({"kind": "database"}, "database", True),
        ({"kind": "payment"}, "media", True),
        ({"kind": "no_such_kind"}, "no_such_kind", False),
        ({"resource": "../media"}, "../media", False),
        ({}, "", True),
    ],
)
def test_labels_choose_among_known_resources(
    config: Config, labels: dict[str, str], text: str, known: bool
) -> None:
    """A label is compared with what the config has; it is never used as a path."""
    config = config.model_copy(update={"qr_codes": {"payment": QrCodes(pattern="qr_codes/*.png")}})
    resource = resource_of(labels, config=config)
    assert (text, known) == (str(resource), is_known(resource, config))
    assert resource == parse_resource(str(resource))
