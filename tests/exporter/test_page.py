"""The whole page of a small shop whose every figure is known."""

import base64
import json
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.collectors import COLLECTORS
from exporter.measuring import Measuring
from exporter.page import Page
from storekeeper.config import Config
from storekeeper.shop import ShopDescription
from tests.sizes import file_bytes

GOLDEN = Path(__file__).parent / "page.prom"

CONFIG = """
databases: {default: {django: default, limit: 100MB}}
areas:
  media: {path: media, limit: 500MB, groups: {qr_codes: qr_codes}}
  static: {path: staticfiles, limit: 50MB}
  logs: {path: logs, limit: 50MB}
total: {limit: 1GB}
orders: app.Order
large_files: {over: 4KB}
qr_codes:
  payment:
    {model: app.OrderQRCode, file: qr_code_image, expires: expires_at, pattern: "qr_codes/qr_MD*.png"}
  tracking: {pattern: "qr_codes/tracking_qr_*.png", keep: 7d}
"""

FILES = {
    "media/qr_codes/qr_MD1.png": 100,
    "media/qr_codes/qr_MD2.png": 200,
    "media/qr_codes/qr_MD3.png": 400,
    "media/qr_codes/tracking_qr_MD1.png": 800,
    "media/ផលិតផល.jpg": 1600,
    "media/hero.mp4": 6000,
    "staticfiles/shop.css": 50,
}


def describe(project: Path) -> ShopDescription:
    """Give what the shop would say of itself."""
    model = {"database": "default", "managed": True, "primary_key": "id", "primary_key_column": "id"}
    image = {
        "name": "qr_code_image",
        "column": "qr_code_image",
        "upload_to": "qr_codes/",
        "storage_location": project / "media",
    }
    return ShopDescription.model_validate(
        {
            "django_version": "5.2",
            "python_version": "3.11.0",
            "settings_module": "shop.settings",
            "time_zone": "Asia/Phnom_Penh",
            "use_tz": True,
            "base_dir": project,
            "media_root": project / "media",
            "media_url": "/media/",
            "static_root": None,
            "static_dirs": [],
            "log_files": [{"path": project / "logs" / "django.log", "handler": "logging.FileHandler"}],
            "databases": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}},
            "models": [
                {**model, "label": "app.Order", "table": "app_order"},
                {
                    **model,
                    "label": "app.OrderQRCode",
                    "table": "app_orderqrcode",
                    "file_fields": [image],
                    "timestamps": {"expires_at": "expires_at"},
                    "kinds": {"expires_at": "DateTimeField"},
                },
            ],
        }
    )


def drill(folder: Path) -> None:
    """Write the record of a drill; what it is signed with is not the exporter's to judge."""
    record = {
        "finished": "2025-12-07T00:00:00+00:00",
        "verdict": "verified",
        "age_seconds": 7200.0,
        "stages": {"find": 0.5, "fetch": 20.0, "database": 30.0, "files": 10.0, "compare": 2.0},
    }
    statement = {
        "predicateType": "https://github.com/storekeeper/storekeeper/recovery-drill/v1",
        "predicate": record,
    }
    folder.mkdir(parents=True, exist_ok=True)
    payload = base64.b64encode(json.dumps(statement).encode()).decode()
    (folder / "drill_20251207_000000.dsse.json").write_text(json.dumps({"payload": payload}), "utf-8")


@pytest.fixture
def measuring(parse: Callable[[str], Config], tmp_path: Path) -> Measuring:
    """The shop, made file by file and measured once."""
    config = parse(CONFIG)
    project = tmp_path / "shop"
    for name, size in FILES.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_bytes(b"x" * size)
        os.utime(project / name, (1_700_000_000, 1_700_000_000))
    (project / "logs").mkdir()
    log = project / "logs" / "django.log"
    log.write_text("2025-12-07 12:00:00,000 INFO app order MD1 placed\n", "utf-8")
    with sqlite3.connect(project / "db.sqlite3") as connection:
        connection.execute("PRAGMA page_size = 4096")
        connection.execute("CREATE TABLE app_order (id INTEGER PRIMARY KEY)")
        connection.executemany("INSERT INTO app_order VALUES (?)", [(1,), (2,), (3,)])
        connection.execute(
            "CREATE TABLE app_orderqrcode (id INTEGER PRIMARY KEY, qr_code_image TEXT, expires_at TEXT)"
        )
        connection.executemany(
            "INSERT INTO app_orderqrcode (qr_code_image, expires_at) VALUES (?, ?)",
            [
                ("qr_codes/qr_MD1.png", "2999-01-01 00:00:00"),
                ("qr_codes/qr_MD2.png", "2025-12-07 05:00:00.123456"),
                ("", "2025-12-07 05:00:00"),
            ],
        )
        connection.execute("CREATE TABLE spare (data BLOB)")
        connection.execute("INSERT INTO spare VALUES (zeroblob(40000))")
    with sqlite3.connect(project / "db.sqlite3", isolation_level=None) as connection:
        connection.execute("DROP TABLE spare")
    (project / "backups").mkdir()
    backup = project / "backups" / "db_backup_20251207_030000.json.gz"
    backup.write_bytes(b"x" * 70)
    os.utime(backup, (1_765_051_200, 1_765_051_200))
    drill(config.state / "recovery")
    made = Measuring(config, describe=lambda: describe(project), clock=lambda: 1_800_000_000.0)
    made.run_once()
    with log.open("a", encoding="utf-8") as file:
        file.write("2025-12-07 12:00:01,000 WARNING app stock is low\n")
        file.write("2025-12-07 12:00:02,000 ERROR app order MD4 failed\n")
    made.run_once()
    return made


def normal(page: str) -> str:
    """Take out what differs from machine to machine: disks, durations, versions, the size of a folder."""
    page = re.sub(r"(?m)^(storekeeper_disk_\w+\{).*$", r"\1…", page)
    page = re.sub(r"(?m)^(storekeeper_build_info\{).*$", r"\1…", page)
    page = re.sub(r"(?m)^(storekeeper_collector_duration_seconds\S+) .*$", r"\1 …", page)
    # The name has no zone: it is the machine's.
    page = re.sub(r"(?m)^(storekeeper_backup_last_success\S+) .*$", r"\1 …", page)
    # A month ends at midnight of the machine's zone.
    page = re.sub(r"(?m)^(storekeeper_log_rotation_due\S+) .*$", r"\1 …", page)
    return re.sub(
        r"(?m)^(storekeeper_(?:area|group|storage)\w*(?:size|allocated)_bytes\S*) .*$", r"\1 …", page
    )


def text_of(measuring: Measuring) -> str:
    """Give the page as text."""
    body, _ = Page(measuring.scraper, shop="madamda", timeout_seconds=10, process_families=False).encode("")
    return body.decode()


def test_page_is_the_golden_one(measuring: Measuring) -> None:
    """Every family, help text, label and figure is the one in page.prom."""
    page = normal(text_of(measuring))
    if os.environ.get("WRITE_GOLDEN"):
        GOLDEN.write_text(page, "utf-8")
    assert GOLDEN.read_text("utf-8") == page


def test_sizes_that_depend_on_the_filesystem_fit_together(measuring: Measuring, tmp_path: Path) -> None:
    """Areas are du's figures, and the storage is the sum of all areas and databases."""
    page = text_of(measuring)
    areas = {
        name: float(value)
        for name, value in re.findall(r'area_size_bytes\{area="(\w+)",shop="madamda"\} (\S+)', page)
    }
    for name, folder in (("media", "media"), ("static", "staticfiles"), ("backups", "backups")):
        assert file_bytes(tmp_path / "shop" / folder) == areas[name]
    found = re.search(r'(?m)^storekeeper_storage_size_bytes\{shop="madamda"\} (\S+)$', page)
    assert found is not None
    database = (tmp_path / "shop" / "db.sqlite3").stat().st_size
    assert sum(areas.values()) + database == float(found[1])


def test_promtool_has_nothing_to_say(measuring: Measuring) -> None:
    """Names, units, types and help texts follow Prometheus' conventions."""
    body, _ = Page(
        measuring.scraper, shop="madamda", timeout_seconds=10, reloaded=lambda: (True, 1.0)
    ).encode("")
    promtool = shutil.which("promtool")
    assert promtool
    done = subprocess.run([promtool, "check", "metrics"], input=body, capture_output=True)
    assert (0, b"", b"") == (done.returncode, done.stdout, done.stderr)


def test_every_collector_is_told_of(measuring: Measuring) -> None:
    """Each name in the table has its success on the page, and names file and class."""
    page = text_of(measuring)
    for name, collector in COLLECTORS.items():
        assert f'storekeeper_collector_success{{collector="{name}",shop="madamda"}} 1.0' in page
        assert f"exporter.collectors.{name}" == collector.__module__


def test_openmetrics_page_holds_the_same_figures(measuring: Measuring) -> None:
    """A reader that asks for OpenMetrics gets it, ended as that format demands."""
    body, content_type = Page(measuring.scraper, shop="madamda", timeout_seconds=10).encode(
        "application/openmetrics-text;version=1.0.0"
    )
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert b'storekeeper_log_messages_total{file="django.log",level="ERROR",shop="madamda"} 1.0\n' in body
    assert body.endswith(b"# EOF\n")


def test_removed_table_collector_or_database_leaves_no_series(measuring: Measuring, tmp_path: Path) -> None:
    """A database that has gone keeps neither size nor rows; the others go on."""
    (tmp_path / "shop" / "db.sqlite3").unlink()
    measuring.run_once()
    page = text_of(measuring)
    assert 'storekeeper_database_up{database="default",shop="madamda"} 0.0' in page
    assert "storekeeper_table_rows{" not in page
    assert "storekeeper_database_size_bytes{" not in page
    assert 'storekeeper_area_files{area="media",shop="madamda"} 6.0' in page
