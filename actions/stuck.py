"""What one run could not remove although it was to go: named with the reason, while everything else goes."""

from typing import Any, Final

from storekeeper.files import Tree
from storekeeper.files.found import FoundFile

# So many are kept by name, and so many are named in a sentence.
KEPT: Final = 100
SHOWN: Final = 3


class Stuck:
    """Rows and files that stay, each with the reason."""

    def __init__(self) -> None:
        self.count = 0
        self._reasons: dict[str, str] = {}

    def add(self, what: str, why: str) -> None:
        """Note a row or a file; its name may hold bytes that are no UTF-8."""
        self.count += 1
        if len(self._reasons) < KEPT:
            self._reasons[what.encode("utf-8", "backslashreplace").decode("utf-8")] = why

    def add_refused(self, file: FoundFile, *, tree: Tree) -> bool:
        """Note a file that the system did not remove; False where it stays for another reason."""
        error = tree.refused.get(file.name)
        if error is None:
            return False
        self.add(f"{tree.root / file.name}", str(error.strerror))
        return True

    def told(self) -> str:
        """Return the sentence for an operator, ``""`` where nothing is stuck."""
        if not self.count:
            return ""
        shown = [f"{what} ({why})" for what, why in list(self._reasons.items())[:SHOWN]]
        more = f" and {self.count - len(shown)} more" if self.count > len(shown) else ""
        return f"NOT removed, and left: {', '.join(shown)}{more}"

    def details(self) -> dict[str, Any]:
        """Return them for a script."""
        return {"not_removed": dict(self._reasons), "not_removed_count": self.count}
