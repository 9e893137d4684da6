"""The environment in which ``make test`` installs the Django projects of other people."""

import sys
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[1]
# With another Python make adds its version to both: .venv-3.13 and .venv-projects-3.13.
_OWN = Path(sys.prefix).name
_SUFFIX = _OWN.removeprefix(".venv") if _OWN.startswith(".venv") else ""

PROJECTS_PYTHON = _CHECKOUT / f".venv-projects{_SUFFIX}" / "bin" / "python"
PROJECTS_PACKAGES = (
    PROJECTS_PYTHON.parents[1]
    / "lib"
    / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    / "site-packages"
)
"""Their packages, for a process of our own environment that loads them behind its own."""
