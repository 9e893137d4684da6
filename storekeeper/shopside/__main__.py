"""
Start the shop's Django as its manage.py would, then answer questions until the pipe is closed.

Run as a folder: ``python path/to/shopside PROJECT``.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from pathlib import Path

# The folder is imported under a name of its own, so that no module here hides one of the shop's.
_NAME = "_storekeeper_shopside"
_HERE = Path(__file__).resolve().parent


def _import(module: str) -> object:
    """Import a module of this folder under our own package name."""
    if _NAME not in sys.modules:
        specification = importlib.util.spec_from_file_location(
            _NAME, str(_HERE / "__init__.py"), submodule_search_locations=[str(_HERE)]
        )
        assert specification is not None
        assert specification.loader is not None
        package = importlib.util.module_from_spec(specification)
        sys.modules[_NAME] = package
        specification.loader.exec_module(package)
    return importlib.import_module(f"{_NAME}.{module}")


def main() -> None:
    """Keep the pipe for the frames; whatever the shop prints goes to standard error."""
    project = sys.argv[1]
    answers = os.fdopen(os.dup(1), "wb")
    questions = os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)
    # A shop that reads standard input would eat our questions.
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.path[0] = project
    serve = _import("answers").serve  # type: ignore[attr-defined]
    serve(project, questions=questions, answers=answers)


if __name__ == "__main__":
    main()
