"""Find identities that lie beside what they open: whoever takes the machine has both then."""

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Final

from storekeeper.encryption.identities import parse_identities
from storekeeper.errors import ConfigurationError

# A file with a key is a few lines. More files than these are not looked into.
_MOST_BYTES: Final = 4096
_MOST_FILES: Final = 20_000
_MOST_FOLDERS_DEEP: Final = 4
_PASSED_OVER: Final = frozenset({".git", "node_modules", "__pycache__", "site-packages"})
_MARK: Final = b"AGE-SECRET-KEY-1"


def find_stray_identities(folders: Iterable[Path], *, recipients: Collection[str]) -> Iterator[Path]:
    """Yield the small files in the folders that hold the identity of a recipient; no link is followed."""
    seen: set[Path] = set()
    left = _MOST_FILES
    for top in folders:
        for name, below, files in os.walk(top):
            folder = Path(name)
            deep = len(folder.relative_to(top).parts)
            below[:] = [one for one in below if one not in _PASSED_OVER and deep < _MOST_FOLDERS_DEEP]
            for file in files:
                path = folder / file
                if path in seen:
                    continue
                seen.add(path)
                left -= 1
                if left < 0:
                    return
                if _opens(path, recipients):
                    yield path


def _opens(path: Path, recipients: Collection[str]) -> bool:
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _MOST_BYTES:
            return False
        content = path.read_bytes()
    except OSError:
        return False
    if _MARK not in content:
        return False
    try:
        found = parse_identities(content, name=path.name)
    except ConfigurationError:
        return False
    return any(one in recipients for one in found.recipients)
