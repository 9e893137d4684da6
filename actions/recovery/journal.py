"""How far a recovery has come, so that one that was killed goes on instead of refusing its own work."""

import json
from pathlib import Path
from typing import Final

from storekeeper.backups import Manifest, plain_name
from storekeeper.files import PartialFile
from storekeeper.files.private import make_private_folder
from storekeeper.measure.recovery import FOLDER

BEGUN: Final = "begun"
DONE: Final = "done"


class RecoveryJournal:
    """
    Which backups have been begun and done; durable when a method has returned.

    What another backup had begun in the same place counts for nothing.
    """

    def __init__(self, state: Path) -> None:
        self._path = state / FOLDER / "recovery.json"
        try:
            said = json.loads(self._path.read_bytes())
            self._states: dict[str, str] = {str(key): str(value) for key, value in said.items()}
        except (OSError, ValueError, AttributeError):
            self._states = {}

    def state_of(self, manifest: Manifest) -> str:
        """Return ``done``, ``begun``, or ``""`` for a backup that no run has begun to restore."""
        return self._states.get(_key(manifest), "")

    def note(self, manifest: Manifest, state: str) -> None:
        """Keep how far the backup has come."""
        self._states[_key(manifest)] = state
        make_private_folder(self._path.parent)
        with PartialFile(self._path) as file:
            file.stream.write(json.dumps(self._states, indent=1).encode("utf-8"))
            file.finish(replace=True)

    def clear(self) -> None:
        """Forget all: the recovery has come to its end."""
        self._path.unlink(missing_ok=True)


def _key(manifest: Manifest) -> str:
    # The same for an encrypted copy and the backup in it.
    return f"{plain_name(manifest.file)} of {manifest.created.isoformat()}"
