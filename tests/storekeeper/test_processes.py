"""Programs that cannot be started are an error in our own words."""

from pathlib import Path

import pytest

from storekeeper.errors import ProcessFailed
from storekeeper.processes import run, start


@pytest.mark.parametrize(
    "starter", [lambda words: run(words, timeout_seconds=10), start], ids=["run", "start"]
)
def test_program_that_cannot_be_started_is_named(tmp_path: Path, starter: object) -> None:
    """A missing one, a file that nobody may execute, and a folder."""
    (tmp_path / "text").write_text("no program")
    (tmp_path / "folder").mkdir()
    said = []
    for name in ("missing", "text", "folder"):
        with pytest.raises(ProcessFailed) as failure:
            starter([tmp_path / name])  # type: ignore[operator]
        said.append(failure.value.message.replace(str(tmp_path), "."))
    assert [
        "./missing cannot be started: there is no such program or folder",
        "./text cannot be started: Permission denied",
        "./folder cannot be started: Permission denied",
    ] == said
