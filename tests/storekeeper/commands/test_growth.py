"""Growth against last month, as a real Prometheus remembers it."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from storekeeper.commands.growth import QUERY, sizes_month_ago
from storekeeper.config import Config, parse_config
from storekeeper.errors import StorekeeperError
from storekeeper.stack.ports import PortClaims


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a Prometheus whose memory holds two shops; give its address."""
    folder = tmp_path_factory.mktemp("prometheus")
    now = int(time.time())
    lines = [f"# TYPE {QUERY} gauge"]
    for labels, value in (
        ('instance="web:9731",shop="madamda",resource="database",database="default"', 2_000_000),
        ('instance="web:9731",shop="madamda",resource="media",area="media"', 50_000_000),
        ('instance="web:9731",shop="other",resource="media",area="media"', 1),
    ):
        lines += [f"{QUERY}{{{labels}}} {value} {moment}" for moment in range(now - 240, now + 600, 60)]
    (folder / "history.txt").write_text("\n".join([*lines, "# EOF", ""]))
    data = folder / "data"
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", folder / "history.txt", data],
        check=True, capture_output=True,
    )  # fmt: skip
    (folder / "prometheus.yml").write_text("global: {scrape_interval: 1h}\n")
    claims = PortClaims()
    address = f"127.0.0.1:{claims.claim(19090)}"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            ["prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={data}",
             f"--web.listen-address={address}"],
            stderr=log,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                if requests.get(f"http://{address}/-/ready", timeout=2).ok:
                    break
            except requests.ConnectionError:
                pass
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.2)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait()


def config(folder: Path, *, shop: str, url: str = "") -> Config:
    """Give a config that names this Prometheus."""
    text = f"shop: {shop}\nproject: .\n" + (f"prometheus: {{url: '{url}'}}\n" if url else "")
    return parse_config(text, name="storekeeper.yml", folder=folder)


def test_sizes_of_this_shop_are_given(prometheus: str, tmp_path: Path) -> None:
    """Of several shops the one of the config is told, by the names of the report."""
    found = sizes_month_ago(config(tmp_path, shop="madamda", url=prometheus))
    assert {"database default": 2_000_000, "media": 50_000_000} == found


def test_unknown_shop_among_several_has_no_history(prometheus: str, tmp_path: Path) -> None:
    """Sizes of other shops, on the same instance too, are never this one's."""
    assert {} == sizes_month_ago(config(tmp_path, shop="third", url=prometheus))


def test_no_prometheus_is_no_growth(tmp_path: Path) -> None:
    """Without a Prometheus in the config nothing is asked; one that is down is told."""
    assert {} == sizes_month_ago(config(tmp_path, shop="madamda"))
    with pytest.raises(StorekeeperError, match="does not tell"):
        sizes_month_ago(config(tmp_path, shop="madamda", url="http://127.0.0.1:1"))
