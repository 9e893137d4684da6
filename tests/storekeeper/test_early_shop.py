"""The shop's Django is started once and early, and only the one that the config means is ever asked."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from storekeeper.cli import storekeeper
from storekeeper.early_shop import ASKING, start_early, take

STARTS = """
with open(__file__ + ".starts", "a") as starts:
    starts.write(" ".join(__import__("sys").argv[1:]) + "\\n")
print("printed by the shop")
"""


@pytest.fixture
def counting(make_shop: Callable[..., Any]) -> Any:
    """Give a shop that notes each start of its Django, and prints something then."""
    shop = make_shop("sqlite", orders=5, copied=True)
    settings = Path(shop.project) / "madamda" / "settings.py"
    settings.write_text(settings.read_text("utf-8") + STARTS, "utf-8")
    (Path(shop.project) / "storekeeper.yml").write_text(
        f"shop: counting\nproject: .\npython: {sys.executable}\nstate: state\n", "utf-8"
    )
    return shop


def starts(shop: Any) -> list[str]:
    """Return with which words its Django was started so far."""
    noted = Path(shop.project) / "madamda" / "settings.py.starts"
    return noted.read_text("utf-8").splitlines() if noted.exists() else []


def run(shop: Any, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run a program in the shop's folder."""
    return subprocess.run(
        [sys.executable, *words], cwd=shop.project, env=shop.environment, capture_output=True, text=True
    )


def test_every_command_that_is_expected_to_ask_is_one() -> None:
    """The list names commands of ours, and none that has gone."""
    assert set(storekeeper.list_commands(click.Context(storekeeper))) >= ASKING


@pytest.mark.parametrize("program", [("-m", "storekeeper"), ("manage.py",)], ids=["storekeeper", "manage.py"])
def test_a_backup_starts_the_shop_once(counting: Any, program: tuple[str, ...]) -> None:
    """From our own command and from manage.py, whose Django answers itself; what it prints stays apart."""
    done = run(counting, *program, "backup_database", "--json")
    assert 0 == done.returncode, done.stderr
    assert 1 == len(starts(counting))
    printed = done.stdout.removeprefix("printed by the shop\n") if "manage.py" in program else done.stdout
    assert 1 == json.loads(printed)["changed"]


def test_a_broken_shop_is_told_as_always(counting: Any) -> None:
    """What fails before anybody asked is told to the first who asks."""
    settings = Path(counting.project) / "madamda" / "settings.py"
    settings.write_text(settings.read_text("utf-8") + "\nraise RuntimeError('no secret key')\n", "utf-8")
    done = run(counting, "-m", "storekeeper", "backup_database")
    assert 1 == done.returncode
    assert "the shop's settings (madamda.settings) fail: RuntimeError: no secret key" in done.stderr


def test_an_interpreter_of_another_project_is_not_asked(counting: Any, tmp_path: Path) -> None:
    """The config is what decides: an interpreter that does not fit is ended."""
    config = Path(counting.project) / "storekeeper.yml"
    words = ["backup_database", f"--config.file={config}"]
    python = Path(sys.executable)
    for other in (
        {"python": python, "project": tmp_path, "settings": None},
        {"python": tmp_path / "python", "project": Path(counting.project), "settings": None},
        {"python": python, "project": Path(counting.project), "settings": "madamda.others"},
    ):
        start_early(words, project=None)
        assert take(other.pop("python"), **other) is None
    start_early(words, project=None)
    found = take(python, project=Path(counting.project), settings=None)
    assert found is not None
    assert take(python, project=Path(counting.project), settings=None) is None
    assert found.stop(kill=True)
    found.close()


@pytest.mark.parametrize(
    "text", ["", "- a list", "project: [", "python: ${PYTHON}", "project: 7", "settings: [a]", "\0"]
)
def test_a_config_that_tells_nothing_starts_nothing(tmp_path: Path, text: str) -> None:
    """What is wrong with a config is told when it is read; nothing waits then."""
    (tmp_path / "storekeeper.yml").write_text(text, "utf-8")
    start_early(["backup_database", "--config.file", str(tmp_path / "storekeeper.yml")], project=None)
    assert take(Path(sys.executable), project=tmp_path, settings=None) is None
