"""
The one place that starts programs: from an argument list, without a shell, with a time limit.

Secrets travel in the environment or over standard input, never in the arguments. psutil is imported where it
is used: a command starts the shop's interpreter before it loads anything that takes time.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, NoReturn

from storekeeper.errors import ProcessFailed

# The words of a failed program are for a person: its end says why.
MESSAGE_CHARACTERS = 2000


def run(
    arguments: Sequence[str | Path],
    *,
    timeout_seconds: float,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
    standard_input: bytes | None = None,
) -> bytes:
    """
    Run a program to its end and give what it wrote to standard output.

    ``environment`` is added to ours. Raises ProcessFailed when the program cannot be started, ends with
    an error or needs longer than ``timeout_seconds``.
    """
    words = [os.fspath(argument) for argument in arguments]
    try:
        done = subprocess.run(
            words,
            cwd=directory,
            env={**os.environ, **(environment or {})},
            input=standard_input if standard_input is not None else b"",
            capture_output=True,
            timeout=timeout_seconds,
            check=False,
        )
    except OSError as error:
        raise _not_started(words[0], error) from None
    except subprocess.TimeoutExpired:
        raise ProcessFailed(f"{words[0]} did not end within {timeout_seconds:g} seconds") from None
    if done.returncode:
        raise ProcessFailed(f"{words[0]} ended with code {done.returncode}: {last_words(done.stderr)}")
    return done.stdout


def wait(arguments: Sequence[str | Path], *, environment: Mapping[str, str] | None = None) -> int:
    """Run a program as if it were us: our terminal, no time limit; give its exit code."""
    return end_of(start(arguments, environment=environment, standard_input=None))


def end_of(process: "subprocess.Popen[bytes]") -> int:
    """
    Wait for a program that runs as if it were us; give its exit code.

    Ctrl-C reaches it through the terminal, so we wait for its own answer to that.
    """
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def start(
    arguments: Sequence[str | Path],
    *,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
    output: IO[bytes] | int | None = None,
    errors: IO[bytes] | int | None = None,
    standard_input: int | None = subprocess.DEVNULL,
    piped: bool = False,
    own_group: bool = False,
    inherited: Sequence[int] = (),
) -> "subprocess.Popen[bytes]":
    """
    Start a program that lives beside us; the caller ends it and reaps it.

    ``piped`` connects its standard input and output to us; ``output`` and ``errors`` name files
    otherwise; None means our own. ``own_group`` keeps a terminal's Ctrl-C away from it, for callers
    that end it themselves. ``inherited`` are open files that it gets by their numbers. Raises ProcessFailed
    when the program cannot be started.
    """
    words = [os.fspath(argument) for argument in arguments]
    try:
        return subprocess.Popen(
            words,
            cwd=directory,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE if piped else standard_input,
            stdout=subprocess.PIPE if piped else output,
            stderr=errors,
            start_new_session=own_group and sys.platform != "win32",
            pass_fds=inherited,
        )
    except OSError as error:
        raise _not_started(words[0], error) from None


def stop(process: "subprocess.Popen[bytes]", *, grace_seconds: float = 10.0) -> int:
    """Ask a program to end, insist after ``grace_seconds``, and give its exit code."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=grace_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def lives(process: int, *, started: float) -> bool:
    """Tell whether the process of this number still runs, and is the one that began at this time."""
    import psutil

    try:
        return abs(psutil.Process(process).create_time() - started) < 2
    except psutil.Error:
        return False


def begin_anew() -> NoReturn:
    """
    End the programs that we started, and begin this very program anew in our place.

    All threads end, wherever they are, all files are closed and all locks are given back. On Windows our
    process only ends, with code 1: whoever watches over it starts it again.
    """
    import psutil

    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            child.kill()
    if sys.platform == "win32":
        os._exit(1)
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - the very arguments that we were started with


def _not_started(program: str, error: OSError) -> ProcessFailed:
    if isinstance(error, FileNotFoundError):
        return ProcessFailed(f"{program} cannot be started: there is no such program or folder")
    return ProcessFailed(
        f"{program} cannot be started: {error.strerror}",
        hint="It must be a program that this user may execute",
    )


def last_words(output: bytes) -> str:
    """Give the end of what a program wrote, readable whatever its bytes are."""
    text = output.decode("utf-8", "backslashreplace").strip()
    return text if len(text) <= MESSAGE_CHARACTERS else "…" + text[-MESSAGE_CHARACTERS:]
