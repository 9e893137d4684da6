"""
Keep the state of a tree over a restart.

One file: a line with the format's name and version, a SHA-256 of the rest, then a JSON head and the columns
as they are in memory. Whatever is not exactly right (another version, byte order, question, one flipped bit)
is as good as no file: the next scan walks the whole tree. Nothing in it is executed or unpickled.
"""

import hashlib
import json
import logging
import os
import struct
import sys
from array import array
from itertools import accumulate
from pathlib import Path
from typing import Any

from storekeeper.files.atomic import PartialFile
from storekeeper.measure.scanner.request import ScanRequest
from storekeeper.measure.scanner.scanning import fingerprint
from storekeeper.measure.scanner.table import COLUMNS, LinkedFile, TreeState

FORMAT = b"storekeeper tree 3\n"
HEAD_LENGTH = struct.Struct("<Q")
logger = logging.getLogger(__name__)


def save_state(state: TreeState, *, path: Path) -> None:
    """Write the state, readable by us alone; an older file is replaced in one step. Raises OSError."""
    content = serialised(state)
    with PartialFile(path) as partial:
        partial.stream.write(FORMAT)
        partial.stream.write(hashlib.sha256(content).digest())
        partial.stream.write(content)
        partial.finish(replace=True)


def load_state(path: Path, *, request: ScanRequest) -> TreeState | None:
    """Give the state that was saved for this request, None where there is none that can be used."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    digest_end = len(FORMAT) + hashlib.sha256().digest_size
    content = data[digest_end:]
    if data[: len(FORMAT)] != FORMAT or hashlib.sha256(content).digest() != data[len(FORMAT) : digest_end]:
        logger.warning("%s is damaged or of another version; the tree is walked as a whole", path)
        return None
    try:
        state = restored(content)
    except (ValueError, KeyError, TypeError, struct.error) as error:
        logger.warning("%s cannot be used (%s); the tree is walked as a whole", path, error)
        return None
    return state if state.fingerprint == fingerprint(request) else None


def serialised(state: TreeState) -> bytes:
    """Give the head and the blobs as bytes."""
    linked = [(row, *astuple(file)) for row, files in state.linked.items() for file in files]
    lengths: array[int] = array("Q", map(len, state.listings))
    # A NUL is the one character that no path has.
    blobs = [os.fsencode("\0".join(state.paths)), *(column.tobytes() for column in state.columns.values())]
    blobs += [lengths.tobytes(), b"".join(state.listings)]
    head = {
        "byte_order": sys.byteorder,
        "fingerprint": state.fingerprint,
        "device": state.device,
        "walked_at": state.walked_at,
        "linked": linked,
        "large": list(state.large.items()),
        "problems": list(state.problems.items()),
        "lengths": [len(blob) for blob in blobs],
    }
    # ASCII only, so that a name that is no valid text survives as an escape.
    encoded = json.dumps(head, ensure_ascii=True).encode("ascii")
    return b"".join([HEAD_LENGTH.pack(len(encoded)), encoded, *blobs])


def restored(content: bytes) -> TreeState:
    """Give the state back. Raises ValueError, KeyError, TypeError or struct.error when it does not fit."""
    (length,) = HEAD_LENGTH.unpack_from(content)
    start = HEAD_LENGTH.size + length
    head: dict[str, Any] = json.loads(content[HEAD_LENGTH.size : start])
    if head["byte_order"] != sys.byteorder:
        raise ValueError("it comes from a machine of another byte order")
    blobs: list[bytes] = []
    for size in head["lengths"]:
        blobs.append(content[start : start + size])
        start += size
    state = TreeState(fingerprint=head["fingerprint"], device=head["device"], walked_at=head["walked_at"])
    paths, *columns, lengths, listings = blobs
    state.paths = os.fsdecode(paths).split("\0")
    for (name, code), blob in zip(COLUMNS.items(), columns, strict=True):
        state.columns[name] = filled(code, blob)
        if len(state.columns[name]) != len(state):
            raise ValueError(f"the column {name} has another length than the paths")
    ends = list(accumulate(filled("Q", lengths)))
    state.listings = [listings[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]
    if len(state.listings) != len(state) or ends[-1] != len(listings):
        raise ValueError("the listings do not fit the paths")
    for row, *numbers in head["linked"]:
        state.linked.setdefault(row, []).append(LinkedFile(*numbers))
    state.large = {row: (count, [(s, m, n) for s, m, n in files]) for row, (count, files) in head["large"]}
    state.problems = {row: [(name, reason) for name, reason in found] for row, found in head["problems"]}
    return state


def filled(code: str, blob: bytes) -> "array[int]":
    """Give an array with these bytes."""
    column: array[int] = array(code)
    column.frombytes(blob)
    return column


def astuple(file: LinkedFile) -> tuple[int, int, int, int]:
    """Give the numbers of a file with several names."""
    return file.inode, file.links, file.size, file.blocks
