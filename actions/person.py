"""Who works at the command line, as the history keeps it."""

import getpass
import os
from collections.abc import Mapping


def person(environment: Mapping[str, str] = os.environ) -> str:
    """
    Give the name of the user that this process runs as, and of the one who became it with sudo.

    The system's user database is asked before the environment, which anybody can set.
    """
    try:
        import pwd

        name = pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        # Windows has no such database, and a container's user often has no name.
        try:
            name = getpass.getuser()
        except (KeyError, OSError, ImportError):
            return "somebody"
    before = environment.get("SUDO_USER", "")
    return f"{before} as {name}" if before and before != name else name
