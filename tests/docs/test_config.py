"""The reference of the config is what the model of the config says."""

import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


def test_reference_is_current(tmp_path: Path) -> None:
    """``make docs`` writes docs/config.md byte for byte: every key with its words and its default."""
    output = tmp_path / "config.md"
    subprocess.run([sys.executable, CHECKOUT / "docs" / "build.py", "--output", output], check=True)
    assert (CHECKOUT / "docs" / "config.md").read_text("utf-8") == output.read_text("utf-8")
