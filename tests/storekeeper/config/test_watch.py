"""The watch over the config file: what is taken into use, what is not, and how it ends."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from storekeeper.config import Config
from storekeeper.config.watch import ConfigWatch
from storekeeper.errors import ConfigurationError


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    """``write(shop)``: the config file of a shop of that name."""

    def write_config(shop: str) -> Path:
        file = tmp_path / "storekeeper.yml"
        file.write_text(f"shop: {shop}\nproject: {tmp_path}\n", "utf-8")
        return file

    return write_config


def until(look: Callable[[], bool]) -> None:
    """Wait until ``look`` is true."""
    deadline = time.monotonic() + 30
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_changed_file_is_taken_into_use(write: Callable[[str], Path]) -> None:
    """A new content is used once; a broken one, or one that is refused, is told and used by nobody."""
    used: list[str] = []

    def use(config: Config) -> None:
        if config.shop == "refused":
            raise ConfigurationError("this shop cannot be used")
        if config.shop == "unlucky":
            raise RuntimeError("nobody foresaw this")
        used.append(config.shop)

    file = write("first")
    watch = ConfigWatch(file, use=use, look_seconds=0.02)
    watch.start()
    try:
        for shop in ("madamda", "refused", "second", "unlucky", "third"):
            write(shop)
            good = shop not in ("refused", "unlucky")
            until(lambda good=good, shop=shop: watch.status()[0] is good and (not good or shop in used))  # type: ignore[misc]
        file.write_text("shop: [", "utf-8")
        until(lambda: not watch.status()[0])
        file.unlink()
        write("fourth")
        until(lambda: watch.status()[0])
    finally:
        watch.stop()
        watch.join()
    assert ["madamda", "second", "third", "fourth"] == used


def test_asked_watch_reads_an_unchanged_file(write: Callable[[str], Path]) -> None:
    """Who asks, as by SIGHUP, has the file read though it is as it was, with a later moment."""
    used: list[str] = []
    watch = ConfigWatch(write("same"), use=lambda config: used.append(config.shop), look_seconds=3600)
    before = watch.status()[1]
    watch.start()
    watch.ask()
    until(lambda: watch.status()[1] > before)
    watch.stop()
    watch.join()
    assert ["same"] == used


def test_end_waits_only_for_who_asks_it_to(write: Callable[[str], Path]) -> None:
    """``stop`` returns at once; after ``join`` a config that was coming is in use, and none follows."""
    begun, go_on = threading.Event(), threading.Event()
    used: list[str] = []

    def use(config: Config) -> None:
        begun.set()
        assert go_on.wait(60)
        used.append(config.shop)

    watch = ConfigWatch(write("first"), use=use, look_seconds=0.02)
    watch.start()
    write("second")
    assert begun.wait(30)
    watch.stop()
    assert [] == used
    write("third")
    go_on.set()
    watch.join()
    assert ["second"] == used
