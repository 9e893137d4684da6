"""Hashes and sums of rows that our own process reads. Standard library alone: the process starts fast."""

import marshal
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from operator import mul
from typing import Any, Final
from zlib import crc32

CELLS: Final = 64
"""Into so many cells the rows of a table are divided: by half of their number, modulo this."""
LARGEST: Final = 0x7FFFFFFE
"""A row's number is one more than the bits of its key's hash that this has: from 1 to 2**31 - 1."""

# Version 2 of marshal writes equal values equally, and tells 1 from 1.0, from '1' and from X'31'.
_VERSION: Final = repeat(2)


def hashes_of(values: Iterable[Any]) -> list[int]:
    """Return a hash of each value and of its type."""
    return list(map(crc32, map(marshal.dumps, values, _VERSION)))


class TableTally:
    """The sums of one table, whose rows come block by block; ``key`` has its places in a row."""

    def __init__(self, columns: Sequence[str], *, key: Sequence[int]) -> None:
        self._columns = columns
        self._key = key
        self._rows = 0
        self._sums = [[0, 0] for _ in columns]
        self._cells: dict[int, list[int]] = {}

    def add(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Add some rows."""
        columns = list(zip(*rows, strict=True))
        whole = hashes_of(rows)
        numbers = self.numbers(rows, columns=columns, whole=whole)
        for sums, column in zip(self._sums, columns, strict=True):
            hashed = hashes_of(column)
            sums[0] += sum(hashed)
            sums[1] += sum(map(mul, hashed, numbers))
        for number, row in zip(numbers, whole, strict=True):
            cell = self._cells.get((number >> 1) % CELLS)
            if cell is None:
                cell = self._cells[(number >> 1) % CELLS] = [0, 0, 0]
            cell[0] += 1
            cell[1] += row
            cell[2] += row * number
        self._rows += len(rows)

    def numbers(
        self, rows: Sequence[tuple[Any, ...]], *, columns: Sequence[tuple[Any, ...]], whole: Sequence[int]
    ) -> list[int]:
        """Return the number of each row."""
        if not self._key:
            hashed = whole
        elif len(self._key) == 1:
            hashed = hashes_of(columns[self._key[0]])
        else:
            hashed = hashes_of(zip(*(columns[place] for place in self._key), strict=True))
        return [(one & LARGEST) + 1 for one in hashed]

    def sums(self) -> dict[str, Any]:
        """Return what was summed up, as RawTable has it."""
        return as_table(
            self._columns,
            key=[self._columns[place] for place in self._key],
            rows=self._rows,
            sums=self._sums,
            cells=self._cells,
        )


def as_table(
    columns: Sequence[str],
    *,
    key: Sequence[str],
    rows: int,
    sums: Sequence[Sequence[int]],
    cells: Mapping[int, Sequence[int]],
) -> dict[str, Any]:
    """Return the sums of a table in the form of RawTable."""
    return {
        "rows": rows,
        "key": list(key),
        "columns": {name: " ".join(map(str, pair)) for name, pair in zip(columns, sums, strict=True)},
        "cells": " ".join(":".join(map(str, (cell, *cells[cell]))) for cell in sorted(cells)),
    }
