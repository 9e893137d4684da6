"""The watch over the config outlives what goes wrong with one version of it."""

import threading
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
        self.calls: list[str] = []

    def start(self) -> None:
        self.calls.append("start")

    def stop(self) -> None:
        self.calls.append("stop")

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


class Slow(Idle):
    """Measurements whose first attempt lasts until the test lets it end."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.waiting = threading.Event()
        self.may_end = threading.Event()

    def wait_until_ready(self, *, timeout_seconds: float) -> None:
        self.waiting.set()
        assert self.may_end.wait(60)


def test_stop_waits_for_no_measurement(tmp_path: Path) -> None:
    """A config that is just coming into use keeps nobody waiting at the end, and measures no longer."""
    file = tmp_path / "storekeeper.yml"
    made: list[Slow] = []

    def make(config: Config) -> Measuring:
        made.append(Slow(config))
        return cast("Measuring", made[-1])

    file.write_text(f"shop: first\nproject: {tmp_path}\nstate: state\n")
    reloading = Reloading(file, make=make)
    reloading.start()
    file.write_text(f"shop: second\nproject: {tmp_path}\nstate: state\n")
    reloading.ask()
    while len(made) < 2:
        time.sleep(0.05)
    assert made[1].waiting.wait(60)
    reloading.stop()
    assert [["start", "stop"], ["start", "stop"]] == [one.calls for one in made]
    made[1].may_end.set()
