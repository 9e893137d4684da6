"""The pages that are made from the code are what the code says now."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from storekeeper.cli import storekeeper

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the pages as ``make docs`` writes them."""
    folder = tmp_path_factory.mktemp("docs")
    subprocess.run([sys.executable, CHECKOUT / "docs" / "build.py", "--output", folder], check=True)
    return folder


@pytest.mark.parametrize("name", ["commands.md", "config.md"])
def test_page_is_current(made: Path, name: str) -> None:
    """``make docs`` writes the page byte for byte: every key and option with its words and its default."""
    assert (CHECKOUT / "docs" / name).read_text("utf-8") == (made / name).read_text("utf-8")


def test_every_command_is_in_the_readme() -> None:
    """The README's table has a row for each command, and no row for what is none."""
    table = (CHECKOUT / "README.md").read_text("utf-8").split("## Commands\n")[1].split("\n## ")[0]
    documented = {
        row.split()[0] for row in re.findall(r"^\| `(?:storekeeper )?([^`]+)`", table, re.MULTILINE)
    }
    assert set(storekeeper.list_commands(click.Context(storekeeper))) == documented
