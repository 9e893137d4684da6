"""What the tests of measuring share: configs from a few lines."""

from collections.abc import Callable
from pathlib import Path

import pytest

from storekeeper.config import Config, parse_config


@pytest.fixture
def parse(tmp_path: Path) -> Callable[[str], Config]:
    """Return a config from its YAML; the project is ``tmp_path/shop``, the state beside it."""

    def make(text: str) -> Config:
        (tmp_path / "shop").mkdir(exist_ok=True)
        head = f"shop: madamda\nproject: shop\nstate: {tmp_path}/state\n"
        return parse_config(head + text, name="storekeeper.yml", folder=tmp_path)

    return make
