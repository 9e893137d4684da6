"""Which files of an area are QR codes, and which are wanted although no row names them."""

from collections.abc import Callable, Mapping
from typing import Final

from storekeeper.config import Area, QrCodes
from storekeeper.files.patterns import FilePattern

NO_KIND: Final = ""
"""The kind of files that are no QR codes."""


class FileKinds:
    """The patterns of one area; ``kinds`` are the kinds of QR codes in it."""

    def __init__(self, area: Area, *, kinds: Mapping[str, QrCodes]) -> None:
        self.names = tuple(kinds)
        self.with_rows = tuple(kind for kind, source in kinds.items() if source.model)
        # The more particular pattern takes a file that several match.
        self._patterns = sorted(
            ((FilePattern(source.pattern), kind) for kind, source in kinds.items() if source.pattern),
            key=lambda pair: -pair[0].literal_characters,
        )
        # As the cleanup of orphans reads them: a pattern may also name a folder, with all that is in it.
        self._ignored = [FilePattern(form) for text in area.ignore for form in (text, f"{text}/**/*")]

    def within(self, folder: str) -> Callable[[str], str | None] | None:
        """
        Give what tells the kind of a name in ``folder``: NO_KIND for other files, None for ignored ones.

        None in its place stands for a folder in which all files are of NO_KIND.
        """
        patterns = [(pattern, kind) for pattern, kind in self._patterns if pattern.leads_to(folder)]
        ignored = [pattern for pattern in self._ignored if pattern.leads_to(folder)]
        if not patterns and not ignored:
            return None

        def kind_of(name: str) -> str | None:
            for pattern, kind in patterns:
                if pattern.takes(name):
                    return kind
            return None if any(pattern.takes(name) for pattern in ignored) else NO_KIND

        return kind_of
