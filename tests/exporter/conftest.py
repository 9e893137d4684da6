"""What the exporter's tests share: measurements of a config, and pages read as values."""

from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.measuring import Measuring
from exporter.page import Page
from storekeeper.config import Config, parse_config
from storekeeper.errors import ShopError
from storekeeper.shop import ShopDescription

Values = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def no_shop() -> ShopDescription:
    """Be a shop that is broken."""
    raise ShopError("the shop is broken")


@pytest.fixture
def parse(tmp_path: Path) -> Callable[[str], Config]:
    """Give a config from its YAML; the project is ``tmp_path/shop``, the state beside it."""

    def make(text: str) -> Config:
        (tmp_path / "shop").mkdir(exist_ok=True)
        head = f"shop: madamda\nproject: shop\nstate: {tmp_path}/state\n"
        return parse_config(head + text, name="storekeeper.yml", folder=tmp_path)

    return make


@pytest.fixture
def measure() -> Callable[..., Measuring]:
    """Give measurements of a config that were all made once."""

    def make(config: Config, *, describe: Callable[[], ShopDescription] = no_shop) -> Measuring:
        measuring = Measuring(config, describe=describe)
        measuring.run_once()
        return measuring

    return make


@pytest.fixture
def values_of() -> Callable[..., Values]:
    """Read one page: (name, sorted labels but for the shop) → value; every series is of this shop."""

    def read(measuring: Measuring) -> Values:
        body, _ = Page(measuring.scraper, shop="madamda", timeout_seconds=10, process_families=False).encode(
            ""
        )
        samples = [
            sample for family in text_string_to_metric_families(body.decode()) for sample in family.samples
        ]
        assert {sample.labels.pop("shop", None) for sample in samples} == {"madamda"}
        return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in samples}

    return read
