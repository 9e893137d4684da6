"""
Refuse, below all of Python's libraries, to write files, to start programs and to reach other machines.

The interpreter itself reports these before they happen. What a database driver written in C does is not among
them, so that the database is still reached.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_UNNAMED = getattr(os, "O_TMPFILE", 0)
_SOCKETS = frozenset(
    f"socket.{name}"
    for name in (
        "connect",
        "sendto",
        "sendmsg",
        "getaddrinfo",
        "gethostbyname",
        "gethostbyaddr",
        "getnameinfo",
    )
)  # fmt: skip
_PROGRAMS = frozenset(
    {
        "subprocess.Popen",
        *(
            f"os.{name}"
            for name in ("system", "posix_spawn", "spawn", "startfile", "exec", "fork", "forkpty")
        ),
    }
)
# Changes of what lies on a disk.
_OF_TWO = frozenset({"os.rename", "os.link", "os.symlink"})
_IN_A_FOLDER = frozenset({"os.remove", "os.rmdir"})
_CHANGES = frozenset(
    {
        *_OF_TWO,
        *_IN_A_FOLDER,
        "os.mkdir",
        "os.truncate",
        "os.chmod",
        "os.chown",
        "os.setxattr",
        "shutil.rmtree",
    }
)

_active = 0
_hooked = False
_temporary: set[str] = set()
_connecting = threading.local()


class EffectRefused(PermissionError):
    """Something else than rows was to be written, or somebody else was to be called."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"refused: {what}. Verifying and restoring write rows and nothing else; code of the shop wanted"
            " more. Where it is a migration, type manage.py migrate first"
        )


@contextlib.contextmanager
def refuse_writes() -> Iterator[None]:
    """Refuse until the end of the block; Python's own temporary files and /dev/null are let through."""
    global _active, _hooked
    if not _hooked:
        sys.addaudithook(_heard)
        _hooked = True
    _active += 1
    try:
        yield
    finally:
        _active -= 1


@contextlib.contextmanager
def allow_sockets(allowed: bool = True) -> Iterator[None]:
    """Let this thread use sockets until the end of the block, or take that back."""
    before = getattr(_connecting, "now", False)
    _connecting.now = allowed
    try:
        yield
    finally:
        _connecting.now = before


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    if not _active:
        return
    if event == "open":
        path, _, flags = arguments
        if isinstance(flags, int) and flags & _WRITES and not _is_ours(path, flags=flags):
            raise EffectRefused(f"writing the file {path!r}")
    elif event in ("tempfile.mkstemp", "tempfile.mkdtemp"):
        _temporary.add(_text(arguments[0]))
    elif event in _CHANGES:
        paths = arguments[:2] if event in _OF_TWO else arguments[:1]
        # A name below a folder that is open is one that shutil.rmtree goes through: asked before.
        if not all(_is_ours(path) for path in paths) and not (event in _IN_A_FOLDER and arguments[1] != -1):
            raise EffectRefused(f"{event} of {paths[-1]!r}")
    elif event in _SOCKETS:
        if not getattr(_connecting, "now", False):
            raise EffectRefused(
                f"{event} to {arguments[-1] if event != 'socket.getaddrinfo' else arguments[0]!r}"
            )
    elif event in _PROGRAMS:
        raise EffectRefused(f"starting a program ({event})")


def _is_ours(path: Any, *, flags: int = 0) -> bool:
    """Return whether a path is a temporary one of Python's own, a descriptor, or nothing at all."""
    if isinstance(path, int) or path is None or (_UNNAMED and flags & _UNNAMED == _UNNAMED):
        return True
    text = _text(path)
    return text == os.devnull or any(text == one or text.startswith(one + os.sep) for one in _temporary)


def _text(path: Any) -> str:
    return os.fsdecode(path) if isinstance(path, (bytes, str, os.PathLike)) else ""
