"""What the fields of a fixture's line cannot carry: it stands beside them, as the database stores it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .json_text import json_text
from .stored import Form, form_of, shown
from .written import Written

_NAMED = 3


class Oddities:
    """
    The stored values beside the fields of one table: those of a block, and a count of all.

    ``loaddata`` reads the fields and no more. ``lost`` has, by column, how many values it would not bring
    back as they were, and the keys of the first ones.
    """

    def __init__(self) -> None:
        self._rows: dict[int, dict[str, Form]] = {}
        self._kept: set[tuple[int, str]] = set()
        self.lost: dict[str, dict[str, Any]] = {}

    def add(self, row: int, column: str, value: Any, *, lost: bool = True) -> None:
        """
        Put what is stored in this column of the block's row beside its fields.

        It is not ``lost`` where loaddata alone would come to the same value.
        """
        self._rows.setdefault(row, {})[column] = form_of(value)
        if not lost:
            self._kept.add((row, column))

    def has(self, row: int, column: str) -> bool:
        """Return whether the fields of the block's row say something else of this column."""
        return column in self._rows.get(row, ())

    def forget(self) -> None:
        """Begin the next block without a word of this one."""
        self._rows.clear()
        self._kept.clear()

    def written(self, count: int, *, keys: Sequence[Any], key_column: str = "") -> Written:
        """
        Return what ends the lines of a block with so many rows, and begin the next block.

        ``keys`` are those of the rows; in ``key_column`` for lines that do not have them otherwise.
        """
        if not self._rows:
            return Written("\n" * (count - 1))
        for row, stored in self._rows.items():
            for column in stored:
                if (row, column) in self._kept:
                    continue
                lost = self.lost.setdefault(column, {"rows": 0, "keys": []})
                lost["rows"] += 1
                if len(lost["keys"]) < _NAMED:
                    lost["keys"].append(shown(keys[row]))
        if key_column:
            for row, columns in self._rows.items():
                self._rows[row] = {key_column: form_of(keys[row]), **columns}
        texts = [
            f', "stored": {json_text(self._rows[row])}' if row in self._rows else "" for row in range(count)
        ]
        self.forget()
        return Written.of(texts)
