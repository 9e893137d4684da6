"""The table of mutants: one check each, what takes it out, and the tests that notice."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
TABLE = Path(__file__).with_name("table.toml")


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A text of a file, what stands there instead, and words for pytest: at least one test must fail."""

    name: str
    file: str
    was: str
    became: str
    tests: tuple[str, ...]

    def occurrences(self, root: Path) -> int:
        """Return how often the text stands in the file: once, or the row says nothing."""
        path = root / self.file
        return path.read_text("utf-8").count(self.was) if path.is_file() else 0


def read_table(path: Path = TABLE) -> tuple[Mutant, ...]:
    """Return the rows of the table."""
    rows = tomllib.loads(path.read_text("utf-8"))
    return tuple(Mutant(name=name, **{**row, "tests": tuple(row["tests"])}) for name, row in rows.items())
