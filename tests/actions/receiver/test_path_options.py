"""Options that are paths, over HTTP, with the real actions."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from actions.receiver.service import ReceiverService
from actions.table import ACTIONS
from storekeeper.config import Config
from tests.receiver_url import receiver_url

# Every option of an action that names a file or a folder.
PATHS = (
    ("backup_database", "output"),
    ("backup_media", "output"),
    ("drill", "from_"),
    ("drill", "identity"),
    ("prune_backups", "output"),
    ("restore_backup", "file"),
    ("restore_backup", "identity"),
    ("verify_backup", "file"),
    ("verify_backup", "identity"),
)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A receiver with the real actions, of which none is to begin."""
    folder = tmp_path_factory.mktemp("paths")
    keys = {"shop": "sample", "host": "machine", "project": str(folder), "state": str(folder / "state")}
    config = Config.model_validate(keys)
    listening = config.receiver.model_copy(update={"listen": "127.0.0.1:0"})
    service = ReceiverService(config.model_copy(update={"receiver": listening}))
    service.start()
    service.web.start()
    yield receiver_url(config.state, service.web.port)
    service.stop()


# A restore asks for its file first, and that is a path already.
@pytest.mark.parametrize(
    ("action", "option"), [one for one in PATHS if one != ("restore_backup", "identity")]
)
def test_path_is_given_on_the_command_line_only(url: str, action: str, option: str, tmp_path: Path) -> None:
    """Whoever may ask over HTTP may not yet write, or read, where the receiver may."""
    wanted = {"action": action, "options": {option: str(tmp_path)}}
    answer = requests.post(f"{url}/api/v1/runs", json=wanted, timeout=30)
    assert (400, {"error": f"{option}: paths are given on the command line only."}) == (
        answer.status_code,
        answer.json(),
    )
    assert [] == requests.get(f"{url}/api/v1/runs", timeout=30).json()["runs"]


def test_no_option_that_is_a_path_is_forgotten() -> None:
    """Whatever takes a path for a value stands in the table above."""
    found = []
    for name, action in ACTIONS.items():
        schema: dict[str, Any] = action.Options.model_json_schema()
        for option in schema["properties"]:
            annotation = str(action.Options.model_fields[option].annotation)
            if "pathlib." in annotation:
                found.append((name, option))
    assert sorted(PATHS) == sorted(found)
