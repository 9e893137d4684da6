"""The watch over the config outlives what goes wrong with one version of it."""

import time
from pathlib import Path
from typing import Any, cast

from exporter.measuring import Measuring
from exporter.reload import Reloading
from storekeeper.config import Config


class Idle:
    """Measurements of nothing."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def wait_until_ready(self, *, timeout_seconds: float) -> None: ...


def test_the_watch_goes_on_after_an_unforeseen_failure(tmp_path: Path) -> None:
    """A config that cannot be measured leaves the one before in use; the next one is heard of."""
    file = tmp_path / "storekeeper.yml"

    def write(shop: str) -> None:
        file.write_text(f"shop: {shop}\nproject: {tmp_path}\nstate: state\n")

    def make(config: Config) -> Measuring:
        if config.shop == "unlucky":
            raise RuntimeError("nobody foresaw this")
        return cast("Measuring", Idle(config))

    def until(look: Any) -> None:
        deadline = time.monotonic() + 20
        while not look():
            assert time.monotonic() < deadline, reloading.status()
            time.sleep(0.05)

    write("first")
    reloading = Reloading(file, make=make)
    reloading.start()
    try:
        write("unlucky")
        reloading.ask()
        until(lambda: not reloading.status()[0])
        assert "first" == reloading.current().config.shop
        write("third")
        reloading.ask()
        until(lambda: reloading.current().config.shop == "third")
        until(lambda: reloading.status()[0])
    finally:
        reloading.stop()
