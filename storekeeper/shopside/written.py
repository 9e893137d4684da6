"""
Columns of JSON text, and lines made of them.

The shop's side sends columns, which are half as long as the lines; who receives them makes the lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

# In JSON text both are escaped.
_ROW = "\n"
_BYTES_ROW = b"\n"
_COLUMN = b"\x1e"


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

    def whole(self) -> list[str]:
        """Give each text with what belongs around it."""
        return f"{self.after}{_ROW}{self.before}".join(
            (self.before + self.joined + self.after).split(_ROW)
        ).split(_ROW)


def packed(columns: Sequence[Written]) -> bytes:
    """Give the columns of some rows in one piece."""
    # Encoded one by one: a single letter that is no ASCII would make all the others' text wide.
    return _COLUMN.join(
        [_ROW.join((column.before, column.after, column.joined)).encode("utf-8") for column in columns]
    )


class Lines:
    """
    Lines that have the same fixed parts, with a column between each two of them.

    All lines of a block are joined at once: to make each of them would take twice as long.
    """

    def __init__(self, fixed: Sequence[str]) -> None:
        self._fixed = [part.encode("utf-8") for part in fixed]
        self._made_for: object = None
        self._pieces: list[bytes] = []

    def block(self, columns: bytes) -> bytes:
        """Give the lines of some rows, of their packed columns; raises ValueError where these do not fit."""
        parts = columns.split(_COLUMN)
        if len(parts) != len(self._fixed) - 1:
            raise ValueError(f"{len(parts)} columns for lines of {len(self._fixed) - 1}")
        around, texts = [], []
        for part in parts:
            before, after, joined = part.split(_BYTES_ROW, 2)
            around.append((before, after))
            texts.append(joined.split(_BYTES_ROW))
        rows = len(texts[0])
        if (rows, around) != self._made_for:
            self._made_for = (rows, around)
            self._pieces = self._fixed_pieces(around, rows=rows)
        pieces = self._pieces.copy()
        step = 2 * len(parts) + 1
        for place, column in enumerate(texts):
            # An error where a column has more or fewer rows.
            pieces[2 * place + 1 :: step] = column
        return b"".join(pieces)

    def _fixed_pieces(self, around: Sequence[tuple[bytes, bytes]], *, rows: int) -> list[bytes]:
        before = [*(before for before, _ in around), b""]
        after = [b"", *(after for _, after in around)]
        step = 2 * len(around) + 1
        pieces = [b""] * (rows * step)
        for place, fixed in enumerate(self._fixed):
            pieces[2 * place :: step] = [after[place] + fixed + before[place]] * rows
        return pieces
