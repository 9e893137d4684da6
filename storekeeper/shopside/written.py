"""Columns of JSON text, and lines made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Written(NamedTuple):
    """
    A column as JSON text: one text for each row, and what stands before and after every one of them.

    Quotes that all values share are so put into the line once, not around each value.
    """

    texts: Sequence[str]
    before: str = ""
    after: str = ""

    def whole(self) -> list[str]:
        """Give each text with what belongs around it."""
        if not self.before and not self.after:
            return list(self.texts)
        return [f"{self.before}{text}{self.after}" for text in self.texts]


class Lines:
    """
    Lines that have the same fixed parts, with a column between each two of them.

    All lines of a block are joined at once: a text for each line would take twice as long.
    """

    def __init__(self, fixed: Sequence[str]) -> None:
        self._fixed = list(fixed)
        self._made_for: tuple[object, ...] = ()
        self._pieces: list[str] = []

    def block(self, columns: Sequence[Written], *, rows: int) -> str:
        """Give ``rows`` lines as one text."""
        around = (rows, *((column.before, column.after) for column in columns))
        if around != self._made_for:
            self._made_for = around
            self._pieces = self._fixed_pieces(columns, rows=rows)
        pieces = self._pieces.copy()
        step = 2 * len(columns) + 1
        for place, column in enumerate(columns):
            pieces[2 * place + 1 :: step] = column.texts
        return "".join(pieces)

    def _fixed_pieces(self, columns: Sequence[Written], *, rows: int) -> list[str]:
        before = [*(column.before for column in columns), ""]
        after = ["", *(column.after for column in columns)]
        step = 2 * len(columns) + 1
        pieces = [""] * (rows * step)
        for place, fixed in enumerate(self._fixed):
            pieces[2 * place :: step] = [f"{after[place]}{fixed}{before[place]}"] * rows
        return pieces
