"""Path patterns, split so that a directory is asked once and its files only where they can match."""

import fnmatch
import re
from collections.abc import Callable, Mapping, Sequence

from exporter.scanner.request import FilePattern

NameMatch = Callable[[str], object]
ANY_FOLDERS = "**"


class PatternSet:
    """The patterns of one scan, compiled."""

    def __init__(self, patterns: Mapping[str, FilePattern]) -> None:
        self._compiled = [(kind, *compiled(wanted.pattern)) for kind, wanted in patterns.items()]

    def within(self, folder: str) -> list[tuple[str, NameMatch]]:
        """Give the patterns that files directly in ``folder`` (relative, ``""`` for the root) can match."""
        if not self._compiled:
            return []
        names = folder.split("/") if folder else []
        return [(kind, name) for kind, folders, name in self._compiled if leads_to(folders, names)]


def compiled(pattern: str) -> tuple[list[NameMatch | None], NameMatch]:
    """
    Give one matcher for each folder of the pattern (None for ``**``) and one for the file's name.

    Case counts on every system. A dot at the start of a name is a character like any other.
    """
    *folders, name = pattern.strip("/").split("/")
    return [None if folder == ANY_FOLDERS else one_name(folder) for folder in folders], one_name(name)


def one_name(pattern: str) -> NameMatch:
    """Give a matcher for a single name."""
    return re.compile(fnmatch.translate(pattern)).match


def leads_to(folders: Sequence[NameMatch | None], names: Sequence[str]) -> bool:
    """Tell whether the folders of a pattern fit exactly the folders of a path."""
    if not folders:
        return not names
    first, *rest = folders
    if first is None:
        return any(leads_to(rest, names[skipped:]) for skipped in range(len(names) + 1))
    return bool(names) and first(names[0]) is not None and leads_to(rest, names[1:])
