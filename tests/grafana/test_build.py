"""The committed JSON is what the code builds."""

import subprocess
import sys
from pathlib import Path

from tests.grafana.queries import FOLDER, dashboards

BUILD = FOLDER.parent / "build.py"
UIDS = {
    "storekeeper-overview",
    "storekeeper-databases",
    "storekeeper-media",
    "storekeeper-logs-backups",
    "storekeeper-actions",
}


def test_the_committed_files_equal_a_fresh_build(tmp_path: Path) -> None:
    """`make dashboards` would change no byte, add no file and miss none."""
    subprocess.run([sys.executable, "-B", BUILD, "--output", tmp_path], check=True)
    fresh = {file.name: file.read_text(encoding="utf-8") for file in tmp_path.iterdir()}
    committed = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.glob("*.json")}
    assert committed == fresh


def test_the_uids_are_the_contract() -> None:
    """Alert rules and bookmarks go by these uids; each file is called after its own."""
    assert {name: dashboard["uid"] for name, dashboard in dashboards().items()} == {uid: uid for uid in UIDS}
