"""A lock that cannot be made is told with what to do."""

from pathlib import Path

import pytest

from storekeeper.errors import ConfigurationError
from storekeeper.files import ResourceLock


@pytest.mark.parametrize("below", ["", "locks"])
def test_state_folder_that_cannot_be_written(tmp_path: Path, below: str) -> None:
    """A state folder that is none, or may not be written, is a mistake of the config, told as one."""
    (tmp_path / "state").write_text("a file")
    lock = ResourceLock(tmp_path / "state" / below, resource="media", purpose="a test")
    with pytest.raises(ConfigurationError, match=r"media\.lock in the state folder cannot") as raised, lock:
        pass
    assert "state:" in (raised.value.hint or "")
