"""From a source in the config to an address."""

from pathlib import Path
from typing import Any

import pytest

from storekeeper.config import DatabaseSource
from storekeeper.databases import DatabaseAddress, Engine
from storekeeper.databases.resolve import resolve
from storekeeper.errors import ConfigurationError, DatabaseUnavailable, ShopError
from storekeeper.shop import ShopDescription

SQLITE = {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}


def description(**databases: dict[str, Any]) -> ShopDescription:
    """Give a shop with these databases."""
    return ShopDescription(
        django_version="5.2",
        python_version="3.11.0",
        settings_module="shop.settings",
        time_zone="UTC",
        use_tz=True,
        base_dir=None,
        media_root=None,
        media_url="/media/",
        static_root=None,
        static_dirs=(),
        log_files=(),
        databases=databases,
        models=(),
    )


def no_shop() -> ShopDescription:
    """Be a shop that is broken."""
    raise ShopError("broken")


def address(source: DatabaseSource, *, shop: Any = no_shop) -> DatabaseAddress:
    """Resolve the source of the database ``main`` of the project /srv/shop."""
    return resolve("main", source, project=Path("/srv/shop"), description=shop)


def test_alias_is_what_the_shop_says() -> None:
    """A Django alias gives the address in the shop's settings; a relative file counts from the project."""
    found = address(DatabaseSource(django="default"), shop=lambda: description(default=SQLITE))
    expected = DatabaseAddress(name="main", engine=Engine.SQLITE, path=Path("/srv/shop/db.sqlite3"))
    assert expected == found


def test_url_needs_no_shop() -> None:
    """A URL is understood while the shop is broken."""
    assert Path("/data/db") == address(DatabaseSource(url="sqlite:////data/db")).path


def test_url_file_is_read_each_time(tmp_path: Path) -> None:
    """A URL that was rewritten counts at the next call."""
    source = DatabaseSource(url_file=tmp_path / "url")
    for name in ("one", "two"):
        (tmp_path / "url").write_text(f"postgresql://u:p@db/{name}\n", "utf-8")
        assert name == address(source).parameters["dbname"]


def test_what_is_wrong_is_told_without_the_url(tmp_path: Path) -> None:
    """Unknown aliases, missing and senseless files raise errors that show no secret."""
    with pytest.raises(ConfigurationError, match="no database 'other'") as unknown:
        address(DatabaseSource(django="other"), shop=lambda: description(default=SQLITE))
    assert "Its DATABASES has default" == unknown.value.hint
    with pytest.raises(ShopError):
        address(DatabaseSource(django="default"))
    with pytest.raises(DatabaseUnavailable, match="cannot be read: No such file"):
        address(DatabaseSource(url_file=tmp_path / "no"))
    (tmp_path / "url").write_text("mysql://u:hunter2@db/shop", "utf-8")
    with pytest.raises(ConfigurationError) as senseless:
        address(DatabaseSource(url_file=tmp_path / "url"))
    assert "hunter2" not in str(senseless.value)
    (tmp_path / "url").write_bytes(b"\xff\xfe")
    with pytest.raises(DatabaseUnavailable, match="not UTF-8"):
        address(DatabaseSource(url_file=tmp_path / "url"))


@pytest.mark.parametrize(("engine", "tool"), [("mysql", "mysqldump"), ("oracle", "expdp")])
def test_other_engines_are_refused_with_what_is_possible(engine: str, tool: str) -> None:
    """A database of another kind is named, with what goes on without it and what backs it up."""
    settings = {"ENGINE": f"django.db.backends.{engine}", "NAME": "shop"}
    with pytest.raises(ConfigurationError, match=rf"database main: the engine django.*{engine}") as found:
        address(DatabaseSource(django="old"), shop=lambda: description(old=settings))
    assert "media, logs, disks and the other databases are kept without it" in found.value.hint
    assert tool in found.value.hint
