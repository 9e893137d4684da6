"""Exporter, receiver, page, report and storage_info tell one size for each resource, whatever the shop is."""

import datetime as dt
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from actions.action import Context
from actions.receiver.page.gauges import read_gauges
from actions.report_storage import ReportStorage, ReportStorageOptions
from exporter.measure import measure_once
from exporter.measuring import Measuring
from exporter.page import Page
from storekeeper.config import Config, parse_config
from storekeeper.errors import ConfigurationError, ShopError
from storekeeper.measure.resources import Resource
from storekeeper.measure.usage import UsageReader
from storekeeper.shop import Shop, ShopDescription

Sizes = dict[str, int]
LIMIT: Final = 1_000_000_000
FOLDERS: Final = ("data", "data/media", "data/media/qr_codes", "logs", "other", "db-dumps")
BACKUPS: Final = ("backups", "data", "other", "db-dumps/backups")
DATABASES: Final = ("db", "data/db", "data/media/db")


def no_shop() -> ShopDescription:
    """Be a shop that does not answer."""
    raise ShopError("the shop is broken")


def made_config(
    folder: Path, *, areas: dict[str, str], backups: str = "backups", databases: dict[str, str] | None = None
) -> Config:
    """Return a config with a limit on everything; databases by their files."""
    lines = [f"shop: sample\nproject: {folder}\nstate: {folder}/state\ntotal: {{limit: {LIMIT}}}"]
    lines += ["areas:", *(f"  {name}: {{path: {path}, limit: {LIMIT}}}" for name, path in areas.items())]
    lines.append(f"backups: {{path: {backups}, limit: {LIMIT}}}")
    named = (databases or {}).items()
    lines += ["databases:", *(f"  {n}: {{url: 'sqlite:///{path}', limit: {LIMIT}}}" for n, path in named)]
    text = "\n".join(lines).replace("areas:\nb", "areas: {}\nb")
    return parse_config(text if databases else f"{text} {{}}", name="storekeeper.yml", folder=folder)


def of_exporter(config: Config) -> Sizes:
    """Return what one page of the exporter says."""
    measuring = Measuring(config, describe=no_shop)
    measuring.run_once()
    body, _ = Page(measuring.scraper, shop=config.shop, timeout_seconds=10, process_families=False).encode("")
    sizes: Sizes = {}
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            labels, value = sample.labels, int(sample.value)
            if sample.name == "storekeeper_database_size_bytes":
                sizes[f"database:{labels['database']}"] = value
            elif sample.name == "storekeeper_area_size_bytes":
                sizes[labels["area"]] = value
            elif sample.name == "storekeeper_storage_size_bytes":
                sizes["storage"] = value
    return sizes


def of_receiver(config: Config) -> Sizes:
    """Return what a playbook reads, one resource after the other; what cannot be read is missing."""
    reader = UsageReader(config, describe=no_shop)
    names = ["storage", "backups", *config.areas, *(f"database:{name}" for name in config.databases)]
    sizes = {}
    for name in names:
        kind, _, which = name.partition(":")
        try:
            usage = reader.read(Resource(kind=kind, name=which))
        except Exception:
            usage = None
        if usage is not None:
            assert LIMIT == usage.capacity_bytes
            sizes[name] = usage.used_bytes
    return sizes


def of_page(config: Config) -> Sizes:
    """Return what the bars of the receiver's page show."""
    gauges = read_gauges(UsageReader(config, describe=no_shop))
    return {
        gauge.resource: gauge.used_bytes
        for gauge in gauges
        if gauge.ratio is not None and not gauge.resource.startswith("disk")
    }


def of_report(config: Config) -> Sizes:
    """Return what the monthly report writes down."""
    context = Context(
        config=config, shop=Shop.of(config), now=lambda: dt.datetime.now(dt.UTC), report=lambda _: None
    )
    parts = ReportStorage().plan(context, ReportStorageOptions()).parts
    return named_as_resources({part.name: part.size_bytes for part in parts})


def of_storage_info(config: Config) -> Sizes:
    """Return what the report on the terminal shows."""
    measured = measure_once(config, describe=no_shop)
    sizes: dict[str, int | None] = {f"database {one.name}": one.size_bytes for one in measured.databases}
    sizes |= {name: one.usage.size_bytes if one.usage else None for name, one in measured.areas.items()}
    sizes["total"] = measured.total_size_bytes
    return named_as_resources({name: size for name, size in sizes.items() if size is not None})


def named_as_resources(sizes: Sizes) -> Sizes:
    """Return sizes by the names that alerts have for them; disks change all the time."""
    names = {"total": "storage"}
    return {
        names.get(name, name.replace(" ", ":", 1)): size
        for name, size in sizes.items()
        if not name.startswith("disk ")
    }


SIDES: Final[dict[str, Callable[[Config], Sizes]]] = {
    "receiver": of_receiver,
    "page": of_page,
    "report": of_report,
    "storage_info": of_storage_info,
}


def bytes_below(*folders: Path) -> int:
    """Return the bytes of all files and links below these folders, each inode once, in the plainest way."""
    found: dict[tuple[int, int], int] = {}
    for folder in folders:
        for path in sorted(folder.resolve().rglob("*")):
            status = path.lstat()
            if not path.is_dir() or path.is_symlink():
                found[status.st_dev, status.st_ino] = status.st_size
    return sum(found.values())


def put_database(path: Path) -> None:
    """Write a small SQLite database."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (a)")
    connection.close()


@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_every_resource_has_one_size(data: st.DataObject) -> None:
    """Nested areas, shared folders, links, backups anywhere, one database with two names: all agree."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        areas = {
            f"area_{number}": path
            for number, path in enumerate(data.draw(st.lists(st.sampled_from(FOLDERS), max_size=4)))
        }
        present = data.draw(st.lists(st.sampled_from(FOLDERS), unique=True))
        for number, path in enumerate(present):
            (root / path).mkdir(parents=True, exist_ok=True)
            (root / path / f"file_{number}.bin").write_bytes(b"x" * data.draw(st.integers(0, 5000)))
            if data.draw(st.booleans()):
                (root / path / "link").symlink_to(root / "elsewhere")
            if number and data.draw(st.booleans()):
                os.link(root / present[0] / "file_0.bin", root / path / f"again_{number}.bin")
        if areas and data.draw(st.booleans()):
            (root / "named").symlink_to(root / areas["area_0"])
            areas["linked"] = "named"
        backups = data.draw(st.sampled_from(BACKUPS))
        if data.draw(st.booleans()):
            (root / backups).mkdir(parents=True, exist_ok=True)
            (root / backups / "dump.sql").write_bytes(b"y" * 3000)
        main = data.draw(st.sampled_from(DATABASES))
        put_database(root / main)
        databases = {"default": main}
        if data.draw(st.booleans()):
            (root / "same.sqlite3").symlink_to(root / main)
            databases["replica"] = "same.sqlite3"
        try:
            config = made_config(root, areas=areas, backups=backups, databases=databases)
        except ConfigurationError:
            # Backups inside an area are refused; an area of that name is theirs.
            backups = areas["backups"] = "data"
            config = made_config(root, areas=areas, backups=backups, databases=databases)

        shown = of_exporter(config)
        for side, measure in SIDES.items():
            assert shown == measure(config), side

        folders = [root / path for path in {*areas.values(), backups} if (root / path).is_dir()]
        counted = bytes_below(*folders)
        if not any(folder.resolve() in (root / main).parents for folder in folders):
            counted += (root / main).stat().st_size
        assert counted == shown["storage"]


def test_a_file_in_two_areas_and_a_database_with_two_names_count_once(tmp_path: Path) -> None:
    """The total is that of the bytes on the disk, whatever names they have."""
    for folder in ("data", "other"):
        (tmp_path / folder).mkdir()
    (tmp_path / "data" / "film.mp4").write_bytes(b"x" * 900)
    (tmp_path / "other" / "again.mp4").hardlink_to(tmp_path / "data" / "film.mp4")
    put_database(tmp_path / "db")
    (tmp_path / "same.sqlite3").symlink_to("db")
    config = made_config(
        tmp_path,
        areas={"data": "data", "other": "other"},
        databases={"default": "db", "replica": "same.sqlite3"},
    )
    expected = 900 + (tmp_path / "db").stat().st_size
    assert (expected, expected) == (of_exporter(config)["storage"], of_receiver(config)["storage"])


@contextmanager
def as_another_user() -> Iterator[None]:
    """Measure as a user whom permissions hold; root may look everywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_closed_area_is_no_empty_one() -> None:
    """Where a folder is closed to us no side tells its size or a total; the rest is told by all."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        root = Path(name)
        root.chmod(0o755)
        for folder in ("media", "closed"):
            (root / folder).mkdir()
            (root / folder / "file.bin").write_bytes(b"x" * 700)
        (root / "closed").chmod(0o000)
        config = made_config(root, areas={"media": "media", "closed": "closed", "missing": "missing"})
        with as_another_user():
            shown = of_exporter(config)
            told = {side: measure(config) for side, measure in SIDES.items()}
        (root / "closed").chmod(0o700)
    assert {"media": 700} == shown
    assert dict.fromkeys(SIDES, shown) == told


@pytest.mark.parametrize("name", ["db", "data/db"])
def test_a_database_that_is_gone_leaves_no_total(tmp_path: Path, name: str) -> None:
    """Without one size there is no sum on any side: it would look like a cleanup."""
    (tmp_path / "data").mkdir()
    config = made_config(tmp_path, areas={"data": "data"}, databases={"default": name})
    shown = of_exporter(config)
    assert {"data": 0} == shown
    for side, measure in SIDES.items():
        assert shown == measure(config), side


def test_disks_are_the_same_on_both_sides(tmp_path: Path) -> None:
    """Two areas on one disk are one disk, under one name."""
    (tmp_path / "a").mkdir()
    config = made_config(tmp_path, areas={"a": "a", "b": "b"})
    measured: dict[str, Any] = {
        disk.mountpoint: disk.size_bytes for disk in measure_once(config, describe=no_shop).disks
    }
    parts = UsageReader(config, describe=no_shop).parts()
    assert set(measured) == {part.resource.name for part in parts if part.resource.kind == "disk"}
