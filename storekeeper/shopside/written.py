"""
Columns of JSON text, and lines made of them.

The shop's side sends columns, which are half as long as the lines; who receives them makes the lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

# In JSON text both are escaped.
_ROW = "\n"
_COLUMN = "\x1e"


class Written(NamedTuple):
    """
    A column as JSON text: the texts of all rows joined by newlines, and what stands around every one of them.

    Quotes that all values share are so put into the line once, not around each value.
    """

    joined: str
    before: str = ""
    after: str = ""

    @classmethod
    def of(cls, texts: Iterable[str], before: str = "", after: str = "") -> Written:
        """Give the column of these texts, one for each row."""
        return cls(_ROW.join(texts), before, after)

    def texts(self) -> list[str]:
        """Give the text of each row, without what stands around it."""
        return self.joined.split(_ROW)

    def whole(self) -> list[str]:
        """Give each text with what belongs around it."""
        return f"{self.after}{_ROW}{self.before}".join(
            (self.before + self.joined + self.after).split(_ROW)
        ).split(_ROW)


def packed(columns: Sequence[Written]) -> str:
    """Give the columns of some rows as one text."""
    return _COLUMN.join([_ROW.join((column.before, column.after, column.joined)) for column in columns])


def unpacked(text: str) -> list[Written]:
    """Give the columns that ``packed`` made one text of; raises ValueError where it did not."""
    columns = []
    for column in text.split(_COLUMN):
        before, after, joined = column.split(_ROW, 2)
        columns.append(Written(joined, before, after))
    return columns


class Lines:
    """
    Lines that have the same fixed parts, with a column between each two of them.

    All lines of a block are joined at once: a text for each line would take twice as long.
    """

    def __init__(self, fixed: Sequence[str]) -> None:
        self._fixed = list(fixed)
        self._made_for: tuple[object, ...] = ()
        self._pieces: list[str] = []

    def block(self, columns: Sequence[Written]) -> str:
        """Give the lines as one text; raises ValueError unless the columns fit."""
        if len(columns) != len(self._fixed) - 1:
            raise ValueError(f"{len(columns)} columns for lines of {len(self._fixed) - 1}")
        rows = columns[0].joined.count(_ROW) + 1
        around = (rows, *((column.before, column.after) for column in columns))
        if around != self._made_for:
            self._made_for = around
            self._pieces = self._fixed_pieces(columns, rows=rows)
        pieces = self._pieces.copy()
        step = 2 * len(columns) + 1
        for place, column in enumerate(columns):
            # An error where a column has more or fewer rows.
            pieces[2 * place + 1 :: step] = column.texts()
        return "".join(pieces)

    def _fixed_pieces(self, columns: Sequence[Written], *, rows: int) -> list[str]:
        before = [*(column.before for column in columns), ""]
        after = ["", *(column.after for column in columns)]
        step = 2 * len(columns) + 1
        pieces = [""] * (rows * step)
        for place, fixed in enumerate(self._fixed):
            pieces[2 * place :: step] = [f"{after[place]}{fixed}{before[place]}"] * rows
        return pieces
