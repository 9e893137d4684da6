"""The exporter as a service: a real process, signals, a changed config, TLS and users."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bcrypt
import pytest
import requests

from exporter.run import Exporter, run_exporter
from storekeeper.config import Config
from storekeeper.errors import ConfigurationError, ShopError
from storekeeper.shop import ShopDescription

PROGRAM = """
import sys
from pathlib import Path
from exporter.run import run_exporter
from storekeeper.errors import ShopError
from storekeeper.log import set_up_logging

def describe(config):
    raise ShopError("the shop is broken")

set_up_logging()
run_exporter(Path(sys.argv[1]), describe=describe, listen=["127.0.0.1:0"])
"""


def no_shop(_: Config) -> ShopDescription:
    """Be a shop that is broken."""
    raise ShopError("the shop is broken")


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    """A config of one area and one database."""
    (tmp_path / "shop" / "media").mkdir(parents=True)
    (tmp_path / "shop" / "other").mkdir()
    file = tmp_path / "storekeeper.yml"
    file.write_text(
        f"shop: madamda\nproject: shop\nstate: {tmp_path}/state\n"
        "exporter: {interval: 1s}\nareas: {media: {path: media, limit: 500MB}}\n",
        "utf-8",
    )
    return file


Start = Callable[..., Exporter]


@pytest.fixture
def start(config_file: Path) -> Iterator[Start]:
    """Start exporters beside the test; all are stopped at the end."""
    exporters = []

    def make(**options: object) -> Exporter:
        exporter = Exporter(config_file, describe=no_shop, **{"listen": ["127.0.0.1:0"], **options})  # type: ignore[arg-type]
        exporters.append(exporter)
        exporter.start()
        return exporter

    yield make
    for exporter in exporters:
        exporter.stop()


def page(exporter: Exporter) -> str:
    """Scrape over plain HTTP."""
    return requests.get(f"http://127.0.0.1:{exporter.web.port}/metrics", timeout=20).text


def page_with(exporter: Exporter, text: str) -> str:
    """Scrape until the page holds the text; give the last page in any case."""
    until = time.monotonic() + 20
    while text not in (found := page(exporter)) and time.monotonic() < until:
        time.sleep(0.05)
    return found


def test_process_serves_reloads_on_hangup_and_ends_on_term(config_file: Path) -> None:
    """SIGHUP has the config read again, SIGTERM ends the process with code 0 and a last word."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(config_file)], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        log = ""
        while "listening on port" not in log:
            line = process.stderr.readline()
            assert line, log
            log += line
        found = re.search(r"listening on port (\d+)", log)
        assert found is not None
        url = f"http://127.0.0.1:{found[1]}/"
        assert 200 == requests.get(url, timeout=20).status_code
        os.kill(process.pid, signal.SIGHUP)
        while "read " not in line:
            line = process.stderr.readline()
            assert line
        os.kill(process.pid, signal.SIGTERM)
        rest = process.stderr.read()
        assert 0 == process.wait(20)
    assert "stopped" in rest
    assert "Traceback" not in log + rest


def test_changed_config_takes_effect_without_restart(start: Start, config_file: Path) -> None:
    """An area that was renamed in the config has its new name on the page, and the old series ends."""
    exporter = start()
    series = 'area_size_bytes{area="media",shop="madamda"}'
    assert series in page_with(exporter, series)
    config_file.write_text(
        config_file.read_text("utf-8").replace("{media: {path: media", "{ads: {path: other")
    )
    changed = page_with(exporter, 'area="ads"')
    assert 'storekeeper_area_size_bytes{area="ads",shop="madamda"}' in changed
    assert 'area="media"' not in changed
    assert 'reload_successful{shop="madamda"} 1.0' in page_with(
        exporter, 'reload_successful{shop="madamda"} 1.0'
    )


def test_broken_config_changes_nothing_but_is_told(start: Start, config_file: Path) -> None:
    """With a broken file the old config stays in use and its metric says so; mended, it says that too."""
    exporter = start()
    good = config_file.read_text("utf-8")
    config_file.write_text(good + "unknown_key: 1\n", "utf-8")
    broken = page_with(exporter, 'storekeeper_config_last_reload_successful{shop="madamda"} 0.0')
    assert 'storekeeper_config_last_reload_successful{shop="madamda"} 0.0' in broken
    assert 'storekeeper_area_limit_bytes{area="media",shop="madamda"} 5e+08' in broken
    config_file.write_text(good, "utf-8")
    mended = 'storekeeper_config_last_reload_successful{shop="madamda"} 1.0'
    assert mended in page_with(exporter, mended)


def test_password_protects_every_page(start: Start, config_file: Path, tmp_path: Path) -> None:
    """With users in the web config nothing is shown without one, not even the health page."""
    web_config = tmp_path / "web.yml"
    password = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
    web_config.write_text(f"basic_auth_users: {{prometheus: '{password}'}}", "utf-8")
    exporter = start(web_config_file=web_config)
    for path in ("/", "/metrics", "/-/healthy", "/-/ready", "/no"):
        url = f"http://127.0.0.1:{exporter.web.port}{path}"
        assert 401 == requests.get(url, timeout=20).status_code
    url = f"http://127.0.0.1:{exporter.web.port}/metrics"
    assert 200 == requests.get(url, auth=("prometheus", "secret"), timeout=20).status_code


def test_wrong_config_or_address_is_told_before_anything_starts(config_file: Path) -> None:
    """A broken config and an unclear address raise, so the command can end with code 2."""
    with pytest.raises(ConfigurationError, match="is not an address"):
        run_exporter(config_file, describe=no_shop, listen=["9731"])
    config_file.write_text("shop: madamda\nareas: 1\n", "utf-8")
    with pytest.raises(ConfigurationError, match="problem"):
        run_exporter(config_file, describe=no_shop)


def test_textfile_is_written_whole_and_without_figures_of_the_process(
    config_file: Path, tmp_path: Path
) -> None:
    """One page appears at once under its name; node_exporter's own names are not in it."""
    target = tmp_path / "textfile" / "storekeeper.prom"
    target.parent.mkdir()
    run_exporter(config_file, describe=no_shop, textfile=target)
    text = target.read_text("utf-8")
    assert 'storekeeper_area_size_bytes{area="media",shop="madamda"}' in text
    assert "process_" not in text
    assert "python_gc" not in text
    assert [target] == list(target.parent.iterdir())
