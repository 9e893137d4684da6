"""Hear questions, find who answers them, and send answers, the end, or the error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import IO, Any, Callable

from .django_start import ShopBroken, start_django
from .frames import DATA, read_frame, write_frame, write_message
from .patience import limit_waits, words_of_lock

# The questions, and the module and function that answer each: imported when Django is ready, not before.
QUESTIONS = {
    "describe": ("describe", "describe"),
    "expired_rows": ("rows", "expired_rows"),
    "remove_rows": ("removal", "remove_rows"),
    "texts_naming": ("text_fields", "texts_naming"),
    "rows_naming": ("file_names", "rows_naming"),
    "rename_in_rows": ("file_names", "rename_in_rows"),
    "settle_rows": ("file_names", "settle_rows"),
    "signs_of_life": ("signs_of_life", "signs_of_life"),
    "database_size": ("sizes", "database_size"),
    "copy_file": ("file_copy", "copy_file"),
    "open_snapshot": ("snapshot", "open_snapshot"),
    "dump_fixture": ("fixture", "dump_fixture"),
    "enter_scratch": ("scratch", "enter_scratch"),
    "check_sqlite": ("sqlite_check", "check_sqlite"),
    "count_rows": ("restore", "count_rows"),
    "restore_fixture": ("restore", "restore_fixture"),
    "rehearse": ("rehearsal", "rehearse"),
}

_HIDDEN_ROWS = (
    "A policy hides rows of this table from the shop's role, and a backup without them is none. Let a role"
    " read that sees all: ALTER ROLE … BYPASSRLS, or ALTER TABLE … NO FORCE ROW LEVEL SECURITY for the owner"
)


def serve(project: str | None, *, questions: IO[bytes], answers: IO[bytes]) -> None:
    """
    Answer until the pipe is closed; an error ends one question, not the conversation.

    Django is started at once, before it is asked; without a ``project`` it runs already. Where it does not
    start, the first question is told why, and each further one makes it try again.
    """
    broken: list[Exception] = []
    started = False
    try:
        _start(project)
        started = True
    except Exception as error:  # noqa: BLE001 - told to whoever asks
        broken.append(error)
    while True:
        frame = read_frame(questions)
        if frame is None:
            return
        request = json.loads(frame[1])
        try:
            if broken:
                raise broken.pop()
            if not started:
                _start(project)
                started = True
            for answer in _answerer(request["question"])(**request["arguments"]):
                if isinstance(answer, (bytes, bytearray, memoryview)):
                    write_frame(answers, DATA, answer)  # type: ignore[arg-type]
                else:
                    write_message(answers, {"answer": answer})
        except BrokenPipeError:
            return
        except Exception as error:  # noqa: BLE001 - the edge: every error of the shop becomes an answer
            write_message(answers, _error(error))
        else:
            write_message(answers, {"end": True})


def _start(project: str | None) -> None:
    if project is not None:
        start_django(project)
    limit_waits()


def _answerer(question: str) -> Callable[..., Iterator[Any]]:
    """Give the function that answers; it yields JSON values and bytes."""
    import importlib

    module, function = QUESTIONS[question]
    found: Callable[..., Iterator[Any]] = getattr(
        importlib.import_module(f".{module}", __package__), function
    )
    return found


def _error(error: Exception) -> dict[str, str]:
    """Give the message for an error; the kind tells whether a database or the shop is to blame."""
    if isinstance(error, ShopBroken):
        return {"error": "shop", "message": str(error), "hint": error.hint}
    from django.db import Error as DatabaseError

    locked = words_of_lock(error)
    if locked is not None:
        return {"error": "database", "message": locked[0], "hint": locked[1]}
    kind = "database" if isinstance(error, DatabaseError) else "shop"
    hint = _HIDDEN_ROWS if "row-level security" in str(error) else ""
    return {"error": kind, "message": f"{type(error).__name__}: {error}", "hint": hint}
