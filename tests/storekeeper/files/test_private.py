"""What storekeeper keeps for itself is its user's alone."""

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from actions.images.journal import RunMap
from actions.media.removal_journal import RemovalJournal
from storekeeper.files import ResourceLock
from storekeeper.files.private import make_private_folder


@pytest.fixture
def _open_umask() -> Iterator[None]:
    """Every new file and folder would be everybody's."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_open_umask")
def test_every_folder_that_is_made_is_private(tmp_path: Path) -> None:
    """With no umask at all, nobody else may enter the state folder, whatever makes it first."""
    with ResourceLock(tmp_path / "one" / "locks", resource="media", purpose="a test"):
        pass
    RemovalJournal(tmp_path / "two" / "state", name="cleanup").write(tmp_path, [])
    RunMap(tmp_path / "three" / "state" / "maps" / "run.jsonl").begin(area="media", root=tmp_path)
    make_private_folder(tmp_path / "four" / "five")
    made = [path for path in tmp_path.rglob("*") if path.is_dir()]
    assert len(made) == 9
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {
        0o777 if sys.platform == "win32" else 0o700
    }


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    """A folder that the user has made keeps its mode."""
    (tmp_path / "shared").mkdir(mode=0o755)
    make_private_folder(tmp_path / "shared")
    assert stat.S_IMODE((tmp_path / "shared").stat().st_mode) == 0o755
