"""The whole loop on a sample shop: real Prometheus, real Alertmanager, our two services."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from storekeeper.stack.demonstration import DemonstrationShop
from storekeeper.stack.loop import DEMONSTRATION_PACE, Loop
from storekeeper.stack.observe import Observation, Observer
from storekeeper.stack.services import Services

# Generous: the machines of continuous integration are slow and shared.
PATIENCE_SECONDS = 180.0


@dataclass
class RunningLoop:
    """A shop under the loop's care; ``wait_until`` looks on until something is so, and times it."""

    folder: Path
    shop: DemonstrationShop
    config_file: Path
    media_limit: int
    loop: Loop
    services: Services
    observer: Observer
    stages: list[tuple[str, float]] = field(default_factory=list)

    def wait_until(self, name: str, reached: Callable[[Observation], Any]) -> Observation:
        """Give the first look at which ``reached`` is true; its seconds go to the list of stages."""
        start = time.monotonic()
        while True:
            self.services.check()
            seen = self.observer.look()
            if reached(seen):
                self.stages.append((name, time.monotonic() - start))
                return seen
            assert time.monotonic() - start < PATIENCE_SECONDS, f"{name} did not come; last seen: {seen}"
            time.sleep(0.3)


@pytest.fixture
def start_loop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., RunningLoop]]:
    """A factory that starts the services of a prepared loop; at the end it tells how long each stage took."""
    with ExitStack() as stack:

        def start(shop: DemonstrationShop, *, config_file: Path, loop: Loop, media_limit: int) -> RunningLoop:
            services = stack.enter_context(Services(loop.services(), folder=tmp_path / "logs"))
            observer = Observer(
                prometheus=loop.addresses.prometheus,
                receiver=loop.addresses.receiver,
                token=loop.token_file.read_text().strip(),
            )
            running = RunningLoop(
                folder=tmp_path,
                shop=shop,
                config_file=config_file,
                media_limit=media_limit,
                loop=loop,
                services=services,
                observer=observer,
            )
            stack.callback(_tell, running, capsys)
            return running

        yield start


@pytest.fixture
def running_loop(tmp_path: Path, start_loop: Callable[..., RunningLoop]) -> RunningLoop:
    """Build the sample shop, start the four services, and print how long each stage took."""
    shop = DemonstrationShop(tmp_path)
    shop.build()
    config_file = tmp_path / "storekeeper.yml"
    loop = Loop(config_file, state=tmp_path / "loop", pace=DEMONSTRATION_PACE)
    limit = shop.write_config(config_file, state=tmp_path / "state", token_file=loop.token_file)
    loop.prepare()
    return start_loop(shop, config_file=config_file, loop=loop, media_limit=limit)


def _tell(running: RunningLoop, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print()
        for name, seconds in running.stages:
            print(f"  {seconds:6.1f}s  {name}")
