"""Patterns for the names of files below a root: ``qr_codes/tracking_*.png``."""

import fnmatch
import re

_WILD = re.compile(r"[*?\[]")


class FilePattern:
    """
    A pattern that is matched folder by folder: ``*`` and ``?`` stay within one name, ``**`` is any folders.

    Case counts on every system.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        *folders, last = text.strip("/").split("/")
        self._folders = [
            None if folder == "**" else re.compile(fnmatch.translate(folder)) for folder in folders
        ]
        self._last = re.compile(fnmatch.translate(last))
        fixed = next((index for index, folder in enumerate(folders) if _WILD.search(folder)), len(folders))
        self.folder = "/".join(folders[:fixed])
        """The folder below which all matches lie, as far as it has no wildcard."""
        self.literal_characters = len(re.sub(r"[*?]|\[[^]]*\]", "", text))
        """How many characters are given: the more, the more particular the pattern."""
        self._known: dict[str, bool] = {}

    def matches(self, name: str) -> bool:
        """Tell whether the file of that name (relative, POSIX form) matches."""
        parent, _, last = name.rpartition("/")
        if not self.takes(last):
            return False
        if parent not in self._known:
            self._known[parent] = self.leads_to(parent)
        return self._known[parent]

    def leads_to(self, folder: str) -> bool:
        """Tell whether files that lie directly in ``folder`` (relative, ``""`` for the root) can match."""
        return _leads_to(self._folders, folder.split("/") if folder else [])

    def takes(self, last: str) -> bool:
        """Tell whether the last part of a name fits, whatever its folder."""
        return self._last.match(last) is not None


def _leads_to(folders: "list[re.Pattern[str] | None]", names: list[str]) -> bool:
    if not folders:
        return not names
    first, rest = folders[0], folders[1:]
    if first is None:
        return any(_leads_to(rest, names[skipped:]) for skipped in range(len(names) + 1))
    return bool(names) and first.match(names[0]) is not None and _leads_to(rest, names[1:])
