"""The services of ``storekeeper up`` count for its config while they run, and where it names no others."""

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from storekeeper.config import load_config
from storekeeper.config.running_loop import FILE_NAME, announced

PROMETHEUS, ALERTMANAGER = "http://127.0.0.1:19090", "http://127.0.0.1:19093"


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    """A config that names neither of the two."""
    path = tmp_path / "storekeeper.yml"
    path.write_text(f"shop: sample\nproject: {tmp_path}\nstate: state\n")
    return path


def addresses(config_file: Path) -> tuple[str | None, str | None]:
    """Give where a command with this config finds the two."""
    config = load_config(config_file)
    return (
        config.prometheus.url if config.prometheus else None,
        config.alertmanager.url if config.alertmanager else None,
    )


def test_running_loop_fills_what_the_config_leaves_open(config_file: Path) -> None:
    """Both are known while they run, also to others; a key of the config wins; afterwards nobody is known."""
    assert (None, None) == addresses(config_file)
    with announced(load_config(config_file), prometheus=PROMETHEUS, alertmanager=ALERTMANAGER):
        assert (PROMETHEUS, ALERTMANAGER) == addresses(config_file)
        text = config_file.read_text()
        config_file.write_text(text + "alertmanager: {url: https://alerts.example}\n")
        assert (PROMETHEUS, "https://alerts.example") == addresses(config_file)
        config_file.write_text(text)
    assert (None, None) == addresses(config_file)
    assert [] == list((config_file.parent / "state").iterdir())


def test_loop_that_was_killed_counts_for_nothing(config_file: Path) -> None:
    """What a process left behind that is gone, or whose number another has now, is not believed."""
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        started = psutil.Process(gone.pid).create_time()
    state = config_file.parent / "state"
    state.mkdir()
    mine = psutil.Process()
    for process, begun in ((gone.pid, started), (mine.pid, mine.create_time() - 60)):
        told = {
            "process": process,
            "process_started": begun,
            "prometheus": {"url": PROMETHEUS},
            "alertmanager": {"url": ALERTMANAGER},
        }
        (state / FILE_NAME).write_text(json.dumps(told))
        assert (None, None) == addresses(config_file)
    told = told | {"process_started": mine.create_time()}
    (state / FILE_NAME).write_text(json.dumps(told))
    assert (PROMETHEUS, ALERTMANAGER) == addresses(config_file)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"process": "all"}', "\x00\xff"])
def test_broken_file_is_none(config_file: Path, content: str) -> None:
    """A file that is none of ours stops no command."""
    (config_file.parent / "state").mkdir()
    (config_file.parent / "state" / FILE_NAME).write_bytes(content.encode("latin-1"))
    assert (None, None) == addresses(config_file)
