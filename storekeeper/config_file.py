"""Where the config file is. Imports nothing that takes time: it is asked before the rest of us is loaded."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from storekeeper.errors import ConfigurationError

FILE_NAME: Final = "storekeeper.yml"
FILE_VARIABLE: Final = "STOREKEEPER_CONFIG"
MANAGE_VARIABLE: Final = "STOREKEEPER_MANAGE_PROJECT"
"""The folder of manage.py, set for the command that manage.py hands its own commands to."""


def find_config(
    given: Path | None, *, environment: Mapping[str, str] = os.environ, beside: Path | None = None
) -> Path:
    """
    Return the path of the config: the one given, else $STOREKEEPER_CONFIG, else ``storekeeper.yml`` in the
    current folder, else beside manage.py.

    Raises ConfigurationError, naming the places that were looked at.
    """
    named = given or (Path(environment[FILE_VARIABLE]) if environment.get(FILE_VARIABLE) else None)
    if named is not None:
        if not named.is_file():
            raise ConfigurationError(f"there is no config file {named}", hint="storekeeper init writes one")
        return named
    places = [Path(FILE_NAME), *([beside / FILE_NAME] if beside else [])]
    for place in places:
        if place.is_file():
            return place
    raise ConfigurationError(
        f"there is no {' and no '.join(str(place) for place in places)}",
        hint=f"storekeeper init --project DIR writes one; --config.file or ${FILE_VARIABLE} names one",
    )
