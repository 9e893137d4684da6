"""The shop's secret key: made once, kept in its data folder, never in the repository."""

import contextlib
import os
import tempfile
from pathlib import Path

from django.core.management.utils import get_random_secret_key


def read_or_make_secret_key(path: Path) -> str:
    """
    Return the key kept in ``path``; make it first (mode 0600) where there is none.

    Two processes that start together get the same key: the file appears complete or not at all.
    """
    if not path.exists():
        descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".secret_key.")  # mode 0600
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as stream:
                stream.write(get_random_secret_key())
            # Another process may have been first: then its key is the one read below.
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
        finally:
            Path(draft).unlink()
    return path.read_text(encoding="ascii")
