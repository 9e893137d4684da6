"""Run restic: what it says line by line, and what its errors mean for an operator."""

import io
import queue
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from actions.backups.restic.repository import Repository
from storekeeper import processes
from storekeeper.errors import (
    AlreadyRunning,
    BackupRefused,
    ConfigurationError,
    NotEnoughSpace,
    ProcessFailed,
    StorekeeperError,
)

INSTALL: Final = "apt-get install restic"

# restic's own codes since 0.17; before that, 1 and its words.
_NO_REPOSITORY, _LOCKED, _WRONG_PASSWORD = 10, 11, 12
NOT_ALL_READ: Final = 3
"""A snapshot was made, and some files could not be read."""

# What restic says of data that is not as it was written.
_DAMAGE: Final = (
    "repository contains errors",
    "There were",
    "ciphertext verification failed",
    "not found in repository",
    "not found in index",
    "does not match",
    "invalid data returned",
)
_LOOK_SECONDS: Final = 0.2
_RETRY_SECONDS: Final = 3.0
_ERROR_BYTES: Final = 1 << 20


class NoRepository(BackupRefused):
    """There is no repository at the location, or not yet."""


class Damaged(BackupRefused):
    """Restic itself has found that the repository, or what it was to give, is not whole."""


def never() -> bool:
    """Return that nobody has cancelled."""
    return False


def run(
    repository: Repository,
    arguments: Sequence[str],
    *,
    directory: Path | None = None,
    heard: Callable[[bytes], None] = lambda line: None,
    accepted: Sequence[int] = (0,),
    cancelled: Callable[[], bool] = never,
    source: Repository | None = None,
) -> tuple[int, str]:
    """
    Run restic to its end; return its exit code and its words on standard error.

    ``heard`` receives each line of its output. Waits for another restic that holds the repository, after it
    has asked restic to remove the locks of killed ones. Raises the StorekeeperError that its end means.
    """
    end = time.monotonic() + repository.patience_seconds
    while True:
        try:
            return _run_once(
                repository,
                arguments,
                directory=directory,
                heard=heard,
                accepted=accepted,
                cancelled=cancelled,
                source=source,
            )
        except AlreadyRunning:
            if time.monotonic() >= end:
                raise
        for one in (repository, *((source,) if source else ())):
            _before_next_try(one, end=end, cancelled=cancelled)


@contextmanager
def output(
    repository: Repository,
    arguments: Sequence[str],
    *,
    cancelled: Callable[[], bool] = never,
) -> Iterator[IO[bytes]]:
    """
    Yield restic's output as a stream; what its end means is raised when the stream has been read.

    Waits for another restic as ``run`` does.
    """
    end = time.monotonic() + repository.patience_seconds
    while True:
        with tempfile.TemporaryFile() as errors:
            process = _start(repository, arguments, errors=errors)
            stream = process.stdout
            assert isinstance(stream, io.BufferedReader)
            try:
                # Nothing comes from one that found the repository in use.
                if stream.peek(1) or process.wait() == 0:
                    yield stream
                    while stream.read(1 << 20):
                        _stop_if(cancelled)
                code = process.wait()
            finally:
                processes.stop(process)
                stream.close()
            if code == 0:
                return
            error = _error(repository, arguments[0], code=code, words=_read(errors))
        if not isinstance(error, AlreadyRunning) or time.monotonic() >= end:
            raise error
        _before_next_try(repository, end=end, cancelled=cancelled)


def _run_once(
    repository: Repository,
    arguments: Sequence[str],
    *,
    directory: Path | None = None,
    heard: Callable[[bytes], None] = lambda line: None,
    accepted: Sequence[int] = (0,),
    cancelled: Callable[[], bool] = never,
    source: Repository | None = None,
) -> tuple[int, str]:
    with tempfile.TemporaryFile() as errors:
        process = _start(repository, arguments, errors=errors, directory=directory, source=source)
        assert process.stdout is not None
        try:
            for line in _as_they_come(process.stdout, cancelled=cancelled):
                heard(line)
            code = process.wait()
        finally:
            processes.stop(process)
            process.stdout.close()
        words = _read(errors)
    if code not in accepted:
        raise _error(repository, arguments[0], code=code, words=words)
    return code, repository.without_passwords(words)


def _before_next_try(repository: Repository, *, end: float, cancelled: Callable[[], bool]) -> None:
    """Let restic remove the locks of killed ones, and wait a little for one that lives."""
    # Restic's own judgement: of a process of this machine that is gone, or not renewed for half an hour.
    _run_once(repository, ["unlock"], cancelled=cancelled)
    pause = min(_RETRY_SECONDS, max(0.0, end - time.monotonic()))
    while pause > 0:
        _stop_if(cancelled)
        time.sleep(min(pause, _LOOK_SECONDS))
        pause -= _LOOK_SECONDS


def _start(
    repository: Repository,
    arguments: Sequence[str],
    *,
    errors: IO[bytes],
    directory: Path | None = None,
    source: Repository | None = None,
) -> "subprocess.Popen[bytes]":
    # What lies on this machine needs no second copy of its index here.
    own = ["--no-cache"] if repository.path is not None and source is None else []
    try:
        return processes.start(
            [repository.program, *arguments, *own],
            directory=directory,
            environment=repository.variables(source=source),
            output=subprocess.PIPE,
            errors=errors,
            own_group=True,
        )
    except ProcessFailed as error:
        raise ConfigurationError(f"backups.media.engine: {error.message}", hint=f"Type: {INSTALL}") from None


def _as_they_come(stream: IO[bytes], *, cancelled: Callable[[], bool]) -> Iterator[bytes]:
    """Yield the lines of a stream, and look at the cancellation also while none comes."""
    waiting: queue.Queue[bytes | None] = queue.Queue()

    def read() -> None:
        for line in stream:
            waiting.put(line)
        waiting.put(None)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    while True:
        _stop_if(cancelled)
        try:
            line = waiting.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            continue
        if line is None:
            reader.join()
            return
        yield line


def _stop_if(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise BackupRefused("cancelled; restic was stopped, and the repository is as it was")


def _is_there(repository: Repository) -> bool:
    """Return whether a repository on this machine is there; a file that it misses is damage then."""
    return repository.path is not None and (repository.path / "config").exists()


def _read(errors: IO[bytes]) -> str:
    size = errors.seek(0, 2)
    errors.seek(max(0, size - _ERROR_BYTES))
    return errors.read().decode("utf-8", "backslashreplace")


def _error(repository: Repository, command: str, *, code: int, words: str) -> StorekeeperError:
    """Return what restic's end means; its own words are kept where they say more."""
    told = repository.without_passwords(processes.last_words(words.encode()))
    if "no space left on device" in words or "disk quota exceeded" in words:
        return NotEnoughSpace(
            f"the disk of the repository {repository.label} is full, so restic {command} has ended",
            hint="What was in it before is as it was. Make room, then run this again",
        )
    if code == _LOCKED or "already locked" in words:
        holder = next((line.strip() for line in words.splitlines() if "already locked" in line), told)
        return AlreadyRunning(
            f"the repository {repository.label} is in use: {holder.partition('already ')[2] or holder}",
            hint="Wait until that restic has ended; storekeeper removes the lock of one that was killed",
        )
    if code == _WRONG_PASSWORD or "wrong password" in words or "no key found" in words:
        return BackupRefused(
            f"the repository {repository.label} does not open with the password in"
            f" {repository.password_file}",
            hint="It was made with another one: copy the password file from the machine that made it",
        )
    if code == _NO_REPOSITORY or "Is there a repository at" in words:
        return NoRepository(
            f"there is no restic repository at {repository.label}: {told.splitlines()[0] if told else code}",
            hint="Is its disk mounted, or its server there? backup_media makes a new one where none was",
        )
    if any(one in words for one in _DAMAGE) or ("no such file" in words and _is_there(repository)):
        return Damaged(
            f"restic {command} has found damage in {repository.label}: {told}",
            hint="Copy the repository first; then see restic's own chapter about repairs",
        )
    if code < 0:
        return BackupRefused(
            f"restic {command} at {repository.label} was killed by signal {-code}",
            hint="The repository is as it was. Was there too little memory? Run this again",
        )
    return BackupRefused(f"restic {command} at {repository.label} has ended with code {code}: {told}")
