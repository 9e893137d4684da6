"""The ``storekeeper`` command, also as ``python -m storekeeper``."""

import os
import sys
from pathlib import Path

from storekeeper.config_file import MANAGE_VARIABLE
from storekeeper.early_shop import start_early


def main() -> None:
    """Run the command in the process's arguments; the shop's Django starts while we are loaded."""
    # The folder of manage.py when we run for it; programs that we start do not.
    manage = os.environ.pop(MANAGE_VARIABLE, None)
    project = Path(manage) if manage else None
    start_early(sys.argv[1:], project=project)
    from storekeeper.cli import main as run

    run(project=project)


if __name__ == "__main__":
    main()
