"""Which columns are asked, told from what a shop says of itself: databases, paths, texts, storages."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exporter.file_counts import FileCount
from exporter.measuring import Measuring
from storekeeper.config import Config
from storekeeper.shop import ShopDescription

CONFIG = """
databases: {}
areas: {media: {path: media}}
"""
NOTHING = FileCount()


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """The media folder of the project."""
    folder = tmp_path / "shop" / "media"
    (folder / "products").mkdir(parents=True)
    return folder


@pytest.fixture
def describe(tmp_path: Path, media: Path) -> Callable[..., Callable[[], ShopDescription]]:
    """Describe a shop with one model, whose image lies below ``storage`` in one or two databases."""

    def make(
        *, storage: Path | None = media, aliases: tuple[str, ...] = ("default",), **model: Any
    ) -> Callable[[], ShopDescription]:
        databases = {
            alias: {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / f"{alias}.sqlite3")}
            for alias in aliases
        }
        image = {"name": "image", "column": "image", "upload_to": "products/", "storage_location": storage}
        described = {
            "label": "app.Product",
            "table": "product",
            "database": "default",
            "managed": True,
            "primary_key": "id",
            "primary_key_column": "id",
            "file_fields": [image],
            "columns": {"image": ("product", "image"), "text": ("parent", "text")},
            **model,
        }
        description = ShopDescription.model_validate(
            {
                "django_version": "5.2",
                "python_version": "3.12",
                "settings_module": "settings",
                "time_zone": "UTC",
                "use_tz": True,
                "base_dir": None,
                "media_root": media,
                "media_url": "/media/",
                "static_root": None,
                "static_dirs": [],
                "log_files": [],
                "databases": databases,
                "models": [described],
            }
        )
        return lambda: description

    return make


def write(database: Path, **tables: list[str]) -> None:
    """Make a database of tables with one text column each: ``product__image=["a.jpg"]``."""
    with sqlite3.connect(database) as connection:
        for name, values in tables.items():
            table, _, column = name.partition("__")
            connection.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, {column} TEXT)")
            connection.executemany(
                f"INSERT INTO {table} ({column}) VALUES (?)", [(value,) for value in values]
            )
    connection.close()


def orphans(measuring: Measuring) -> FileCount | None:
    """Give the orphans that one measurement found."""
    latest = measuring.sources.files.latest
    assert "" == latest.problem
    assert latest.value is not None
    return latest.value.orphans.get("media")


def test_rows_in_other_databases_keep_their_files(
    parse: Callable[[str], Config],
    measure: Callable[..., Measuring],
    describe: Any,
    media: Path,
    tmp_path: Path,
) -> None:
    """Whatever a second database holds keeps files, a table of the same model or any other."""
    write(tmp_path / "default.sqlite3", product__image=["products/one.jpg"])
    write(tmp_path / "second.sqlite3", product__image=["products/two.jpg"])
    for name in ("one.jpg", "two.jpg", "three.jpg", "four.jpg"):
        (media / "products" / name).write_bytes(b"xy")
    alone = measure(parse(CONFIG), describe=describe())
    assert FileCount(files=3, size_bytes=6) == orphans(alone)
    both = {"aliases": ("default", "second"), "other_databases": ("second",)}
    assert FileCount(files=2, size_bytes=4) == orphans(measure(parse(CONFIG), describe=describe(**both)))
    write(tmp_path / "third.sqlite3", something__name=["products/three.jpg"])
    all_three = {**both, "aliases": ("default", "second", "third")}
    assert FileCount(files=1, size_bytes=2) == orphans(measure(parse(CONFIG), describe=describe(**all_three)))


def test_a_database_that_cannot_be_asked_is_a_problem(
    parse: Callable[[str], Config], measure: Callable[..., Measuring], describe: Any, tmp_path: Path
) -> None:
    """It may name any file: no figure is better than a wrong one."""
    write(tmp_path / "default.sqlite3", product__image=[])
    (tmp_path / "shop" / "media" / "products" / "a.jpg").write_bytes(b"x")
    measuring = measure(parse(CONFIG), describe=describe(aliases=("default", "away")))
    assert "away.sqlite3" in measuring.sources.files.latest.problem
    assert measuring.sources.files.latest.value is None


def test_any_text_keeps_files(
    parse: Callable[[str], Config],
    measure: Callable[..., Measuring],
    describe: Any,
    media: Path,
    tmp_path: Path,
) -> None:
    """A text of a table that no model and no config knows is searched as well, as long as it is there."""
    path = tmp_path / "default.sqlite3"
    write(
        path,
        product__image=["products/live.jpg"],
        nobody__knows=["see <img src='/media/products/a%20b.jpg'>"],
    )
    (media / "products" / "a b.jpg").write_bytes(b"x")
    measuring = measure(parse(CONFIG), describe=describe())
    assert NOTHING == orphans(measuring)
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM nobody")
    connection.close()
    measuring.run_once()
    assert FileCount(files=1, size_bytes=1) == orphans(measuring)


@pytest.mark.parametrize(
    ("storage", "stored", "expected"),
    [
        # The area is a part of the storage: the end of the name is the name in the area.
        ("", "media/products/a.jpg", NOTHING),
        ("media/products", "a.jpg", NOTHING),
        # Files elsewhere, with a name like ours: a cleanup would keep ours, too.
        ("elsewhere", "products/a.jpg", None),
    ],
)
def test_storages_around_below_and_beside_an_area(
    parse: Callable[[str], Config],
    measure: Callable[..., Measuring],
    describe: Any,
    media: Path,
    tmp_path: Path,
    storage: str,
    stored: str,
    expected: FileCount | None,
) -> None:
    """Names count from their storage; an area that no field writes to has no orphans at all."""
    write(tmp_path / "default.sqlite3", product__image=[stored])
    (media / "products" / "a.jpg").write_bytes(b"x")
    described = describe(storage=media.parent / storage)
    assert expected == orphans(measure(parse(CONFIG), describe=described))


def test_only_folders_that_fields_write_to_are_judged(
    parse: Callable[[str], Config],
    measure: Callable[..., Measuring],
    describe: Any,
    media: Path,
    tmp_path: Path,
) -> None:
    """A file beside them, or in a folder that no upload_to says, may be anybody's."""
    write(tmp_path / "default.sqlite3", product__image=["products/live.jpg"])
    for name in ("products/feeds", "invoices"):
        (media / name).mkdir()
        (media / name / "theirs.pdf").write_bytes(b"xyz")
    (media / "products" / "a.jpg").write_bytes(b"x")
    (media / "theirs.csv").write_bytes(b"xyz")
    described = describe()
    assert FileCount(files=1, size_bytes=1) == orphans(measure(parse(CONFIG), describe=described))


def test_nothing_is_an_orphan_where_nothing_may_be_judged(
    parse: Callable[[str], Config],
    measure: Callable[..., Measuring],
    describe: Any,
    media: Path,
    tmp_path: Path,
) -> None:
    """Uploads that lie beside the shop's own files are refused by the cleanup, so they are not counted."""
    write(tmp_path / "default.sqlite3", product__image=["products/a.jpg"])
    (media / "products" / "b.jpg").write_bytes(b"xy")
    beside = describe()().model_copy(update={"base_dir": media / "code"})
    assert None is orphans(measure(parse(CONFIG), describe=lambda: beside))
    assert FileCount(files=1, size_bytes=2) == orphans(measure(parse(CONFIG), describe=describe()))
